//! Strangers who send much, beside a sender who means well: nobody else is refused, nothing is half there, memory stays bounded.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use tlsight::{
    limits::Limits,
    store::{Store, StoreSettings},
};

use crate::{
    http::{Answer, Client},
    server::Server,
};

const DAY: &str = "2026-03-02";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A gzipped report with so many policies, the first of them with so many failure details.
fn report(id: &str, policies: usize, details: usize) -> Vec<u8> {
    let details: Vec<String> = (0..details)
        .map(|number| {
            let address = number % 250;
            format!(
                r#"{{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.{address}","failed-session-count":1}}"#
            )
        })
        .collect();
    let details = details.join(",");
    let policies: Vec<String> = (0..policies)
        .map(|number| {
            let details = if number == 0 { details.as_str() } else { "" };
            format!(
                r#"{{"policy":{{"policy-type":"sts","policy-domain":"d{number}.example"}},"summary":
                {{"total-successful-session-count":1,"total-failure-session-count":1}},"failure-details":[{details}]}}"#
            )
        })
        .collect();
    let json = format!(
        r#"{{"organization-name":"Example","contact-info":"tls@sender.example","report-id":"{id}",
        "date-range":{{"start-datetime":"{DAY}T00:00:00Z","end-datetime":"{DAY}T23:59:59Z"}},"policies":[{}]}}"#,
        policies.join(",")
    );
    gzip(json.as_bytes())
}

/// A server that believes what its senders say of their address, so that they are different ones.
fn server(data: &Path, settings: &[(&str, &str)]) -> Server {
    Server::start_with(data, |command| {
        command.env("TLSIGHT_PUBLIC__TRUSTED_PROXIES", r#"["127.0.0.1"]"#);
        // As it is without a configuration.
        let limits = Limits::default();
        command.env("TLSIGHT_LIMITS__UNPROVEN_ROWS_PER_MINUTE_MAX", limits.unproven_rows_per_minute_max.to_string());
        command.env("TLSIGHT_LIMITS__UNPROVEN_BYTES_PER_DAY_MAX", limits.unproven_bytes_per_day_max.to_string());
        settings.iter().fold(command, |command, (name, value)| command.env(name, value))
    })
}

fn post(client: &mut Client, address: &str, body: &[u8]) -> io::Result<Answer> {
    let headers = [("Content-Type", "application/tlsrpt+gzip"), ("X-Forwarded-For", address)];
    client.request("POST", "/v1/tlsrpt", &headers, body)
}

/// Sends `bodies` on a connection of its own each, and meanwhile small reports of somebody else one after the other. The answers
/// to the former by status; how long the latter took is printed.
fn beside(server: &Server, what: &str, bodies: &[Vec<u8>]) -> BTreeMap<u16, usize> {
    let (answers, left) = (Mutex::new(BTreeMap::new()), AtomicUsize::new(bodies.len()));
    let mut took = Vec::new();
    std::thread::scope(|scope| {
        for body in bodies {
            let (answers, left) = (&answers, &left);
            scope.spawn(move || {
                let answer = post(&mut Client::connect(server.public), "198.51.100.1", body);
                left.fetch_sub(1, Ordering::SeqCst);
                *answers.lock().unwrap().entry(answer.expect("an answer").status).or_default() += 1;
            });
        }
        let mut honest = Client::connect(server.public);
        while left.load(Ordering::SeqCst) > 0 {
            let body = report(&format!("beside {what}: {}", took.len()), 1, 1);
            let begun = Instant::now();
            let answer = post(&mut honest, "203.0.113.1", &body).expect("an answer");
            assert_eq!(answer.status, 201, "the honest sender: {}", answer.text());
            took.push(begun.elapsed());
        }
    });
    took.sort();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).or(took.last()).copied().unwrap_or_default();
    println!("beside {what}: {} answered, p50 {:.0?}, p99 {:.0?}", took.len(), at(0.5), at(0.99));
    answers.into_inner().unwrap()
}

#[test]
fn an_honest_sender_beside_bodies_of_many_rows() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(&directory.path().join("data"), &[]);
    let bodies: Vec<_> = (0..8).map(|number| report(&format!("details-{number}"), 1, 99_999)).collect();
    let answers = beside(&server, "99,999 details on eight connections", &bodies);
    assert!(answers.keys().all(|status| [422, 429, 503].contains(status)), "{answers:?}");
    let bodies: Vec<_> = (0..8).map(|number| report(&format!("policies-{number}"), 10_000, 0)).collect();
    let answers = beside(&server, "10,000 policies on eight connections", &bodies);
    assert!(answers.keys().all(|status| [422, 429, 503].contains(status)), "{answers:?}");
    assert!(server.stop().success());
}

