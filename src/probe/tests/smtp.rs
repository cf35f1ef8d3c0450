//! Delivery by mail.

use super::{
    servers::{self, Script},
    signature::{ED25519, ED25519_RECORD, RSA_PKCS8, is_valid, signer},
    *,
};

/// Records by which the mail server of the test is the MX of example.com.
fn served() -> Records {
    Records { mx: HashMap::from([("example.com", Ok(vec!["127.0.0.1"]))]), ..Records::default() }
}

const URI: &str = "mailto:tlsrpt%2Btoken@example.com";

#[tokio::test]
async fn an_unsigned_mail_goes_in_clear_text_where_nothing_else_is_offered() {
    let (port, seen) = servers::mail_server(Script::default()).await;
    let (fates, text) = shown(&probe(served(), None, port), &order(&[URI]), port).await;
    assert_eq!(fates, [ProbeFate::NotCounted]);
    insta::assert_snapshot!(text);
    let seen = seen.lock().unwrap();
    assert_eq!(
        seen.commands,
        ["EHLO client.example", "MAIL FROM:<>", "RCPT TO:<tlsrpt+token@example.com>", "DATA", "QUIT"]
    );
    let mail = String::from_utf8(seen.mails[0].clone()).unwrap();
    assert!(mail.starts_with("Date: Fri, 1 Mar 2024 08:00:00 +0000\r\nFrom: tlsight test report <"), "{mail}");
    assert!(mail.ends_with("--=_tlsight_00000000000000000000000000000007--\r\n"), "{mail}");
}

#[tokio::test]
async fn a_signed_mail_arrives_encrypted_and_valid() {
    let (certificate, tls) = servers::tls("127.0.0.1");
    let (port, seen) = servers::mail_server(Script { tls: Some(tls), ..Script::default() }).await;
    let records =
        Records { txt: HashMap::from([("s1._domainkey.sender.example", Ok(vec![ED25519_RECORD]))]), ..served() };
    let order = Order { signer: Some(signer(ED25519)), ..order(&[URI]) };
    let (fates, text) = shown(&probe(records, Some(&certificate), port), &order, port).await;
    assert_eq!(fates, [ProbeFate::Taken]);
    // The time in the signature is the system's, and its length may vary with it.
    insta::assert_snapshot!(
        text.split(" bytes →")
            .map(|part| part.trim_end_matches(char::is_numeric))
            .collect::<Vec<_>>()
            .join("N bytes →")
    );
    assert_eq!(seen.lock().unwrap().commands[..3], ["EHLO client.example", "STARTTLS", "EHLO client.example"]);
    let mail = seen.lock().unwrap().mails[0].clone();
    assert!(is_valid(&mail, ED25519_RECORD).await);
}

#[tokio::test]
async fn what_is_wrong_with_the_key_is_told() {
    let mut all = Vec::new();
    for (answer, fate) in [
        (Err(DnsError::NotFound), ProbeFate::NotCounted),
        (Err(DnsError::Temporary("no answer within 5 s".to_owned())), ProbeFate::Taken),
        (Ok(vec!["v=DKIM1; p="]), ProbeFate::NotCounted),
        (Ok(vec!["v=spf1", ED25519_RECORD]), ProbeFate::NotCounted),
    ] {
        let (port, _) = servers::mail_server(Script::default()).await;
        let records = Records { txt: HashMap::from([("s1._domainkey.sender.example", answer)]), ..served() };
        let from = MailtoAddress::new("postmaster", "elsewhere.example").unwrap();
        let order = Order { signer: Some(signer(RSA_PKCS8)), from, ..order(&[URI]) };
        let (fates, text) = shown(&probe(records, None, port), &order, port).await;
        assert_eq!(fates, [fate]);
        let lines: Vec<&str> = text.lines().collect();
        all.push([&lines[1..4], &lines[lines.len() - 2..]].concat().join("\n"));
    }
    insta::assert_snapshot!(all.join("\n\n"));
}

#[tokio::test]
async fn a_receiver_that_says_what_it_did_with_the_report_is_believed() {
    const STORED: &str = "250 2.0.0 Ok: stored as 0191d8a4-0000-8000-8000-000000000000";
    const KNOWN: &str = "250 2.0.0 Ok: duplicate of 0191d8a4-0000-8000-8000-000000000000";
    const KEPT: &str = "250 2.0.0 Ok: quarantined as 0191d8a4-0000-8000-8000-000000000000 (dkim-unaligned)";
    let mut all = Vec::new();
    for (end, is_signed, fate) in [
        (STORED, true, ProbeFate::Taken),
        // One that does not ask for a signature.
        (STORED, false, ProbeFate::Taken),
        (KNOWN, true, ProbeFate::Taken),
        (KEPT, true, ProbeFate::NotCounted),
        (KEPT, false, ProbeFate::NotCounted),
    ] {
        let (port, _) = servers::mail_server(Script { end: Some(end), ..Script::default() }).await;
        let records =
            Records { txt: HashMap::from([("s1._domainkey.sender.example", Ok(vec![ED25519_RECORD]))]), ..served() };
        let order = Order { signer: is_signed.then(|| signer(ED25519)), ..order(&[URI]) };
        let (fates, text) = shown(&probe(records, None, port), &order, port).await;
        assert_eq!(fates, [fate], "{end}");
        let lines: Vec<&str> = text.lines().collect();
        all.push(lines[lines.len() - 2..].join("\n"));
    }
    insta::assert_snapshot!(all.join("\n\n"));
}

