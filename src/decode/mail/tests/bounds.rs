//! What a mail may cost.

use std::time::{Duration, Instant};

use crate::{
    decode::mail::*,
    limits::{MAIL_FORWARDED_DEPTH_MAX, MAIL_REPORT_PARTS_MAX, MIME_DEPTH_MAX, MIME_HEADER_MAX_BYTES, MIME_PARTS_MAX},
};

const REPORT: &str = "Content-Type: application/tlsrpt+json\n\n{}\n";

fn read(mail: impl AsRef<[u8]>) -> Result<ParsedMail, Fault> {
    let begun = Instant::now();
    let result = open(mail.as_ref(), &Limits::default());
    // Far above what any of these takes, far below what a square of their size would.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    result
}

/// The detail of the fault about a limit.
fn beyond(mail: impl AsRef<[u8]>) -> String {
    let fault = read(mail).unwrap_err();
    assert_eq!(fault.code, FaultCode::MimeLimits, "{fault}");
    fault.detail
}

fn multipart(parts: usize) -> String {
    format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", format!("--b\n{REPORT}").repeat(parts))
}

/// Multiparts in each other, the report on the given level.
fn nested(levels: usize) -> String {
    let open = |level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n");
    (1..levels).map(open).chain([REPORT.to_owned()]).collect()
}

fn forwarded(times: usize) -> String {
    "Content-Type: message/rfc822\n\n".repeat(times) + REPORT
}

#[test]
fn no_bytes_and_too_many_are_told() {
    assert_eq!(read(b"").unwrap_err().code, FaultCode::Empty);
    let limits = Limits { mail_wire_max_bytes: REPORT.len() - 1, ..Limits::default() };
    let fault = open(REPORT.as_bytes(), &limits).unwrap_err();
    assert_eq!(fault.code, FaultCode::TooLargeWire);
    assert!(fault.detail.contains("mail_wire_max_bytes"), "{fault}");
}

#[test]
fn parts_are_counted() {
    assert_eq!(read(multipart(MAIL_REPORT_PARTS_MAX)).unwrap().parts.len(), MAIL_REPORT_PARTS_MAX);
    assert!(beyond(multipart(MAIL_REPORT_PARTS_MAX + 1)).contains("more than 20 parts"));
    assert!(beyond(multipart(MIME_PARTS_MAX + 1)).contains("more than 100 parts"));
    assert!(
        beyond(["Content-Type: multipart/mixed; boundary=b\n\n", &"--b\n\n".repeat(1_000_000)].concat())
            .contains("100")
    );
    // A forwarded mail counts like a part, and so do its own.
    let forwarded = multipart(26).replace(REPORT, &"Content-Type: message/rfc822\n\n".repeat(4));
    assert!(beyond(forwarded).contains("more than 100 parts"));
    // However they are spread over the levels.
    let inner = multipart(MAIL_REPORT_PARTS_MAX).replace("boundary=b", "boundary=c").replace("--b", "--c");
    let spread = multipart(5).replace(REPORT, &inner.replace("tlsrpt+json", "pdf"));
    assert!(beyond(spread).contains("more than 100 parts"));
}

#[test]
fn levels_are_counted() {
    assert_eq!(read(nested(MIME_DEPTH_MAX)).unwrap().parts.len(), 1);
    assert!(beyond(nested(MIME_DEPTH_MAX + 1)).contains("10 levels"));
    assert!(beyond(nested(1_000)).contains("10 levels"));
    let deep_and_large = nested(MIME_DEPTH_MAX) + &"x\n".repeat(2_500_000);
    assert_eq!(read(deep_and_large).unwrap().parts.len(), 1);
    let mixed = nested(MIME_DEPTH_MAX - 2).replace(REPORT, &forwarded(3));
    assert!(beyond(mixed).contains("10 levels"));
}

#[test]
fn forwarded_mails_are_opened_so_far() {
    let mail = read(forwarded(MAIL_FORWARDED_DEPTH_MAX)).unwrap();
    assert_eq!((mail.messages.len(), mail.parts[0].message), (4, 3));
    assert!(beyond(forwarded(MAIL_FORWARDED_DEPTH_MAX + 1)).contains("forwarded in each other more than 3 times"));
    assert!(beyond(forwarded(1_000)).contains("more than 3 times"));
    // What is found on the way there counts all the same.
    let deep = forwarded(MAIL_FORWARDED_DEPTH_MAX + 1);
    let beside = format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n{REPORT}--b\n{deep}--b--\n");
    assert_eq!(read(beside).unwrap().parts.len(), 1);
}

#[test]
fn headers_are_measured_wherever_they_stand() {
    let long = format!("X: {}\n", "x".repeat(MIME_HEADER_MAX_BYTES));
    let expected = "a header is longer than 262144 bytes";
    assert_eq!(beyond([&long, REPORT].concat()), expected);
    assert_eq!(beyond(multipart(1).replace("--b\nC", &format!("--b\n{long}C"))), expected);
    assert_eq!(beyond(forwarded(1).replace("\n\nC", &format!("\n\n{long}C"))), expected);
    assert_eq!(beyond("a: b\n".repeat(1_000_000)), expected);
    assert_eq!(beyond("x".repeat(20_000_000)), expected);
}

#[test]
fn fields_with_a_million_parameters_or_words_cost_little() {
    let parameters: String = (0..20_000).map(|index| format!("a*{index}*=b;")).collect();
    assert!(beyond(format!("Content-Type: x/y; {parameters}\n\n")).contains("16384 bytes"));
    assert!(beyond(format!("Content-Type: x/y; {}\n\n", &parameters[..1_600])).contains("100 parameters"));
    let words = "=?utf-8?q?a?= ".repeat(1_000);
    let part = format!("--b\nContent-Type: x/y; name=\"{words}\"\nContent-Description: {words}\n\nx\n");
    let mail = format!("From: {words}\nContent-Type: multipart/mixed; boundary=b\n\n{}", part.repeat(MIME_PARTS_MAX));
    assert_eq!(read(mail).unwrap_err().code, FaultCode::NotTlsrpt);
}

#[test]
fn long_boundaries_are_only_compared() {
    let boundary = "-".repeat(10_000);
    let body = format!("{}\n", "-".repeat(9_999)).repeat(1_000);
    let mail = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\n{body}--{boundary}\n{REPORT}");
    assert_eq!(read(mail).unwrap().parts.len(), 1);
}

#[test]
fn archives_are_not_unpacked_to_see_what_they_are() {
    let zeros = vec![b' '; 10_000_000];
    let mut zip = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("a.json", ::zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, &zeros).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let part = [b"--b\nContent-Type: application/zip\n\n", &zip[..], b"\n"].concat();
    let mail = [b"Content-Type: multipart/mixed; boundary=b\n\n", &part.repeat(MIME_PARTS_MAX)[..]].concat();
    assert_eq!(read(mail).unwrap_err().code, FaultCode::NotTlsrpt);
}
