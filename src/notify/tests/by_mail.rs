//! Delivery by mail.

use std::os::unix::fs::PermissionsExt;

use super::{
    servers::{Mail, Relay, mail, tls},
    *,
};

fn relayed(server: &Mail, more: &str) -> String {
    format!(
        "[[domain]]\nname = \"example.com\"\n\
         [[channel]]\nname = \"operators\"\nto = [\"postmaster@example.com\"]\n\
         [mail]\nfrom = \"tlsight@example.net\"\nrelay = \"127.0.0.1\"\nport = {}\n{more}\n",
        server.port
    )
}

fn email() -> Email {
    Email {
        subject: "Woche 47: Bücher.example\r\nBcc: everybody@example.net".to_owned(),
        text: "Größe: 3 < 5\n.\n.. dots\n".to_owned(),
        html: "<p>Größe</p><img src=\"cid:trend\" alt=\"\">".to_owned(),
        pictures: vec![Picture { name: "trend".to_owned(), png: (0..=255).collect() }],
        list: "digest".to_owned(),
    }
}

/// Boundaries are random, and names stand across the soft ends of lines.
fn stable(mail: &str) -> String {
    let text = mail.replace("\r\n", "\n");
    assert!(!text.contains('\r'), "bare CR");
    let mut text = text.replace("=\n", "");
    let boundaries: Vec<String> =
        text.split("boundary=\"").skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned)).collect();
    for (number, boundary) in boundaries.iter().enumerate() {
        text = text.replace(boundary, &format!("BOUNDARY-{number}"));
    }
    text
}

#[tokio::test]
async fn a_notice_goes_by_starttls_with_a_login() {
    let tls = tls("127.0.0.1");
    let server = mail(Relay { tls: Some(tls.acceptor.clone()), auth: true, ..Relay::default() }).await;
    let login = format!("user = \"tlsight\"\npassword = \"pass word\"\nca = {:?}", tls.file);
    let scene = Scene::new(&relayed(&server, &login));
    scene.put(&[notice(1)]).await;
    scene.deliver().await;
    let sent = scene.entry().await;
    assert_eq!((sent.state, sent.last_error), (OutboxState::Delivered, None));
    let seen = server.seen();
    let commands: Vec<&str> = seen.commands.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(commands, ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]);
    assert_eq!(seen.commands[4], "MAIL FROM:<>");
    assert_eq!(seen.commands[5], "RCPT TO:<postmaster@example.com>");
    let mail = stable(&seen.mails[0]).replace(&sent.uuid.to_string(), "DELIVERY");
    insta::assert_snapshot!(mail);
}

#[tokio::test]
async fn a_letter_has_its_pictures_within_and_its_headers_hold() {
    let server = mail(Relay::default()).await;
    let scene = Scene::new(&relayed(&server, "tls = \"off\""));
    scene.enqueue_email("someone@elsewhere.example", &email()).await;
    scene.deliver().await;
    let sent = scene.entry().await;
    assert_eq!(sent.last_error, None);
    let mail = server.seen().mails[0].clone();
    assert!(mail.is_ascii() && mail.lines().all(|line| line.len() <= 998), "7-bit clean");
    assert!(!mail.contains("\r\nBcc:") && !mail.contains("TLS-Required"), "{mail}");
    insta::assert_snapshot!(stable(&mail).replace(&sent.uuid.to_string(), "DELIVERY"));

    let parsed = mailparse::parse_mail(mail.as_bytes()).unwrap();
    let parts: Vec<_> = parsed.parts().collect();
    let types: Vec<&str> = parts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
    assert_eq!(types, ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]);
    assert_eq!(parts[1].get_body().unwrap(), "Größe: 3 < 5\r\n.\r\n.. dots\r\n");
    let id = mailparse::MailHeaderMap::get_first_value(parts[4].headers.as_slice(), "Content-ID").unwrap();
    let cited = format!("\"cid:{}\"", id.trim_matches(['<', '>']));
    assert!(parts[3].get_body().unwrap().contains(&cited), "{cited}");
    assert_eq!(parts[4].get_body_raw().unwrap(), email().pictures[0].png);
}

#[tokio::test]
async fn tls_is_as_configured_or_nothing_is_sent() {
    let (ours, others) = (tls("127.0.0.1"), tls("127.0.0.1"));
    let plain = mail(Relay::default()).await;
    let starttls = mail(Relay { tls: Some(ours.acceptor.clone()), ..Relay::default() }).await;
    let implicit = mail(Relay { tls: Some(ours.acceptor.clone()), implicit: true, ..Relay::default() }).await;
    let (good, bad) = (format!("ca = {:?}", ours.file), format!("ca = {:?}", others.file));
    let mut shown = String::new();
    for (name, server, more) in [
        ("not offered", &plain, good.clone()),
        ("of an unknown authority", &starttls, bad.clone()),
        ("implicit, not spoken there", &plain, format!("tls = \"implicit\"\n{good}")),
        ("implicit, of an unknown authority", &implicit, format!("tls = \"implicit\"\n{bad}")),
        ("implicit", &implicit, format!("tls = \"implicit\"\n{good}")),
        ("starttls", &starttls, good.clone()),
    ] {
        let scene = Scene::new(&relayed(server, &format!("deadline_s = 2\n{more}")));
        scene.put(&[notice(1)]).await;
        scene.deliver().await;
        let sent = scene.entry().await;
        writeln!(shown, "{name}: {:?}, {}", sent.state, sent.last_error.unwrap_or_default()).unwrap();
    }
    insta::assert_snapshot!(shown);
    assert!(plain.seen().mails.is_empty() && !plain.seen().commands.iter().any(|line| line.starts_with("MAIL")));
    assert_eq!((starttls.seen().mails.len(), implicit.seen().mails.len()), (1, 1));
}

