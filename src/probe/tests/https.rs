//! Delivery over HTTPS.

use super::{servers, *};

fn answer(status: &str, media_type: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

const STORED: &str = r#"{"outcome":"stored","report":"0191d8a4-0000-8000-8000-000000000000"}"#;
const PROBLEM: &str = r#"{"type":"about:blank","title":"Unprocessable Content","status":422,"code":"bad-date","detail":"\"yesterday\" is no date","outcome":"quarantined"}"#;

#[tokio::test]
async fn a_receiver_takes_the_report() {
    let (certificate, tls) = servers::tls("127.0.0.1");
    let (port, asked) = servers::http(Some(tls), answer("201 Created", "application/json", STORED)).await;
    let uri = format!("https://127.0.0.1:{port}/v1/tlsrpt/a-token%2C");
    let (fates, text) = shown(&probe(Records::default(), Some(&certificate), 25), &order(&[&uri]), port).await;
    assert_eq!(fates, [ProbeFate::Taken]);
    insta::assert_snapshot!(text);

    let request = asked.lock().unwrap().clone();
    let head_end = request.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(request[..head_end].to_vec()).unwrap().to_lowercase();
    assert!(head.starts_with("post /v1/tlsrpt/a-token%2c http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/tlsrpt+gzip\r\n"), "{head}");
    assert!(!head.contains("content-encoding"), "{head}");
    let mut json = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "the test reads what it sent itself")]
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&request[head_end + 4..]), &mut json).unwrap();
    let now = "2024-03-01T08:00:00Z".parse().unwrap();
    let report = report::parse(&json, now, &crate::limits::Limits::default()).unwrap().remove(0).unwrap();
    assert!(report.deviations.is_empty());
    assert_eq!(report.report_id, "tlsight-test-00000000-0000-0000-0000-000000000007@sender.example");
}

#[tokio::test]
async fn answers_are_told_apart() {
    let mut all = Vec::new();
    for (status, body, fate) in [
        ("200 OK", "", ProbeFate::Taken),
        ("422 Unprocessable Content", PROBLEM, ProbeFate::NotCounted),
        (
            "403 Forbidden",
            r#"{"code":"foreign-domain","detail":"example.com is not served here"}"#,
            ProbeFate::NotCounted,
        ),
        ("404 Not Found", "<html>\n<body>no\u{1b}[2J such page", ProbeFate::NotDelivered),
        ("503 Service Unavailable", "", ProbeFate::NotDelivered),
        ("500 Internal Server Error", &"x".repeat(100_000), ProbeFate::NotDelivered),
        ("301 Moved Permanently\r\nLocation: https://elsewhere.example/", "", ProbeFate::NotDelivered),
    ] {
        let (port, _) = servers::http(None, answer(status, "text/plain", body)).await;
        let uri = format!("http://127.0.0.1:{port}/");
        let (fates, text) = shown(&probe(Records::default(), None, 25), &order(&[&uri]), port).await;
        assert_eq!(fates, [fate], "{status}");
        all.push(text.lines().skip(5).collect::<Vec<_>>().join("\n"));
    }
    insta::assert_snapshot!(all.join("\n\n").replace(&"x".repeat(10), ""));
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_is_explained_and_can_be_overlooked() {
    let mut all = Vec::new();
    for (name, known, insecure) in [
        ("127.0.0.1", false, false),
        ("other.example", true, false),
        ("127.0.0.1", false, true),
        ("other.example", true, true),
    ] {
        let (certificate, tls) = servers::tls(name);
        let (port, _) = servers::http(Some(tls), answer("201 Created", "application/json", STORED)).await;
        // Somebody else's certificate, so that there is an authority to know.
        let believed = if known { certificate } else { servers::tls("third.example").0 };
        let order = Order { insecure, ..order(&[&format!("https://127.0.0.1:{port}/")]) };
        let (fates, text) = shown(&probe(Records::default(), Some(&believed), 25), &order, port).await;
        assert_eq!(fates, [if insecure { ProbeFate::Taken } else { ProbeFate::NotDelivered }]);
        all.push(text);
    }
    insta::assert_snapshot!(all.join("\n\n"));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for_long() {
    let (port, _) = servers::http(None, None).await;
    let mut probe = probe(Records::default(), None, 25);
    probe.deadlines.answer = Duration::from_millis(100);
    let (fates, text) = shown(&probe, &order(&[&format!("http://127.0.0.1:{port}/")]), port).await;
    assert_eq!(fates, [ProbeFate::NotDelivered]);
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn nobody_there_and_no_tls_there() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let probe = probe(Records::default(), None, 25);
    let (fates, text) = shown(&probe, &order(&[&format!("https://127.0.0.1:{closed}/")]), closed).await;
    assert_eq!(fates, [ProbeFate::NotDelivered]);
    assert!(text.contains("not delivered: no connection: Connection refused"), "{text}");

    // A mail server greets where a TLS handshake is expected.
    let (port, _) = servers::mail_server(servers::Script::default()).await;
    let (fates, text) = shown(&probe, &order(&[&format!("https://127.0.0.1:{port}/")]), port).await;
    assert_eq!(fates, [ProbeFate::NotDelivered]);
    assert!(text.contains("not delivered: no connection: received corrupt message"), "{text}");

    let (fates, text) = shown(&probe, &order(&["https://nowhere.invalid/"]), port).await;
    assert_eq!(fates, [ProbeFate::NotDelivered]);
    assert!(text.contains("no address of nowhere.invalid is known"), "{text}");
}

#[tokio::test]
async fn one_uri_has_its_time_and_no_more() {
    let (port, _) = servers::http(None, None).await;
    let mut probe = probe(Records::default(), None, 25);
    probe.deadlines.uri = Duration::from_millis(100);
    let (fates, text) = shown(&probe, &order(&[&format!("http://127.0.0.1:{port}/")]), port).await;
    assert_eq!(fates, [ProbeFate::NotDelivered]);
    assert!(text.contains("it took longer than 0.1 s in all"), "{text}");
}
