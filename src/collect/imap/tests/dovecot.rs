//! The same with a real server.

mod server;

use super::*;
use server::Dovecot;

const SECURE: [ClientTls; 2] = [ClientTls::Implicit, ClientTls::StartTls];

fn account_at(dovecot: &Dovecot, tls: ClientTls) -> Imap {
    Imap {
        host: "localhost".to_owned(),
        port: Some(if tls == ClientTls::Implicit { dovecot.tls_port } else { dovecot.plain_port }),
        tls,
        ca: Some(dovecot.ca()),
        poll_s: 3_600,
        ..account(0)
    }
}

/// Waits until it is so, on a machine that may be busy.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let all = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while !is_so() {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn mail(subject: impl std::fmt::Display) -> String {
    format!("From: tlsrpt@example.net\nSubject: {subject}\n\nA report.\n")
}

/// As a server sends it.
fn on_the_wire(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[tokio::test]
async fn mail_is_taken_over_tls_and_starttls() {
    let Some(mut dovecot) = Dovecot::start() else { return };
    let world = World::default();
    for (index, tls) in SECURE.into_iter().enumerate() {
        dovecot.deliver(&mail(index));
        let caught = world.collector(account_at(&dovecot, tls)).step().await.unwrap();
        // Another port is another account as far as the notes go, but this notebook looks at the folder only.
        assert_eq!(caught, Caught { settled: index + 1, ..Caught::default() });
        assert_eq!(world.judge.texts().last(), Some(&on_the_wire(&mail(index))));
    }
    let taken = world.judge.taken.lock().unwrap();
    assert!(taken.iter().all(|taken| taken.hints.mailed_at.is_some()));
    assert!(dovecot.mails("").iter().all(|(name, _)| name.ends_with(":2,S")), "{:?}", dovecot.mails(""));
}

#[tokio::test]
async fn certificates_and_passwords_are_not_taken_on_trust() {
    let Some(dovecot) = Dovecot::start() else { return };
    let world = World::default();
    for tls in SECURE {
        let good = account_at(&dovecot, tls);
        let shown = |account| async { world.collector(account).step().await.unwrap_err().to_string() };
        let unknown = shown(Imap { ca: None, ..good.clone() }).await;
        assert!(unknown.starts_with("the certificate of localhost is not trusted: "), "{unknown}");
        let other_name = shown(Imap { host: "127.0.0.1".to_owned(), ..good.clone() }).await;
        assert!(other_name.starts_with("the certificate of 127.0.0.1 is not trusted: "), "{other_name}");
        let wrong = shown(Imap { password: Some("wrong".to_owned()), ..good.clone() }).await;
        assert!(wrong.starts_with("the server refuses the user or the password: "), "{wrong}");
        let folder = shown(Imap { folder: "Größe".to_owned(), ..good }).await;
        assert!(folder.starts_with("the folder \"Größe\" does not exist or cannot be opened"), "{folder}");
        assert!(folder.ends_with("there are: INBOX"), "{folder}");
    }
}

#[tokio::test]
async fn an_access_token_logs_in() {
    let issuer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("oauth2.conf");
    let url = format!("http://{}/", issuer.local_addr().unwrap());
    let lines = format!("tokeninfo_url = {url}?token=\nintrospection_mode = auth\nusername_attribute = email\n");
    std::fs::write(&settings, lines).unwrap();
    let passdb = format!("passdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {}\n}}\n", settings.display());
    let Some(mut dovecot) = Dovecot::start_with(&passdb) else { return };
    let issuing = tokio::spawn(issue(issuer));
    dovecot.deliver(&mail("by token"));
    let world = World::default();
    let token = |token: &str| Imap {
        password: None,
        token_command: vec!["echo".to_owned(), token.to_owned()],
        ..account_at(&dovecot, ClientTls::Implicit)
    };
    world.collector(token("good")).step().await.unwrap();
    assert_eq!(world.judge.texts().len(), 1);
    let shown = world.collector(token("expired")).step().await.unwrap_err().to_string();
    assert!(shown.starts_with("the server refuses the access token: "), "{shown}");
    assert!(shown.contains("\"status\":\"401\""), "{shown}");
    issuing.abort();
}

/// Knows one token, and whose it is.
async fn issue(listener: tokio::net::TcpListener) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap() > 0 {}
        let good = request.starts_with(b"GET /?token=good ");
        let (status, body) = if good { ("200 OK", "{\"email\":\"user\"}") } else { ("401 Unauthorized", "{}") };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn mails_go_where_they_belong() {
    let Some(mut dovecot) = Dovecot::start() else { return };
    for folder in ["Gr&APYA3w-e", "Reports.other", "failed"] {
        dovecot.make_folder(folder);
    }
    for subject in ["fine", "ignored", "broken"] {
        dovecot.deliver(&mail(subject));
    }
    let folder = |name: &str| Some(name.to_owned());
    let account = Imap {
        done: folder("Größe"),
        ignored: folder("Reports/other"),
        failed: folder("failed"),
        ..account_at(&dovecot, ClientTls::Implicit)
    };
    let world = World::default();
    let caught = world.collector(account.clone()).step().await.unwrap();
    assert_eq!((caught.left, caught.complaint), (0, None));
    assert_eq!(dovecot.mails(""), []);
    for (folder, subject) in [("Gr&APYA3w-e", "fine"), ("Reports.other", "ignored"), ("failed", "broken")] {
        let texts: Vec<String> = dovecot.mails(folder).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, [mail(subject)]);
    }

    // A folder that is not there is not made; the mail waits for it.
    dovecot.deliver(&mail("later"));
    let mut collector = world.collector(Imap { done: folder("missing"), ..account });
    let complaint = collector.step().await.unwrap().complaint.unwrap();
    assert!(complaint.starts_with("the folder \"missing\" does not exist"), "{complaint}");
    assert!(complaint.contains("Größe, INBOX, Reports/other, failed"), "{complaint}");
    dovecot.make_folder("missing");
    assert_eq!(collector.step().await.unwrap(), Caught { settled: 1, ..Caught::default() });
    assert_eq!(dovecot.mails("missing").len(), 1);
}

