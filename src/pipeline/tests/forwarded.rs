//! Mails within mails, and what a stranger may try with them: each has its own sender and its own signature.

use super::{mail::*, *};
use crate::{
    dns,
    report::Deviation,
    store::quarantined,
    submission::SignatureVerdict,
    verify::dkim::fixtures::{records, sign},
};

const EVIL: &str = "evil.example";

fn keys() -> String {
    records(&[(FROM, "sel"), (EVIL, "sel"), ("tenant.sender.example", "sel")])
}

/// A mail of `from` with a report of its own and another mail in it.
fn around(from: &str, own: Option<&str>, inner: &[u8]) -> Vec<u8> {
    let own = own
        .map(|report| report.replace('\n', "\r\n"))
        .map(|report| format!("--o\r\nContent-Type: application/tlsrpt+json\r\n\r\n{report}\r\n"))
        .unwrap_or_default();
    let head = format!(
        "From: x@{from}\r\nTo: tlsrpt@example.com\r\nSubject: x\r\nDate: Tue, 03 Mar 2026 05:00:00 +0000\r\n\
         TLS-Report-Domain: example.com\r\nTLS-Report-Submitter: {from}\r\n\
         Content-Type: multipart/mixed; boundary=o\r\n\r\n{own}--o\r\nContent-Type: message/rfc822\r\n\r\n"
    );
    [head.as_bytes(), inner, b"\r\n--o--\r\n"].concat()
}

fn genuine(id: &str) -> Vec<u8> {
    sign(&mail(FROM, &[&report(id, "2026-03-02", 5)]), FROM, "sel")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_report_counts_by_its_own_signature() {
    let bench = bench_with(served(), &keys());
    let outcomes = bench.pipeline.accept(by_smtp(around(EVIL, None, &genuine("a")))).await.0;
    let whole = shown(&bench, stored(&outcomes)[0]);
    assert_eq!((whole.report.trust.as_str(), whole.from_domain.as_deref()), ("dkim", Some(FROM)));
    assert!(whole.report.deviations.iter().any(|deviation| deviation.code == Deviation::Forwarded));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_borrows_the_signature_of_a_mail_they_forward() {
    let bench = bench_with(served(), &keys());
    let bytes = around(EVIL, Some(&report("forged", "2026-03-02", 99)), &genuine("a"));
    let outcomes = bench.pipeline.accept(by_smtp(bytes.clone())).await.0;
    assert_eq!(code(&outcomes[0]), FaultCode::DkimNone);
    assert!(matches!(outcomes[1], Outcome::Stored(_)), "{outcomes:?}");
    let name = entry(&outcomes[0]);
    let kept = bench.pipeline.store().read_blocking(|conn| quarantined(conn, name)).unwrap().unwrap();
    assert_eq!(kept.arrival.origin.from_domain.as_deref(), Some(EVIL));
    assert_eq!(kept.arrival.origin.dkim_verdict, Some(SignatureVerdict::Fault(FaultCode::DkimNone)));

    // Judged again, whatever is claimed to have been found before.
    for origin in [
        kept.arrival.origin,
        Origin { dkim_verdict: Some(SignatureVerdict::Pass), from_domain: Some(FROM.into()), ..Origin::default() },
    ] {
        let again = by_smtp(bytes.clone());
        let hints = Hints { judged: Some(Box::new(origin)), ..again.hints.clone() };
        let retry = Retry { entry: name, element: kept.element, admit: false };
        let receipt = bench.pipeline.accept_again(Submission { hints, ..again }, retry).await;
        assert_eq!(code(&receipt.0[0]), FaultCode::DkimNone);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_report_of_a_mail_names_its_own_signer() {
    let bench = bench_with(served(), &keys());
    let outer = sign(&around(EVIL, Some(&report("own", "2026-03-02", 99)), &genuine("a")), EVIL, "sel");
    let uuids = stored(&bench.pipeline.accept(by_smtp(outer)).await.0);
    let signers: Vec<_> = uuids.iter().map(|uuid| shown(&bench, *uuid).dkim_domain).collect();
    assert_eq!(signers, [Some(EVIL.to_owned()), Some(FROM.to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_server_s_word_is_taken_for_the_mail_it_saw_only() {
    let signatures =
        || Signatures::new(Arc::new(dns::Records::parse(&keys()).unwrap()), Some("mx.example.com".to_owned()));
    let TempStore { store, directory: _directory } = temp_store();
    let pipeline = Pipeline::new(Limits::default(), served(), signatures(), store).unwrap();
    let claimed = |id: &str| {
        let field = format!("Authentication-Results: mx.example.com; dkim=pass header.d={FROM}\r\n");
        [field.as_bytes(), &mail(FROM, &[&report(id, "2026-03-02", 5)])].concat()
    };
    let by = |channel: Channel, bytes: Vec<u8>| Submission { channel, ..by_smtp(bytes) };
    let outcomes = pipeline.accept(by(Channel::Lmtp, claimed("a"))).await.0;
    assert!(matches!(outcomes[..], [Outcome::Stored(_)]), "{outcomes:?}");
    let outcomes = pipeline.accept(by(Channel::Smtp, claimed("b"))).await.0;
    assert_eq!(code(&outcomes[0]), FaultCode::DkimNone, "a stranger wrote it");
    let outcomes = pipeline.accept(by(Channel::Lmtp, around(EVIL, None, &claimed("c")))).await.0;
    assert_eq!(code(&outcomes[0]), FaultCode::DkimNone, "within a mail nobody removed it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_of_a_large_domain_masks_nobody() {
    let bench = bench_with(served(), &keys());
    let tenant = "tenant.sender.example";
    let forged = mail(tenant, &[&report("predicted", "2026-03-02", 99)]);
    let forged = sign(&forged, tenant, "sel");
    stored(&bench.pipeline.accept(by_smtp(forged)).await.0);
    stored(&bench.pipeline.accept(by_smtp(genuine("predicted"))).await.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_document_of_the_very_report() {
    let bench = bench_with(served(), &keys());
    let text = String::from_utf8(mail(FROM, &[&report("real", "2026-03-02", 5)])).unwrap();
    let text = text.replace(
        "--b\r\nContent-Type: application/tlsrpt",
        "--b\r\nContent-Type: application/json\r\n\r\n{\"template\": 1}\r\n--b\r\nContent-Type: application/tlsrpt",
    );
    let text = text
        .replace("TLS-Report", "X")
        .replace("report-type=tlsrpt; ", "")
        .replace("application/tlsrpt+json", "application/json");
    let signed = sign(text.as_bytes(), FROM, "sel");
    let uuid = stored(&bench.pipeline.accept(by_smtp(signed)).await.0)[0];
    let raw = bench.pipeline.store().read_blocking(|conn| crate::store::raw(conn, uuid)).unwrap().unwrap();
    let document =
        stored_document(&raw.bytes, Channel::Smtp, &by_smtp(Vec::new()).hints, raw.element, &Limits::default());
    assert!(String::from_utf8(document.unwrap().json).unwrap().contains("real"));
}
