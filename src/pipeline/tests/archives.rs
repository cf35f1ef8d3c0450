//! Zip archives on their way through all stages: each report for itself, and found again.

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};

use super::{mail::*, *};
use crate::verify::dkim::fixtures::{records, sign};

fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Three reports, one of them of the future, beside what people and macOS leave in an archive.
fn several() -> Vec<u8> {
    zip(&[
        ("__MACOSX/._a.json", report("shadow", "2026-03-02", 1).into_bytes()),
        ("readme.txt", b"Two reports.".to_vec()),
        ("a.json", report("a", "2026-03-02", 5).into_bytes()),
        ("package.json", b"{\"name\": \"no report\"}".to_vec()),
        ("b.json", report("b", "2026-05-01", 6).into_bytes()),
        ("c.json.gz", gzip(&report("c", "2026-03-02", 7))),
    ])
}

fn documents(bench: &Bench, channel: Channel, hints: &Hints, uuids: &[Uuid]) -> Vec<String> {
    let document = |uuid: &Uuid| {
        let uuid = *uuid;
        let raw = bench.pipeline.store().read_blocking(move |conn| crate::store::raw(conn, uuid)).unwrap().unwrap();
        let document = stored_document(&raw.bytes, channel, hints, raw.element, &Limits::default()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&document.json).unwrap();
        json["report-id"].as_str().unwrap().to_owned()
    };
    uuids.iter().map(document).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_report_of_an_archive_is_taken_for_itself_and_found_again() {
    let bench = bench(Served::default());
    let posted = || Submission { bytes: several(), ..submission("") };
    let outcomes = bench.pipeline.accept(posted()).await.0;
    let [Outcome::Stored(a), kept, Outcome::Stored(c)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(code(kept), FaultCode::FutureDate);
    assert_eq!(documents(&bench, Channel::Https, &Hints::default(), &[*a, *c]), ["a", "c"]);

    let element = bench.pipeline.store().read_blocking({
        let name = entry(kept);
        move |conn| crate::store::quarantined(conn, name)
    });
    let retry = Retry { entry: entry(kept), element: element.unwrap().unwrap().element, admit: true };
    let admitted = bench.pipeline.accept_again(posted(), retry).await.0;
    assert_eq!(documents(&bench, Channel::Https, &Hints::default(), &stored(&admitted)), ["b"]);
    let again = bench.pipeline.accept(posted()).await.0;
    assert!(matches!(again[..], [Outcome::Duplicate(_), Outcome::Quarantined { .. }, Outcome::Duplicate(_)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_s_archive_may_hold_reports_and_mails() {
    let bench = bench_with(served(), &records(&[(FROM, "sel"), ("evil.example", "sel")]));
    let genuine = sign(&mail(FROM, &[&report("signed", "2026-03-02", 5)]), FROM, "sel");
    let archive = zip(&[
        ("a.json", report("a", "2026-03-02", 5).into_bytes()),
        ("saved.eml", genuine.clone()),
        ("c.json.gz", gzip(&report("c", "2026-03-02", 7))),
    ]);
    let outer = |content_type: &str, attachment: &[u8]| {
        let encoded = BASE64_STANDARD.encode(attachment);
        let mail = format!(
            "From: x@evil.example\r\nTo: tlsrpt@example.com\r\nSubject: x\r\nDate: Tue, 03 Mar 2026 05:00:00 +0000\r\n\
             Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nSee attached.\r\n--o\r\nContent-Type: {content_type}\r\n\
             Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--o--\r\n"
        );
        by_smtp(sign(mail.as_bytes(), "evil.example", "sel"))
    };
    let whole = outer("application/zip", &archive);
    let uuids = stored(&bench.pipeline.accept(whole.clone()).await.0);
    let signers: Vec<_> = uuids.iter().map(|uuid| shown(&bench, *uuid).dkim_domain.unwrap()).collect();
    assert_eq!(signers, [FROM, "evil.example", "evil.example"], "the saved mail counts by its own signature");
    assert_eq!(documents(&bench, Channel::Smtp, &whole.hints, &uuids), ["signed", "a", "c"]);
    // The same mail attached under types that say nothing.
    for content_type in ["text/plain", "application/octet-stream"] {
        let outcomes = bench.pipeline.accept(outer(content_type, &genuine)).await.0;
        assert!(matches!(outcomes[..], [Outcome::Duplicate(same)] if same == uuids[0]), "{content_type}: {outcomes:?}");
    }
}

#[tokio::test]
async fn an_archive_cannot_multiply_the_bounds_of_a_document() {
    let limits = Limits { report_policies_max: 2, report_failure_details_max: 2, ..Limits::default() };
    let TempStore { store, directory: _directory } = temp_store();
    let pipeline = Pipeline::new(limits, Served::default(), fixtures::signatures(""), store).unwrap();
    let archive = |reports: usize| {
        let names = ["a", "b", "c"];
        let files = names[..reports].iter().map(|name| (*name, report(name, "2026-03-02", 5).into_bytes()));
        Submission { bytes: zip(&files.collect::<Vec<_>>()), ..submission("") }
    };
    stored(&pipeline.accept(archive(2)).await.0);
    assert_eq!(code(&pipeline.accept(archive(3)).await.0[0]), FaultCode::TooManyPolicies);
}

#[tokio::test]
async fn an_archive_without_a_report_is_refused_as_one() {
    let bench = bench(Served::default());
    let junk = zip(&[("a.json", b"{}".to_vec()), ("b.json", b"[1]".to_vec())]);
    let outcomes = bench.pipeline.accept(Submission { bytes: junk, ..submission("") }).await.0;
    assert_eq!((outcomes.len(), code(&outcomes[0])), (1, FaultCode::NotAReport));
}
