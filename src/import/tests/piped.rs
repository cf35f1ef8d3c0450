use super::*;
use crate::submission::{MAIL, Submission};

const MAIL_TEXT: &str = "Return-Path: <a@example.net>\nSubject: x\n\nText\n\nFrom here on, one mail all the same\n";

fn piped(bytes: &[u8]) -> Input {
    let loader = Loader { limits: small_limits(), clock: clock(), trusted_input: false };
    loader.piped(bytes).expect("memory can be read")
}

#[test]
fn a_mail_is_taken_whole_without_the_line_of_its_envelope() {
    for (input, media_type, bytes) in [
        (MAIL_TEXT.to_owned(), Some(MAIL), MAIL_TEXT),
        (format!("From a@example.net Mon Jan  1 00:00:00 2024\n{MAIL_TEXT}"), Some(MAIL), MAIL_TEXT),
        ("Unheard-Of: x\n\n".to_owned(), Some(MAIL), "Unheard-Of: x\n\n"),
        ("{}".to_owned(), None, "{}"),
        (format!("\n\r\n{MAIL_TEXT}"), Some(MAIL), MAIL_TEXT),
        (format!("\u{feff}{MAIL_TEXT}"), Some(MAIL), MAIL_TEXT),
        (format!("\u{feff}\nFrom a@example.net\n{MAIL_TEXT}"), Some(MAIL), MAIL_TEXT),
        (">From x\nSubject: x\n\n".to_owned(), Some(MAIL), ">From x\nSubject: x\n\n"),
        ("\u{e4}: x\nSubject: x\n\n".to_owned(), Some(MAIL), "\u{e4}: x\nSubject: x\n\n"),
        ("\u{1}: x\nSubject: x\n\n".to_owned(), Some(MAIL), "\u{1}: x\nSubject: x\n\n"),
        ("From here\non".to_owned(), Some(MAIL), "From here\non"),
        ("\n".to_owned(), Some(MAIL), "\n"),
        ("\u{feff}\n{}".to_owned(), None, "\u{feff}\n{}"),
        ("PK\u{3}\u{4}".to_owned(), None, "PK\u{3}\u{4}"),
    ] {
        let Input::Submission(Submission { bytes: got, hints, .. }) = piped(input.as_bytes()) else {
            panic!("{input}")
        };
        assert_eq!((String::from_utf8(got).unwrap().as_str(), hints.media_type.as_deref()), (bytes, media_type));
    }
}

#[test]
fn a_piped_report_is_stored_once_and_rubbish_is_not() {
    let data = tempfile::tempdir().unwrap();
    let mut sink = ImportSink::Local(pipeline(data.path(), small_limits()));
    let mut words = |bytes: &[u8]| {
        let reported = import_piped(bytes, false, &mut sink, &clock()).expect("the store is there");
        reported.into_iter().map(|reported| (reported.outcome, reported.code.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(words(&report("a", 1)), [(OutcomeWord::Stored, String::new())]);
    assert_eq!(words(&gzip(&report("a", 1))), [(OutcomeWord::Duplicate, String::new())]);
    assert_eq!(words(b""), [(OutcomeWord::Refused, UNREADABLE.to_owned())], "the mail server has it still");
    assert_eq!(words(b"Dear all,"), [(OutcomeWord::Ignored, "not-tlsrpt".to_owned())]);
    assert_eq!(words(&vec![b'{'; 3_000]), [(OutcomeWord::Refused, "too-large-wire".to_owned())]);
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("broken"))
    }
}

#[test]
fn a_broken_pipe_is_told_as_such() {
    let data = tempfile::tempdir().unwrap();
    let mut sink = ImportSink::Local(pipeline(data.path(), small_limits()));
    let reported = import_piped(Broken, false, &mut sink, &clock()).expect("the store is there");
    assert_eq!(reported[0].code.as_deref(), Some(UNREADABLE));
}