#[tokio::test]
async fn a_relay_that_refuses_and_recovers_gets_it_once() {
    let no = vec!["450 4.2.1 Come again", "550 5.1.1 No such \u{1b}user", "250 2.1.5 Ok"];
    let server = mail(Relay { rcpt: no, ..Relay::default() }).await;
    let mut scene = Scene::new(&relayed(&server, "tls = \"off\""));
    scene.put(&[notice(1)]).await;
    let mut waits = Vec::new();
    for error in ["the relay answered 450 4.2.1 Come again", "the relay answered 550 5.1.1 No such ‹U+001B›user"] {
        scene.deliver().await;
        let sent = scene.entry().await;
        assert_eq!((sent.state, sent.last_error.as_deref()), (OutboxState::Pending, Some(error)));
        let words = format!("to postmaster@example.com: {error}");
        assert_eq!(scene.health("notify operators"), (Health::Failing, words));
        waits.push((sent.next_attempt_at - scene.clock.now()).num_seconds());
        scene.advance(TimeDelta::hours(1));
        scene = scene.restart().await;
    }
    assert!((24..=36).contains(&waits[0]) && waits[1] >= 2_880, "{waits:?}");
    scene.deliver().await;
    scene.deliver().await;
    assert_eq!(scene.entry().await.state, OutboxState::Delivered);
    assert_eq!(server.seen().mails.len(), 1);
}

#[tokio::test]
async fn a_mail_whose_fate_is_unknown_goes_again_under_the_same_name() {
    let server = mail(Relay { leaves: 2, ..Relay::default() }).await;
    let scene = Scene::new(&relayed(&server, "tls = \"off\""));
    scene.put(&[notice(1)]).await;
    for _ in 0..3 {
        scene.deliver().await;
        scene.advance(TimeDelta::hours(1));
    }
    let seen = server.seen();
    assert_eq!((seen.unanswered.len(), seen.mails.len()), (2, 1));
    let name = format!("Message-ID: <alerts.{}@example.net>\r\n", scene.entry().await.uuid);
    assert!(seen.unanswered.iter().chain(&seen.mails).all(|mail| mail.contains(&name)));
}

#[tokio::test]
async fn a_relay_that_hangs_has_its_time_and_no_more() {
    let server = mail(Relay { hangs: true, ..Relay::default() }).await;
    let scene = Scene::new(&relayed(&server, "tls = \"off\"\ndeadline_s = 1"));
    scene.put(&[notice(1)]).await;
    scene.deliver().await;
    let error = scene.entry().await.last_error.unwrap();
    assert!(error == "not handed over within 1 s" || error == "timed out", "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let tls = tls("127.0.0.1");
    let server = mail(Relay { tls: Some(tls.acceptor.clone()), auth: true, ..Relay::default() }).await;
    let login = format!("user = \"tlsight\"\npassword = \"wrong\"\nca = {:?}", tls.file);
    let sent = send_test(&config(&relayed(&server, &login)), BASE, "operators", &Clock::fixed(start())).await;
    let expected = "not delivered to postmaster@example.com: the relay answered 535 5.7.8 Bad credentials";
    assert_eq!(sent.unwrap_err(), expected);
    assert!(server.seen().mails.is_empty());
}

/// A program that takes mail, as a shell script.
fn program(directory: &std::path::Path, script: &str) -> String {
    let path = directory.join("sendmail");
    let log = directory.display();
    std::fs::write(&path, format!("#!/bin/sh\n{}\n", script.replace("LOG", &log.to_string()))).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!(
        "[[channel]]\nto = [\"a@example.net\"]\n[mail]\nfrom = \"tlsight@example.net\"\nsendmail = {path:?}\ndeadline_s = 5\n"
    )
}

#[tokio::test]
async fn without_a_relay_the_program_of_this_machine_takes_it() {
    let directory = tempfile::tempdir().unwrap();
    let script = "printf '%s\\n' \"$@\" > LOG/args; cat > LOG/mail";
    let scene = Scene::new(&program(directory.path(), script));
    scene.enqueue_email("someone@elsewhere.example", &email()).await;
    scene.deliver().await;
    assert_eq!(scene.entry().await.last_error, None);
    let arguments = std::fs::read_to_string(directory.path().join("args")).unwrap();
    assert_eq!(arguments, "-i\n-f\n<>\n--\nsomeone@elsewhere.example\n");
    let mail = std::fs::read_to_string(directory.path().join("mail")).unwrap();
    assert!(mail.starts_with("From: ") && mail.is_ascii() && !mail.contains('\r'), "{mail}");
}

#[tokio::test]
async fn a_program_that_fails_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let scene = Scene::new(&program(directory.path(), "echo 'queue is full' >&2; exit 75"));
    scene.put(&[notice(1)]).await;
    scene.deliver().await;
    let error = scene.entry().await.last_error.unwrap();
    assert!(error.ends_with("sendmail ended with exit status: 75: queue is full"), "{error}");
    let missing = program(directory.path(), "").replace("/sendmail\"", "/missing\"");
    let shown = send_test(&config(&missing), BASE, "mail", &Clock::fixed(start())).await.unwrap_err();
    assert!(shown.contains("missing: No such file or directory"), "{shown}");
}