#[tokio::test]
async fn tls_that_fails_is_no_reason_not_to_deliver() {
    let (port, seen) = servers::mail_server(Script { tls_breaks: true, ..Script::default() }).await;
    let (fates, text) = shown(&probe(served(), None, port), &order(&[URI]), port).await;
    assert_eq!(fates, [ProbeFate::NotCounted]);
    assert!(text.contains("STARTTLS failed: ") && text.contains("Once more in clear text"), "{text}");
    assert_eq!(seen.lock().unwrap().mails.len(), 1);

    let (_, tls) = servers::tls("other.example");
    let (port, _) = servers::mail_server(Script { tls: Some(tls), ..Script::default() }).await;
    let (fates, text) =
        shown(&probe(served(), Some(&servers::tls("third.example").0), port), &order(&[URI]), port).await;
    assert_eq!(fates, [ProbeFate::NotCounted]);
    assert!(text.contains("STARTTLS: encrypted; the certificate would not pass a check"), "{text}");
}

#[tokio::test]
async fn refusals_are_told_in_the_server_s_words() {
    use ProbeFate::{NotCounted, NotDelivered};
    let mut all = Vec::new();
    for (script, fate) in [
        (Script { rcpt: "550-5.1.1 No such\r\n550 5.1.1 recipient here", ..Script::default() }, NotDelivered),
        (Script { rcpt: "451 4.3.0 Come again", ..Script::default() }, NotDelivered),
        (Script { end: Some("554 5.6.0 Not a report"), ..Script::default() }, NotCounted),
        (Script { greeting: "554 5.3.2 No service", ..Script::default() }, NotDelivered),
        (Script { greeting: "HTTP/1.1 400 Bad Request", ..Script::default() }, NotDelivered),
    ] {
        let (port, seen) = servers::mail_server(script).await;
        let (fates, text) = shown(&probe(served(), None, port), &order(&[URI]), port).await;
        assert_eq!(fates, [fate]);
        all.push(text.lines().skip(3).collect::<Vec<_>>().join("\n"));
        drop(seen);
    }
    insta::assert_snapshot!(all.join("\n\n"));
}

#[tokio::test]
async fn a_mail_without_an_answer_may_have_been_taken() {
    let (port, _) = servers::mail_server(Script { end: None, ..Script::default() }).await;
    let mut probe = probe(served(), None, port);
    probe.deadlines.answer = Duration::from_millis(200);
    let (fates, text) = shown(&probe, &order(&[URI]), port).await;
    assert_eq!(fates, [ProbeFate::NotDelivered]);
    assert!(
        text.contains("not known: the whole mail was sent, but the answer is missing: no answer within 0.2 s"),
        "{text}"
    );
}

#[tokio::test]
async fn hosts_are_tried_in_their_order() {
    let (port, seen) = servers::mail_server(Script::default()).await;
    let mx = |hosts| Records { mx: HashMap::from([("example.com", hosts)]), ..Records::default() };
    // Nobody listens on the other loopback address.
    let (fates, text) = shown(&probe(mx(Ok(vec!["127.0.0.2", "127.0.0.1"])), None, port), &order(&[URI]), port).await;
    assert_eq!(fates, [ProbeFate::NotCounted]);
    assert!(text.contains("failed: 127.0.0.2 (127.0.0.2:PORT): no connection: Connection refused"), "{text}");
    assert_eq!(seen.lock().unwrap().mails.len(), 1);

    for (answer, told_so) in [
        (Ok(vec![""]), "takes no mail (null MX, RFC 7505)"),
        (Err(DnsError::Temporary("no answer within 5 s".to_owned())), "cannot be looked up: no answer within 5 s"),
        (Ok(vec!["nowhere.invalid"]), "no address of nowhere.invalid is known"),
    ] {
        let (fates, text) = shown(&probe(mx(answer), None, port), &order(&[URI]), port).await;
        assert_eq!(fates, [ProbeFate::NotDelivered]);
        assert!(text.contains(told_so), "{text}");
    }
    assert_eq!(seen.lock().unwrap().mails.len(), 1);
}

#[tokio::test]
async fn a_domain_without_mx_is_its_own_host_and_a_relay_stands_before_all() {
    let (port, seen) = servers::mail_server(Script::default()).await;
    let probe = probe(Records::default(), None, port);
    let (_, text) = shown(&probe, &order(&["mailto:a@nowhere.invalid"]), port).await;
    assert!(text.contains("mx: nowhere.invalid has no MX record: its own address takes the mail"), "{text}");
    let relay = Some("127.0.0.1:1".parse::<Relay>().unwrap()).map(|relay| Relay { port, ..relay });
    let (fates, text) = shown(&probe, &Order { relay, ..order(&["mailto:a@nowhere.invalid"]) }, port).await;
    assert_eq!(fates, [ProbeFate::NotCounted]);
    assert!(text.contains("relay: 127.0.0.1, port PORT, as asked"), "{text}");
    assert_eq!(seen.lock().unwrap().commands[2], "RCPT TO:<a@nowhere.invalid>");
}