#[test]
fn an_honest_sender_beside_large_reports_that_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(
        &directory.path().join("data"),
        &[
            ("TLSIGHT_LIMITS__UNPROVEN_FAILURE_DETAILS_MAX", "100000"),
            ("TLSIGHT_LIMITS__UNPROVEN_POLICIES_MAX", "10000"),
            ("TLSIGHT_LIMITS__UNPROVEN_ROWS_PER_MINUTE_MAX", "0"),
        ],
    );
    let mut bodies: Vec<_> = (0..2).map(|number| report(&format!("details-{number}"), 1, 20_000)).collect();
    bodies.push(report("policies", 5_000, 0));
    let answers = beside(&server, "two of 20,000 details and one of 5,000 policies, all stored", &bodies);
    // Who is asked to come back finds the report stored.
    assert!(answers.keys().all(|status| [201, 503].contains(status)), "{answers:?}");
    for body in &bodies {
        crate::server::until("it is stored", || {
            let answer = post(&mut Client::connect(server.public), "198.51.100.1", body).expect("an answer");
            assert!([200, 201, 503].contains(&answer.status), "{}", answer.text());
            answer.status == 200
        });
    }
    assert!(server.stop().success());
    let details =
        "SELECT count(*) FROM failure WHERE report IN (SELECT uuid FROM report WHERE report_id LIKE 'details-%')";
    assert_eq!(count(&directory.path().join("data"), details), 40_000);
}

fn count(data: &Path, sql: &str) -> i64 {
    let store = Store::open(data, &StoreSettings::default()).unwrap();
    let counted = store.read_blocking(|conn| Ok(conn.query_row(sql, [], |row| row.get(0))?)).unwrap();
    store.close_blocking().unwrap();
    counted
}

#[test]
fn a_large_report_is_whole_or_not_there_after_sigkill() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let taken = [
        ("TLSIGHT_LIMITS__UNPROVEN_FAILURE_DETAILS_MAX", "100000"),
        ("TLSIGHT_LIMITS__UNPROVEN_ROWS_PER_MINUTE_MAX", "0"),
    ];
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let server = server(&data, &taken);
        let (address, id) = (server.public, format!("large-{round}"));
        let body = report(&id, 3, 12_000);
        let large = std::thread::spawn(move || post(&mut Client::connect(address), "198.51.100.1", &body));
        // The moment differs from round to round: after so many answers to others.
        let mut other = Client::connect(server.public);
        for number in 0..(3 + 12 * round) {
            let answer = post(&mut other, "203.0.113.1", &report(&format!("small-{round}-{number}"), 1, 1)).unwrap();
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
        server.kill();
        if large.join().unwrap().is_ok_and(|answer| answer.status == 201) {
            acknowledged.push(id);
        }
    }
    let half = "SELECT count(*) FROM report LEFT JOIN (SELECT report, count(*) AS rows FROM failure GROUP BY report) AS failures \
                ON failures.report = report.uuid LEFT JOIN (SELECT report, count(*) AS rows FROM policy GROUP BY report) AS policies \
                ON policies.report = report.uuid WHERE report_id LIKE 'large-%' AND (failures.rows <> 12000 OR policies.rows <> 3)";
    assert_eq!(count(&data, half), 0);
    let orphans = "SELECT (SELECT count(*) FROM failure ANTI JOIN report ON report.uuid = failure.report) + \
                   (SELECT count(*) FROM policy ANTI JOIN report ON report.uuid = policy.report) + \
                   (SELECT count(*) FROM raw ANTI JOIN report ON report.uuid = raw.report)";
    assert_eq!(count(&data, orphans), 0);
    for id in acknowledged {
        assert_eq!(count(&data, &format!("SELECT count(*) FROM report WHERE report_id = '{id}'")), 1, "{id}");
    }
    assert_eq!(count(&data, "SELECT count(*) FROM report WHERE report_id LIKE 'small-%'"), 3 + 15 + 27 + 39);
}

#[test]
fn who_sent_too_much_hears_when_to_come_again() {
    let directory = tempfile::tempdir().unwrap();
    let rows = [("TLSIGHT_LIMITS__UNPROVEN_ROWS_PER_MINUTE_MAX", "60")];
    let server = server(&directory.path().join("data"), &rows);
    // Who hears 429 is hung up on.
    let send =
        |address: &str, id: &str| post(&mut Client::connect(server.public), address, &report(id, 1, 29)).unwrap();
    assert_eq!(send("2001:db8:1:1::1", "a").status, 201);
    assert_eq!(send("2001:db8:1:1::2", "b").status, 201);
    let answer = send("2001:db8:1:1::3", "c");
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|s| s > 0 && s <= 60)));
    let problem = answer.json();
    assert_eq!(problem["code"], "rows-spent");
    assert!(problem["detail"].as_str().unwrap().contains("limits.unproven_rows_per_minute_max"), "{problem}");
    let passed = (0..40u32).filter(|number| {
        let address = format!("2001:db8:2:{:x}::1", number);
        (0..2).any(|time| send(&address, &format!("d-{number}-{time}")).status == 201)
    });
    assert_eq!(passed.count(), 8, "of forty /64s of one /56: four times the budget, half of it each");
    assert_eq!(send("192.0.2.1", "e").status, 201);
    assert!(server.stop().success());
}

/// Bytes above what an idle server holds that it may need at most, whatever is sent: 256 MiB, and what this build, which is not
/// optimised, and the memory allocator add.
const PEAK_MAX_BYTES: u64 = (256 + 128) * 1024 * 1024;

