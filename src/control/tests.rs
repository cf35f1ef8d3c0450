use std::{
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    sync::Arc,
    time::Duration,
};

use chrono::DateTime;
use tokio::sync::watch;

use super::*;
use crate::{
    clock::Clock,
    limits::Limits,
    pipeline::{Pipeline, fixtures::signatures},
    store::{Store, StoreSettings},
    submission::{Channel, Hints, MAIL, Submission},
    verify::Served,
};

/// Says what it is told.
struct Parrot;

impl AdminHandler for Parrot {
    fn ask(&self, command: &str, body: &[u8]) -> Option<Result<serde_json::Value, String>> {
        match command {
            "repeat" => Some(serde_json::from_slice(body).map_err(|error| error.to_string())),
            _ => None,
        }
    }
}

/// A control socket over a store in a temporary directory, on a runtime of its own.
struct Running {
    data: tempfile::TempDir,
    stop: watch::Sender<bool>,
    runtime: tokio::runtime::Runtime,
    task: tokio::task::JoinHandle<()>,
    store: Store,
}

impl Running {
    fn start() -> Running {
        let data = tempfile::tempdir().unwrap();
        let settings = StoreSettings { memory_max_bytes: 256 << 20, threads: 1, ..StoreSettings::default() };
        let store = Store::open(data.path(), &settings).expect("a new store opens");
        let pipeline = Pipeline::new(Limits::default(), Served::default(), signatures(""), store.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (stop, stopped) = watch::channel(false);
        let control = {
            let _inside = runtime.enter();
            Control::bind(data.path()).expect("the socket is bound")
        };
        let clock = Clock::fixed(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let task = runtime.spawn(control.run(Arc::clone(&pipeline), Arc::new(Parrot), clock, stopped));
        Running { data, stop, runtime, task, store }
    }

    fn client(&self) -> ControlClient {
        ControlClient::connect(self.data.path()).expect("no error").expect("a server answers")
    }

    fn raw(&self) -> UnixStream {
        let stream = UnixStream::connect(self.data.path().join("control.sock")).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    fn stop(self) -> tempfile::TempDir {
        self.stop.send(true).unwrap();
        self.runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(10), self.task)
                .await
                .expect("stops in time")
                .expect("without panic");
        });
        self.data
    }
}

fn report(id: &str) -> Vec<u8> {
    format!(
        r#"{{"organization-name":"Sender","contact-info":"tls@example.net","report-id":"{id}",
        "date-range":{{"start-datetime":"2023-11-13T00:00:00Z","end-datetime":"2023-11-13T23:59:59Z"}},
        "policies":[{{"policy":{{"policy-type":"no-policy-found","policy-domain":"example.com"}},
        "summary":{{"total-successful-session-count":1,"total-failure-session-count":0}}}}]}}"#
    )
    .into_bytes()
}

fn submission(bytes: Vec<u8>) -> Submission {
    Submission {
        bytes,
        channel: Channel::Import,
        peer: None,
        received_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        hints: Hints { source: Some("a.json".to_owned()), ..Hints::default() },
    }
}

#[test]
fn many_submissions_are_answered_in_their_order() {
    let server = Running::start();
    let mut client = server.client();
    assert_eq!(client.report_wire_max_bytes(), Limits::default().report_wire_max_bytes);
    let mut submissions: Vec<Submission> = (0..2_000).map(|n| submission(report(&format!("r{n}")))).collect();
    submissions[700].bytes = b"{".to_vec();
    submissions[800].bytes = report("r799");
    submissions[900].bytes = b"\x00plainly no report".to_vec();
    let outcomes = client.submit(&submissions).expect("all are answered");
    assert_eq!(outcomes.len(), 2_000);
    for (index, reported) in outcomes.iter().enumerate() {
        let expected = match index {
            700 => OutcomeWord::Quarantined,
            800 => OutcomeWord::Duplicate,
            900 => OutcomeWord::Refused,
            _ => OutcomeWord::Stored,
        };
        assert_eq!(reported[0].outcome, expected, "{index}: {reported:?}");
    }
    assert_eq!(outcomes[700][0].code.as_deref(), Some("bad-json"));
    assert_eq!(outcomes[799][0].uuid, outcomes[800][0].uuid);

    let again = client.submit(&submissions[..10]).expect("a connection serves more than once");
    assert!(again.iter().all(|reported| reported[0].outcome == OutcomeWord::Duplicate));
}

#[test]
fn an_import_is_one_load_until_its_command_is_gone() {
    let server = Running::start();
    let mut loads = server.store.loads();
    let mut client = server.client();
    assert_eq!(loads.borrow().number, 0, "a greeting loads nothing");
    client.submit(&[submission(report("r1"))]).expect("it is answered");
    assert_eq!(loads.borrow().number, 1, "more may come");
    assert!(loads.borrow().since.is_some());
    client.submit(&[submission(report("r2"))]).expect("it is answered");
    assert_eq!(loads.borrow().number, 1);
    // As when the command is killed: nobody says goodbye.
    drop(client);
    let ended = server.runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(10), loads.wait_for(|loads| loads.number == 0)).await.is_ok()
    });
    assert!(ended && server.store.loads().borrow().since.is_none());
    drop(server.stop());
}