#[tokio::test]
async fn a_folder_of_any_name_is_read_and_only_own_mails_are_deleted() {
    let Some(mut dovecot) = Dovecot::start() else { return };
    dovecot.make_folder("Gr&APYA3w-e");
    dovecot.deliver_to("Gr&APYA3w-e", &mail("elsewhere"));
    let world = World::default();
    let good = account_at(&dovecot, ClientTls::Implicit);
    world.collector(Imap { folder: "Größe".to_owned(), ..good.clone() }).step().await.unwrap();
    assert_eq!(world.judge.texts(), [on_the_wire(&mail("elsewhere"))]);

    // Somebody has marked a mail as deleted: it is neither read nor removed.
    dovecot.deliver(&mail("not ours"));
    dovecot.flag_all("T");
    for subject in ["fine", "ignored", "broken"] {
        dovecot.deliver(&mail(subject));
    }
    world.collector(Imap { delete: true, ..good }).step().await.unwrap();
    let mut left: Vec<String> = dovecot.mails("").into_iter().map(|(_, text)| text).collect();
    left.sort();
    assert_eq!(left, [mail("broken"), mail("ignored"), mail("not ours")]);
    assert!(!world.judge.texts().contains(&on_the_wire(&mail("not ours"))));
}

#[tokio::test]
async fn a_delivery_wakes_it_up() {
    let Some(mut dovecot) = Dovecot::start() else { return };
    let world = World::default();
    let running = world.collector(account_at(&dovecot, ClientTls::Implicit)).start();
    until("it waits", || world.health().words == "waiting for mail, 0 settled").await;
    for (index, subject) in ["first", "second"].into_iter().enumerate() {
        dovecot.deliver(&mail(subject));
        let words = format!("waiting for mail, {} settled", index + 1);
        until("the mail is taken", || world.health().words == words).await;
    }
    running.stop().await;
    assert_eq!(world.judge.texts(), ["first", "second"].map(|subject| on_the_wire(&mail(subject))));
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_costs_no_mail() {
    const MAILS: usize = 200;
    let Some(mut dovecot) = Dovecot::start() else { return };
    dovecot.make_folder("done");
    (0..MAILS).for_each(|index| dovecot.deliver(&mail(index)));
    let world = World::default();
    let account = Imap { done: Some("done".to_owned()), ..account_at(&dovecot, ClientTls::Implicit) };
    let mut collector = world.collector(account);
    collector.timing.pause = (Duration::from_millis(1), Duration::from_millis(20));
    let running = collector.start();
    for part in [MAILS / 4, MAILS / 2] {
        until("some are taken", || world.judge.taken.lock().unwrap().len() >= part).await;
        dovecot.kill();
        // The server may hold a mail twice whose move was cut off.
        let moved: BTreeSet<String> = dovecot.mails("done").into_iter().map(|(_, text)| on_the_wire(&text)).collect();
        let receipts: BTreeSet<String> = world.judge.receipts.lock().unwrap().iter().cloned().collect();
        assert!(moved.is_subset(&receipts), "{:?} were moved without a receipt", moved.difference(&receipts));
        assert!(moved.len() < MAILS, "it was killed in the middle");
        dovecot.restart();
    }
    until("all are moved", || dovecot.mails("done").len() >= MAILS && dovecot.mails("").is_empty()).await;
    running.stop().await;
    let accepted: BTreeSet<String> = world.judge.texts().into_iter().collect();
    let expected: BTreeSet<String> = (0..MAILS).map(|index| on_the_wire(&mail(index))).collect();
    assert!(accepted == expected);
    let moved: BTreeSet<String> = dovecot.mails("done").into_iter().map(|(_, text)| on_the_wire(&text)).collect();
    assert!(moved == expected);
    let counts = world.health().counts;
    assert_eq!(counts.stored, MAILS as u64);
}
