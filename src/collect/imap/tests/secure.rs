//! Logging in, and what must not happen before.

use super::{fake::*, *};

async fn step(world: &World, account: impl FnOnce(Imap) -> Imap, script: Vec<Script>) -> Result<Caught, ImapTrouble> {
    let fake = Fake::play(vec![script.concat()], &world.judge.log).await;
    let mut collector = world.collector(account(super::account(fake.port)));
    let caught = collector.step().await;
    fake.finished().await;
    caught
}

fn greeted(capabilities: &str) -> Script {
    let able = format!("* CAPABILITY IMAP4rev1 {capabilities}\n$ OK\n");
    steps([("", "* OK ready\n"), ("CAPABILITY", &able)])
}

fn empty_box() -> Script {
    [steps([("CAPABILITY", "* CAPABILITY IMAP4rev1\n$ OK\n")]), folder(""), logout()].concat()
}

#[tokio::test]
async fn bytes_before_the_handshake_and_a_login_by_itself_are_refused() {
    let world = World::default();
    let starttls = |account| Imap { tls: ClientTls::StartTls, ..account };
    let injected = steps([("", "* OK ready\n"), ("STARTTLS", "$ OK go\n* OK injected\n")]);
    let shown = step(&world, starttls, vec![injected]).await.unwrap_err();
    assert!(matches!(shown, ImapTrouble::Injected), "{shown}");
    let shown = step(&world, starttls, vec![steps([("", "* PREAUTH hello\n")])]).await.unwrap_err();
    assert!(matches!(shown, ImapTrouble::PreAuth), "{shown}");
    let refused = steps([("", "* OK ready\n"), ("STARTTLS", "$ BAD what\n")]);
    let shown = step(&world, starttls, vec![refused]).await.unwrap_err();
    assert_eq!(shown.to_string(), "the server refuses STARTTLS: what");
    assert!(!world.judge.log.lock().unwrap().iter().any(|line| line.contains("secret")));
}

#[tokio::test]
async fn a_password_goes_by_plain_where_the_server_has_it() {
    let world = World::default();
    // base64 of \0user\0secret
    let script =
        [greeted("AUTH=PLAIN"), steps([("AUTHENTICATE PLAIN", "+ \n"), ("AHVzZXIAc2VjcmV0", "$ OK\n")]), empty_box()];
    step(&world, |account| account, script.to_vec()).await.unwrap();
    let quoted = |account| Imap { password: Some("se\"c\\ret".to_owned()), ..account };
    let script = [greeted(""), ok("LOGIN \"user\" \"se\\\"c\\\\ret\""), empty_box()];
    step(&world, quoted, script.to_vec()).await.unwrap();
    let foreign = |account| Imap { password: Some("ü".to_owned()), ..account };
    let script = [greeted(""), steps([("AUTHENTICATE PLAIN", "+\n"), ("AHVzZXIAw7w=", "$ OK\n")]), empty_box()];
    step(&world, foreign, script.to_vec()).await.unwrap();
}

#[tokio::test]
async fn a_refused_login_is_told_without_the_secret() {
    let world = World::default();
    let script = vec![greeted(""), steps([("LOGIN", "$ NO [AUTHENTICATIONFAILED] Authentication failed.\n")])];
    let shown = step(&world, |account| account, script).await.unwrap_err().to_string();
    assert_eq!(shown, "the server refuses the user or the password: Authentication failed.");
}

#[tokio::test]
async fn a_refused_token_is_answered_with_an_empty_line() {
    let world = World::default();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "ya29.token\n").unwrap();
    let by_file = |account| Imap { password: None, token_file: Some(file.clone()), ..account };
    // base64 of user=user^Aauth=Bearer ya29.token^A^A, and of {"status":"401"}
    let begun = || [greeted("AUTH=XOAUTH2"), steps([("AUTHENTICATE XOAUTH2", "+ \n")])].concat();
    let token = "dXNlcj11c2VyAWF1dGg9QmVhcmVyIHlhMjkudG9rZW4BAQ==";
    let refused = steps([(token, "+ eyJzdGF0dXMiOiI0MDEifQ==\n"), (EMPTY, "$ NO failed\n")]);
    let shown = step(&world, by_file, vec![begun(), refused]).await.unwrap_err().to_string();
    assert_eq!(shown, "the server refuses the access token: failed {\"status\":\"401\"}");
}

#[tokio::test]
async fn a_token_comes_from_a_command_that_must_succeed_in_time() {
    let world = World::default();
    let command = |words: &[&str]| {
        let token_command = words.iter().map(|word| (*word).to_owned()).collect();
        move |account| Imap { password: None, token_command, ..account }
    };
    let accepted = steps([("AUTHENTICATE XOAUTH2", "+ \n"), ("dXNlcj11c2VyAWF1dGg9QmVhcmVyIHRva2VuAQE=", "$ OK\n")]);
    let script = vec![greeted("AUTH=XOAUTH2"), accepted, empty_box()];
    step(&world, command(&["printf", " token\n"]), script).await.unwrap();
    let fails = |words: &'static [&'static str]| {
        let mut collector = world.collector(command(words)(account(1)));
        collector.timing.connect = Duration::from_millis(50);
        async move { collector.step().await.unwrap_err().to_string() }
    };
    let shown = fails(&["sh", "-c", "echo token; exit 3"]).await;
    assert_eq!(shown, "the token of `sh` cannot be had: it ended with exit status: 3");
    assert_eq!(fails(&["sleep", "60"]).await, "the token of `sleep` cannot be had: it took longer than 0.05 s");
    let shown = fails(&["/nonexistent/program"]).await;
    assert_eq!(shown, "the token of `/nonexistent/program` cannot be had: No such file or directory (os error 2)");
    let shown = fails(&["echo", "two", "words"]).await;
    assert_eq!(shown, "the access token cannot be had: the output of `token_command` is not one token");
}

#[tokio::test]
async fn a_missing_host_or_listener_is_told() {
    let world = World::default();
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let shown = world.collector(account(port)).step().await.unwrap_err().to_string();
    assert!(shown.starts_with(&format!("cannot connect to 127.0.0.1 port {port}: ")), "{shown}");
    let ca = Imap { ca: Some("/nonexistent/ca.pem".into()), ..account(port) };
    let (accept, memory) = (Arc::clone(&world.judge) as Arc<dyn Accept>, Arc::clone(&world.notebook));
    let refused = Collector::new(ca, 1, accept.clone(), memory.clone(), Clock::fixed(now()), &world.health);
    let shown = refused.err().unwrap().to_string();
    assert!(
        shown.starts_with("the mailbox reports: cannot read the certificate authorities /nonexistent/ca.pem"),
        "{shown}"
    );
    let file = Imap { password: None, password_file: Some("/nonexistent/password".into()), ..account(port) };
    let shown = world.collector(file).step().await.unwrap_err().to_string();
    let words = "`password_file` of [[imap]] reports cannot be read: /nonexistent/password: No such file or directory (os \
                 error 2)";
    assert_eq!(shown, words);
    let host = Imap { host: "a b".to_owned(), ..account(port) };
    let refused = Collector::new(host, 1, accept, memory, Clock::fixed(now()), &world.health);
    assert!(refused.err().unwrap().to_string().contains("neither a host name nor an address"));
}