#[test]
fn mail_has_its_own_limit_and_the_operator_may_trust_it() {
    let server = Running::start();
    let mut client = server.client();
    let limits = Limits::default();
    assert_eq!(client.mail_wire_max_bytes(), limits.mail_wire_max_bytes);
    let mut mail = submission(vec![b'x'; limits.report_wire_max_bytes + 1]);
    mail.hints.media_type = Some(MAIL.to_owned());
    mail.hints.trusted_input = true;
    assert_eq!(client.submit(&[mail]).expect("it is let in").len(), 1);
    assert!(client.submit(&[submission(vec![b'x'; limits.report_wire_max_bytes + 1])]).is_err());

    let plain = r#"{"version":1,"command":"submit","bytes":0}"#;
    let header: Header = serde_json::from_str(plain).unwrap();
    assert!(!header.trusted_input);
    assert_eq!(serde_json::to_string(&header).unwrap(), plain);
    let old = r#"{"answer":"hello","version":1,"program":"tlsight 0.1.0","report_wire_max_bytes":7}"#;
    assert!(matches!(serde_json::from_str(old).unwrap(), ControlAnswer::Hello { mail_wire_max_bytes: None, .. }));
}

#[test]
fn clients_are_served_beside_each_other_and_a_silent_one_does_not_hold_up_the_stop() {
    let server = Running::start();
    let silent = server.raw();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let submissions: Vec<_> = (0..100).map(|n| submission(report(&format!("p{part}-{n}")))).collect();
                let outcomes = server.client().submit(&submissions).expect("answered");
                assert!(outcomes.iter().all(|reported| reported[0].outcome == OutcomeWord::Stored));
            });
        }
    });
    let data = server.stop();
    assert!(!data.path().join("control.sock").exists(), "the socket is removed");
    assert!(ControlClient::connect(data.path()).expect("no error").is_none());
    drop(silent);
}

#[test]
fn what_is_not_understood_is_answered_with_an_error() {
    let server = Running::start();
    let ask = |frame: &[u8]| {
        let mut stream = server.raw();
        stream.write_all(frame).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let frame = |header: &str| [&(header.len() as u32).to_be_bytes()[..], header.as_bytes()].concat();

    assert!(ask(&u32::MAX.to_be_bytes()).contains("a header of 4294967295 bytes; at most 65536"));
    assert!(ask(&frame("nonsense")).contains("bad header"));
    assert!(ask(&frame(r#"{"version":9,"command":"hello"}"#)).contains("version 9 is not spoken here"));
    assert!(ask(&frame(r#"{"version":1,"command":"submit","bytes":99999999999}"#)).contains("report_wire_max_bytes"));
    let mail = r#"{"version":1,"command":"submit","bytes":99999999999,"media_type":"message/rfc822"}"#;
    assert!(ask(&frame(mail)).contains("mail_wire_max_bytes"));
    assert!(ask(&frame(r#"{"version":1,"command":"submit","channel":"https"}"#)).contains("not taken here"));
    assert_eq!(ask(b""), "");

    // A command from the future: its body is skipped and the next request is served.
    let mut future = frame(r#"{"version":1,"command":"digest","bytes":3,"new":true}"#);
    future.extend_from_slice(b"abc");
    future.extend(frame(r#"{"version":1,"command":"hello"}"#));
    let answers = ask(&future);
    let lines: Vec<&str> = answers.lines().collect();
    assert!(lines[0].contains("unknown command \\\"digest\\\""), "{answers}");
    assert!(lines[1].contains("\"answer\":\"hello\""), "{answers}");
}

#[test]
fn the_socket_is_private_and_replaces_only_a_dead_one() {
    let server = Running::start();
    let path = server.data.path().join("control.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let _inside = server.runtime.enter();
    assert!(matches!(Control::bind(server.data.path()), Err(ControlError::Taken(_))));

    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a server that died leaves its socket");
    assert!(ControlClient::connect(other.path()).expect("no error").is_none());
    drop(Control::bind(other.path()).expect("replaces it"));
    std::fs::write(&path, "").unwrap();
    assert!(matches!(Control::bind(other.path()), Err(ControlError::NotASocket(_))));
    assert!(path.exists(), "somebody's file stays");
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_named() {
    let error = socket_path(&Path::new("/").join("d".repeat(120))).expect_err("too long");
    assert!(error.to_string().contains("has a path of 134 bytes and the system allows 107"), "{error}");
}

#[test]
fn what_is_asked_is_answered_by_the_admin_handler() {
    let running = Running::start();
    let mut client = running.client();
    let order = serde_json::json!({ "week": "2026-W47" });
    assert_eq!(client.ask("repeat", &order).unwrap(), Ok(order));
    assert_eq!(client.ask("sing", &serde_json::Value::Null).unwrap(), Err("unknown command \"sing\"".to_owned()));
    running.stop();
}
