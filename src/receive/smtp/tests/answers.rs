use std::net::IpAddr;

use chrono::DateTime;
use uuid::Uuid;

use super::{App, Setup, TOKEN, stored, until};
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    health::SourceCounts,
    submission::{Busy, Channel, MAIL, Outcome},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_becomes_a_submission_as_it_came() {
    let app = Setup::default().start();
    let reply = app.deliver("Subject: x\r\n\r\n..dot\r\n\u{e9}").await;
    assert_eq!(reply, format!("250 2.0.0 Ok: stored as {}", Uuid::from_u128(1)));
    let got = app.got();
    let [submission] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!(submission.bytes, "Subject: x\r\n\r\n.dot\r\n\u{e9}\r\n".as_bytes(), "nothing is added");
    assert_eq!(submission.channel, Channel::Smtp);
    assert_eq!(submission.peer, Some(IpAddr::from([127, 0, 0, 1])));
    assert_eq!(submission.received_at, DateTime::from_timestamp(1_700_000_000, 0).unwrap());
    assert_eq!((submission.hints.media_type.as_deref(), submission.hints.token.as_deref()), (Some(MAIL), None));
    assert!(submission.is_mail() && !submission.hints.trusted_input);
    assert_eq!(app.counts("smtp"), SourceCounts { stored: 1, ..SourceCounts::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn many_mails_go_through_one_connection() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.ask("EHLO mx.example.com").await;
    for _ in 0..20 {
        // One piece, as a client that knows PIPELINING sends it, up to the message.
        client.send("MAIL FROM:<>\r\nRCPT TO:<tlsrpt@reports.example.net>\r\nDATA\r\n").await;
        for code in ["250 2.1.0", "250 2.1.5", "354"] {
            assert!(client.line().await.starts_with(code));
        }
        assert!(client.ask("x\r\n.").await.starts_with("250 2.0.0 Ok: stored as "));
    }
    assert!(client.ask("QUIT").await.starts_with("221 "));
    client.closed().await;
    assert_eq!(app.got().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_behind_a_message_wait_for_its_answer() {
    let app = Setup { permits: 0, ..Setup::default() }.start();
    let mut client = app.connect().await;
    client.begin().await;
    client.send("x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<tlsrpt@reports.example.net>\r\nBDAT 1 LAST\r\nyQUIT\r\n").await;
    for turn in 1..=2 {
        until("the mail is in", || app.got().len() == turn).await;
        app.inbox.permits.add_permits(1);
    }
    for code in ["250 2.0.0 Ok: stored", "250 2.1.0", "250 2.1.5", "250 2.0.0 Ok: stored", "221"] {
        assert!(client.line().await.starts_with(code));
    }
    client.closed().await;
    assert_eq!(app.got()[1].bytes, b"y");
}

async fn to_three(app: &App) -> Vec<String> {
    let mut client = app.connect_lmtp().await;
    client.ask("LHLO mx.example.net").await;
    client.ask("MAIL FROM:<a@example.com>").await;
    for detail in ["", "+OtherToken", &format!("+{TOKEN}"), "+whatever"] {
        let reply = client.ask(&format!("RCPT TO:<tlsrpt{detail}@reports.example.net>")).await;
        assert!(reply.starts_with("250 "), "{reply}");
    }
    client.ask("DATA").await;
    client.send("x\r\n.\r\n").await;
    let mut replies = Vec::new();
    for _ in 0..4 {
        replies.push(client.line().await);
    }
    assert!(client.ask("NOOP").await.starts_with("250 "), "exactly one reply for each");
    replies
}

#[tokio::test(flavor = "multi_thread")]
async fn lmtp_answers_for_each_recipient_and_each_token_is_handed_on_once() {
    let foreign = Fault::new(FaultCode::ForeignDomain, "not served here", FaultPlace::Whole);
    let outcomes = vec![stored(), Outcome::Refused(foreign), Outcome::Busy(Busy::QueueFull)];
    let app = Setup { outcomes, ..Setup::default() }.start();
    let replies = to_three(&app).await;
    assert!(replies[0].starts_with("250 2.0.0 Ok: stored as"), "{replies:?}");
    assert_eq!(replies[1], "550 5.7.1 not served here");
    assert!(replies[2].starts_with("451 4.3.0"), "{replies:?}");
    assert_eq!(replies[3], replies[0], "a sub-address that is no token is the mailbox itself");
    let tokens: Vec<_> = app.got().into_iter().map(|submission| submission.hints.token).collect();
    assert_eq!(tokens, [None, Some("OtherToken".to_owned()), Some(TOKEN.to_owned())]);
    assert!(app.got().iter().all(|submission| submission.bytes == b"x\r\n" && submission.channel == Channel::Lmtp));
    assert_eq!(app.counts("lmtp"), SourceCounts { stored: 1, refused: 1, busy: 1, ..SourceCounts::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_says_that_a_mail_is_stored_although_one_recipient_refuses_it() {
    let fault = Fault::new(FaultCode::UnknownToken, "no such token", FaultPlace::Whole);
    let app = Setup { outcomes: vec![stored(), Outcome::Refused(fault)], ..Setup::default() }.start();
    let mut client = app.connect().await;
    client.envelope().await;
    client.ask(&format!("RCPT TO:<tlsrpt+{TOKEN}@reports.example.net>")).await;
    client.ask("DATA").await;
    assert!(client.ask("x\r\n.").await.starts_with("250 2.0.0 Ok: stored as "));
    assert_eq!(app.got().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_says_that_a_mail_must_come_again_for_one_recipient() {
    let app = Setup { outcomes: vec![stored(), Outcome::Busy(Busy::DiskFull)], ..Setup::default() }.start();
    let mut client = app.connect().await;
    client.envelope().await;
    client.ask(&format!("RCPT TO:<tlsrpt+{TOKEN}@reports.example.net>")).await;
    client.ask("DATA").await;
    assert!(client.ask("x\r\n.").await.starts_with("452 4.3.1 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_shuts_down_hangs_up_after_its_answer() {
    let app = Setup { outcomes: vec![Outcome::Busy(Busy::ShuttingDown)], ..Setup::default() }.start();
    let mut client = app.connect().await;
    client.begin().await;
    assert!(client.ask("x\r\n.").await.starts_with("421 4.3.2 "));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_one_answer() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.begin().await;
    assert!(client.ask("panic\r\n.").await.starts_with("451 4.3.0 "));
    client.begin().await;
    assert!(client.ask("x\r\n.").await.starts_with("250 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_goes_on_without_its_sender() {
    let app = Setup { permits: 0, ..Setup::default() }.deadlines(|deadlines| deadlines.answer = super::SOON).start();
    assert!(app.deliver("x").await.starts_with("451 4.3.0 "));
    assert_eq!(app.counts("smtp"), SourceCounts::default());
    app.inbox.permits.add_permits(1);
    until("it is stored", || app.counts("smtp").stored == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_newline_never_gets_through() {
    let app = Setup::default().start();
    for end in ["\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", ".\r\r\n", "\r\r\n.\r\n"] {
        let mut client = app.connect().await;
        client.begin().await;
        client.send(format!("outer{end}MAIL FROM:<evil@example.com>\r\nRCPT TO:<{}>\r\n", super::RECIPIENT)).await;
        client.send("DATA\r\ninner\r\n.\r\n").await;
        assert!(client.line().await.starts_with("550 5.6.11 "));
        assert!(client.line().await.starts_with("421 "));
        client.closed().await;
    }
    assert_eq!(app.got().len(), 0);
}
