//! Mails as the server is handed them, and what an import makes of its answers.

use std::{io::Read, os::unix::net::UnixListener, thread};

use super::*;
use crate::{
    control::{ControlAnswer, Header, VERSION},
    submission::MAIL,
};

/// A server of one connection that answers each body with the outcome its text asks for.
fn serve(listener: &UnixListener) -> Vec<(Header, String)> {
    let (mut stream, _) = listener.accept().unwrap();
    let mut seen = Vec::new();
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let mut header = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut header).unwrap();
        let header: Header = serde_json::from_slice(&header).unwrap();
        let mut body = vec![0; header.bytes as usize];
        stream.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let reported = |outcome, code: Option<&str>| ReportedOutcome {
            outcome,
            uuid: None,
            code: code.map(str::to_owned),
            detail: None,
            domains: Vec::new(),
        };
        let answer = match body.split_whitespace().last() {
            _ if header.command == "hello" => ControlAnswer::Hello {
                version: VERSION,
                program: "a test".to_owned(),
                report_wire_max_bytes: 1_000,
                mail_wire_max_bytes: Some(2_000),
            },
            Some("key") => ControlAnswer::Receipt { outcomes: vec![reported(OutcomeWord::Busy, Some("key-lookup"))] },
            Some("busy") => ControlAnswer::Receipt { outcomes: vec![reported(OutcomeWord::Busy, None)] },
            Some("spam") => {
                ControlAnswer::Receipt { outcomes: vec![reported(OutcomeWord::Ignored, Some("not-tlsrpt"))] }
            }
            _ => ControlAnswer::Receipt { outcomes: vec![reported(OutcomeWord::Stored, None)] },
        };
        let line = serde_json::to_string(&answer).unwrap() + "\n";
        stream.write_all(line.as_bytes()).unwrap();
        seen.push((header, body));
    }
    seen
}

struct Served {
    /// What the server saw.
    seen: Vec<(Header, String)>,
    tally: ImportTally,
    paths: Vec<String>,
    result: Result<(), ImportStop>,
}

fn import_served(mbox: &str, trusted_input: bool) -> Served {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("m.mbox");
    fs::write(&path, mbox).unwrap();
    let listener = UnixListener::bind(data.path().join("control.sock")).unwrap();
    let server = thread::spawn(move || serve(&listener));
    let client = ControlClient::connect(data.path()).expect("no error").expect("answers");
    let mut sink = ImportSink::Server(Box::new(client));
    let (mut tally, mut paths) = (ImportTally::default(), Vec::new());
    let request = ImportRequest { paths: vec![path], trusted_input };
    let result = import(request, &mut sink, &clock(), &AtomicBool::new(false), |item| {
        tally.add(item);
        paths.push(item.path.file_name().unwrap().to_str().unwrap().to_owned());
    });
    drop(sink);
    Served { seen: server.join().unwrap(), tally, paths, result }
}

#[test]
fn a_mail_whose_key_cannot_be_looked_up_is_counted_and_holds_up_nobody() {
    let mbox = "From a\nSubject: 1\n\nstored\n\nFrom b\nSubject: 2\n\nkey\n\nFrom c\nSubject: 3\n\nspam\n\n\
                From d\nSubject: 4\n\nstored\n";
    let Served { seen, tally, paths, result } = import_served(mbox, true);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(paths, ["m.mbox#1", "m.mbox#2", "m.mbox#3", "m.mbox#4"]);
    assert_eq!((tally.stored, tally.deferred, tally.ignored, tally.has_problems()), (2, 1, 1, false));
    assert_eq!(tally.ignored_mail["not-tlsrpt"], 1);
    let (header, body) = &seen[4];
    assert_eq!(body, "Subject: 4\n\nstored\n");
    assert_eq!(
        (header.media_type.as_deref(), header.trusted_input, header.channel.as_deref()),
        (Some(MAIL), true, Some("import"))
    );
    assert!(header.source.as_deref().is_some_and(|source| source.ends_with("m.mbox#4")));
}

#[test]
fn any_other_busy_answer_ends_the_import() {
    let Served { seen, tally, result, .. } =
        import_served("From a\nSubject: 1\n\nstored\n\nFrom b\nSubject: 2\n\nbusy\n", false);
    assert!(matches!(result, Err(ImportStop::Busy(_))), "{result:?}");
    assert_eq!(tally.stored, 1);
    assert!(seen.iter().all(|(header, _)| !header.trusted_input));
}