#[test]
fn memory_is_bounded_when_many_large_bodies_come_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(&directory.path().join("data"), &[]);
    let idle = server.peak_memory_bytes();
    let bodies: Vec<Vec<u8>> = (0..16u64).map(|number| noise(number, 15 * 1024 * 1024)).collect();
    let answers = beside(&server, "sixteen bodies of 15 MiB", &bodies);
    assert!(answers.keys().all(|status| [422, 429, 503].contains(status)), "{answers:?}");
    let peak = server.peak_memory_bytes();
    println!("idle {} MiB, peak {} MiB", idle >> 20, peak >> 20);
    assert!(peak - idle < PEAK_MAX_BYTES, "idle {} MiB, peak {} MiB", idle >> 20, peak >> 20);
    assert!(server.stop().success());
}

/// JSON that no compression makes smaller and that is no report.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 8_192);
    text.push_str("{\"noise\":[\"\"");
    let mut number = seed;
    while text.len() < bytes {
        text.push_str(",\"");
        for _ in 0..250 {
            number = crate::crash::splitmix(number);
            text.push_str(&format!("{number:016x}"));
        }
        text.push('"');
    }
    text.push_str("]}");
    text.into_bytes()
}

/// One unsigned mail with a report, over SMTP; the reply to it.
fn mail(smtp: std::net::SocketAddr, id: &str, filling: usize) -> String {
    let stream = std::net::TcpStream::connect(smtp).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut lines = io::BufReader::new(stream);
    let mut ask = |command: &str| {
        lines.get_mut().write_all(command.as_bytes()).unwrap();
        loop {
            let mut line = String::new();
            assert!(io::BufRead::read_line(&mut lines, &mut line).unwrap() > 0, "closed after {command:.40}");
            if line.as_bytes().get(3) == Some(&b' ') {
                return line;
            }
        }
    };
    ask("");
    ask("EHLO mx.sender.example\r\n");
    ask("MAIL FROM:<tls@sender.example>\r\n");
    assert!(ask("RCPT TO:<tlsrpt@reports.example>\r\n").starts_with("250"));
    assert!(ask("DATA\r\n").starts_with("354"));
    let report = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, report(id, 1, 1));
    let filling = format!("{}\r\n", "x".repeat(70)).repeat(filling / 72);
    ask(&format!(
        "From: tls@sender.example\r\nTo: tlsrpt@reports.example\r\nSubject: Report Domain: example.com\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{filling}\
         --b\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n{report}\r\n--b--\r\n.\r\n"
    ))
}

fn mail_server(directory: &Path, settings: &[(&str, &str)]) -> Server {
    let configuration = directory.join("tlsight.toml");
    let text = "[smtp]\nlisten = \"127.0.0.1:0\"\nrecipients = [\"tlsrpt@reports.example\"]\n[[domain]]\nname = \"d0.example\"\n";
    std::fs::write(&configuration, text).unwrap();
    Server::start_with(&directory.join("data"), |command| {
        command.env("TLSIGHT_PUBLIC__TRUSTED_PROXIES", r#"["127.0.0.1"]"#).arg("--config").arg(configuration);
        settings.iter().fold(command, |command, (name, value)| command.env(name, value))
    })
}

#[test]
fn an_anonymous_flood_leaves_honest_unsigned_mail_in_the_quarantine() {
    let directory = tempfile::tempdir().unwrap();
    let server = mail_server(directory.path(), &[("TLSIGHT_STORE__QUARANTINE_MAX_BYTES", "8000000")]);
    let smtp = server.smtp.unwrap();
    for number in 0..5 {
        assert!(mail(smtp, &format!("honest-{number}"), 0).starts_with("250 2.0.0 Ok: quarantined"));
    }
    for number in 0..40 {
        let answer =
            post(&mut Client::connect(server.public), &format!("198.51.{number}.1"), &noise(number, 1_000_000));
        assert_eq!(answer.unwrap().status, 422);
    }
    let kept = crate::server::all_items(&server, "/api/v1/quarantine");
    let by_mail = kept.iter().filter(|entry| entry["channel"] == "smtp").count();
    assert_eq!(by_mail, 5, "{kept:?}");
    assert!((2..8).contains(&(kept.len() - by_mail)), "{}", kept.len());
    assert!(server.stop().success());
}

#[test]
fn who_mails_too_much_without_a_signature_hears_451() {
    let directory = tempfile::tempdir().unwrap();
    let server = mail_server(directory.path(), &[("TLSIGHT_LIMITS__UNPROVEN_BYTES_PER_DAY_MAX", "100000")]);
    let smtp = server.smtp.unwrap();
    assert!(mail(smtp, "a", 60_000).starts_with("250 2.0.0 Ok: quarantined"));
    let reply = mail(smtp, "b", 60_000);
    assert!(reply.starts_with("451 4.7.0 ") && reply.contains("limits.unproven_bytes_per_day_max"), "{reply}");
    assert!(server.stop().success());
}
