//! Mail through all stages: what is counted, what is kept, what nobody has to look at.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;

use super::*;
use crate::{
    query,
    report::Deviation,
    store::{quarantined, tables::sender},
    submission::{MAIL, SignatureVerdict},
    verify::dkim::fixtures::{TestSigner, records, sign},
};

pub(super) const FROM: &str = "sender.example";

fn keys() -> String {
    records(&[(FROM, "sel")])
}

/// A bench that asks these records for keys.
pub(super) fn bench_with(served: Served, records: &str) -> Bench {
    let TempStore { store, directory } = temp_store();
    let pipeline = Pipeline::new(Limits::default(), served, fixtures::signatures(records), store).unwrap();
    Bench { pipeline, _directory: directory }
}

/// A report mail as RFC 8460 §5.3 describes it, with these attachments.
pub(super) fn mail(from: &str, attachments: &[&str]) -> Vec<u8> {
    let mut mail = format!(
        "From: TLS reports <tls@{from}>\r\nTo: tlsrpt@example.com\r\nSubject: Report Domain: example.com Submitter: {from} \
         Report-ID: <1@{from}>\r\nDate: Tue, 03 Mar 2026 05:00:00 +0000\r\nMessage-ID: <1@{from}>\r\n\
         TLS-Report-Domain: example.com\r\nTLS-Report-Submitter: {from}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=tlsrpt; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA report.\r\n"
    );
    for attachment in attachments {
        let encoded = BASE64_STANDARD.encode(attachment);
        let _ = write!(
            mail,
            "--b\r\nContent-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"
        );
    }
    mail.push_str("--b--\r\n");
    mail.into_bytes()
}

pub(super) fn by_smtp(bytes: Vec<u8>) -> Submission {
    let hints = Hints { media_type: Some(MAIL.to_owned()), ..Hints::default() };
    Submission { bytes, channel: Channel::Smtp, hints, ..submission("") }
}

pub(super) fn served() -> Served {
    Served::new([("example.com".to_owned(), Default::default())].into(), Default::default())
}

pub(super) fn stored(outcomes: &[Outcome]) -> Vec<Uuid> {
    let stored = |outcome: &Outcome| match outcome {
        Outcome::Stored(uuid) => *uuid,
        other => panic!("not stored: {other:?}"),
    };
    outcomes.iter().map(stored).collect()
}

pub(super) fn shown(bench: &Bench, uuid: Uuid) -> query::report::Whole {
    bench.pipeline.store().read_blocking(|conn| Ok(query::report::report(conn, uuid)?)).unwrap().expect("it is stored")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_mail_counts_with_its_signature() {
    let bench = bench_with(served(), &keys());
    let signed = sign(&mail(FROM, &[&report("a", "2026-03-02", 5)]), FROM, "sel");
    let uuid = stored(&bench.pipeline.accept(by_smtp(signed.clone())).await.0)[0];
    let whole = shown(&bench, uuid);
    assert_eq!((whole.report.trust.as_str(), whole.report.channel.as_str()), ("dkim", "smtp"));
    assert_eq!(whole.from_domain.as_deref(), Some(FROM));
    assert_eq!((whole.dkim_verdict, whole.dkim_domain.as_deref()), (Some(SignatureVerdict::Pass), Some(FROM)));
    assert_eq!((whole.dkim_selector.as_deref(), whole.submitter.as_deref()), (Some("sel"), Some(FROM)));
    assert_eq!(whole.key_secure, Some(false), "no DNSSEC secures records of a file");
    assert!(whole.report.deviations.is_empty(), "{:?}", whole.report.deviations);
    assert!(matches!(bench.pipeline.accept(by_smtp(signed)).await.0[..], [Outcome::Duplicate(same)] if same == uuid));
    // The same report over HTTPS is the same report.
    let posted = submission(&report("a", "2026-03-02", 5));
    assert!(matches!(bench.pipeline.accept(posted).await.0[..], [Outcome::Duplicate(same)] if same == uuid));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_mail_is_kept_once_until_it_is_admitted() {
    let bench = bench_with(served(), &keys());
    let bytes = mail(FROM, &[&report("a", "2026-03-02", 5), &report("b", "2026-03-02", 6)]);
    let outcomes = bench.pipeline.accept(by_smtp(bytes.clone())).await.0;
    assert_eq!((outcomes.len(), code(&outcomes[0])), (1, FaultCode::DkimNone));
    let name = entry(&outcomes[0]);
    let kept = bench.pipeline.store().read_blocking(|conn| quarantined(conn, name)).unwrap().unwrap();
    assert_eq!(kept.arrival.bytes, bytes, "byte for byte");
    assert_eq!(kept.arrival.origin.from_domain.as_deref(), Some(FROM));
    assert_eq!(kept.arrival.origin.dkim_verdict, Some(SignatureVerdict::Fault(FaultCode::DkimNone)));

    let retry = Retry { entry: name, element: None, admit: false };
    assert_eq!(code(&bench.pipeline.accept_again(by_smtp(bytes.clone()), retry).await.0[0]), FaultCode::DkimNone);
    let again = by_smtp(bytes);
    let hints = Hints { judged: Some(Box::new(kept.arrival.origin)), ..again.hints.clone() };
    let receipt = bench.pipeline.accept_again(Submission { hints, ..again }, Retry { admit: true, ..retry }).await;
    let whole = shown(&bench, stored(&receipt.0)[1]);
    assert_eq!(
        (whole.report.trust.as_str(), whole.dkim_verdict),
        ("import", Some(SignatureVerdict::Fault(FaultCode::DkimNone)))
    );
    assert!(bench.pipeline.store().read_blocking(|conn| quarantined(conn, name)).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_trusts_needs_no_signature() {
    let bench = bench_with(served(), &keys());
    let mut import = by_smtp(mail(FROM, &[&report("a", "2026-03-02", 5)]));
    import.channel = Channel::Import;
    assert_eq!(code(&bench.pipeline.accept(import.clone()).await.0[0]), FaultCode::DkimNone);
    import.hints.trusted_input = true;
    let uuid = stored(&bench.pipeline.accept(import).await.0)[0];
    assert_eq!(shown(&bench, uuid).report.trust.as_str(), "import");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_a_mail_that_is_not_ours() {
    let bench = bench_with(
        Served::new([("other.example".to_owned(), Default::default())].into(), Default::default()),
        "sel._domainkey.sender.example SERVFAIL",
    );
    let outcomes = bench.pipeline.accept(by_smtp(mail(FROM, &[&report("a", "2026-03-02", 5)]))).await.0;
    assert!(
        matches!(&outcomes[..], [Outcome::Refused(fault)] if fault.code == FaultCode::ForeignDomain),
        "{outcomes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_report_is_ignored_and_a_broken_one_kept() {
    let bench = bench_with(served(), &keys());
    let spam = b"From: a@b.example\r\nSubject: Buy now\r\n\r\nCheap.\r\n".to_vec();
    let outcomes = bench.pipeline.accept(by_smtp(spam)).await.0;
    assert!(matches!(&outcomes[..], [Outcome::Ignored(fault)] if fault.code == FaultCode::NotTlsrpt), "{outcomes:?}");
    let broken = by_smtp(mail(FROM, &["<feedback/>"]));
    assert_eq!(
        code(&bench.pipeline.accept(broken).await.0[0]),
        FaultCode::NotJson,
        "kept, not refused: nobody would hear"
    );
    let strange = mail(FROM, &[r#"{"a": 1}"#]);
    let strange = String::from_utf8(strange)
        .unwrap()
        .replace("TLS-Report", "X")
        .replace("report-type=tlsrpt; ", "")
        .replace("application/tlsrpt+json", "application/json");
    let outcomes = bench.pipeline.accept(by_smtp(strange.into_bytes())).await.0;
    assert!(matches!(&outcomes[..], [Outcome::Ignored(_)]), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_looked_up_is_waited_for_a_day() {
    let bench = bench_with(served(), "sel._domainkey.sender.example SERVFAIL");
    let signed = sign(&mail(FROM, &[&report("a", "2026-03-02", 5)]), FROM, "sel");
    let at = |hours: i64| {
        let first = by_smtp(signed.clone());
        Submission { received_at: first.received_at + TimeDelta::hours(hours), ..first }
    };
    for hours in [0, 23] {
        let outcomes = bench.pipeline.accept(at(hours)).await.0;
        assert!(matches!(outcomes[..], [Outcome::Busy(Busy::KeyLookup)]), "{outcomes:?} after {hours} h");
    }
    assert_eq!(code(&bench.pipeline.accept(at(24)).await.0[0]), FaultCode::DkimTemperror);
    // A mailbox that nobody looked into for days is not given up at the first look.
    let mut fetched = Submission { channel: Channel::Imap, ..at(72) };
    fetched.bytes.extend_from_slice(b"\r\n");
    fetched.hints.mailed_at = Some(at(0).received_at);
    assert!(matches!(bench.pipeline.accept(fetched).await.0[..], [Outcome::Busy(Busy::KeyLookup)]));
    // Of a file nobody is left to come again.
    let mut file = Submission { channel: Channel::Import, ..at(30) };
    file.hints.mailed_at = Some(at(0).received_at);
    assert_eq!(code(&bench.pipeline.accept(file).await.0[0]), FaultCode::DkimTemperror);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_sender_counts_until_the_trust_is_ended() {
    let bench = bench_with(served(), &keys());
    let store = bench.pipeline.store();
    let now = submission("").received_at;
    store.change(move |conn| sender::trust(conn, FROM, None, now)).await.unwrap();
    bench.pipeline.reload_senders().await.unwrap();
    let uuid = stored(&bench.pipeline.accept(by_smtp(mail(FROM, &[&report("a", "2026-03-02", 5)]))).await.0)[0];
    let whole = shown(&bench, uuid);
    assert_eq!(
        (whole.report.trust.as_str(), whole.dkim_verdict),
        ("import", Some(SignatureVerdict::Fault(FaultCode::DkimNone)))
    );

    let trusted = store.read(sender::senders).await.unwrap().remove(0);
    store.change(move |conn| sender::revoke(conn, trusted.uuid, now)).await.unwrap();
    bench.pipeline.reload_senders().await.unwrap();
    let next = by_smtp(mail(FROM, &[&report("b", "2026-03-02", 5)]));
    assert_eq!(code(&bench.pipeline.accept(next).await.0[0]), FaultCode::DkimNone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_of_sender_and_signer_is_believed_like_a_signature() {
    let bench = bench_with(served(), &keys());
    let signed = |id: &str| sign(&mail("corp.example", &[&report(id, "2026-03-02", 5)]), FROM, "sel");
    let outcomes = bench.pipeline.accept(by_smtp(signed("a"))).await.0;
    assert_eq!(code(&outcomes[0]), FaultCode::DkimUnaligned);
    let name = entry(&outcomes[0]);
    let kept = bench.pipeline.store().read_blocking(|conn| quarantined(conn, name)).unwrap().unwrap();
    assert_eq!(kept.arrival.origin.dkim_domain.as_deref(), Some(FROM));
    let now = submission("").received_at;
    bench.pipeline.store().change(move |conn| sender::trust(conn, "corp.example", Some(FROM), now)).await.unwrap();
    bench.pipeline.reload_senders().await.unwrap();
    let uuid = stored(&bench.pipeline.accept(by_smtp(signed("b"))).await.0)[0];
    assert_eq!(shown(&bench, uuid).report.trust.as_str(), "dkim");
    let unsigned = by_smtp(mail("corp.example", &[&report("c", "2026-03-02", 5)]));
    assert_eq!(code(&bench.pipeline.accept(unsigned).await.0[0]), FaultCode::DkimNone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_cannot_take_another_organisation_s_name() {
    let bench = bench_with(served(), &keys());
    let genuine = report("a", "2026-03-02", 5).replace("tls@sender.example", "tls@victim.example");
    let forged = sign(&mail(FROM, &[&genuine.replace("count\":5,", "count\":99,")]), FROM, "sel");
    let forged = shown(&bench, stored(&bench.pipeline.accept(by_smtp(forged)).await.0)[0]);
    assert_eq!(forged.report.organisation_key, format!("tls@{FROM}"));
    assert!(forged.report.deviations.iter().any(|deviation| deviation.code == Deviation::SubmitterMismatch));
    assert!(
        matches!(bench.pipeline.accept(submission(&genuine)).await.0[..], [Outcome::Stored(_)]),
        "nothing is masked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_policy_domain_is_that_of_the_signed_field() {
    let bench = bench_with(served(), &keys());
    let signed = sign(&mail(FROM, &[&nameless("a")]), FROM, "sel");
    let uuid = stored(&bench.pipeline.accept(by_smtp(signed)).await.0)[0];
    assert_eq!(shown(&bench, uuid).policies[0].domain, "example.com");
    // Nothing that was supplied is part of its name.
    let posted = bench.pipeline.accept(submission(&nameless("a"))).await.0;
    assert!(matches!(posted[..], [Outcome::Duplicate(same)] if same == uuid), "{posted:?}");
}

fn nameless(id: &str) -> String {
    report(id, "2026-03-02", 5).replace(r#","policy-domain":"example.com""#, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_s_word_makes_the_field_good_and_an_unsigned_one_is_nobody_s() {
    let two = ["example.com", "example.net"].map(|domain| (domain.to_owned(), Default::default()));
    let bench = bench_with(Served::new(two.into(), Default::default()), &keys());
    let bytes = mail(FROM, &[&nameless("a")]);
    let mut trusted_input = Submission { channel: Channel::Import, ..by_smtp(bytes.clone()) };
    trusted_input.hints.trusted_input = true;
    let uuid = stored(&bench.pipeline.accept(trusted_input).await.0)[0];
    assert_eq!(shown(&bench, uuid).policies[0].domain, "example.com");

    let signer = TestSigner { domain: FROM, fields: "from:to:subject:date:content-type", ..TestSigner::default() };
    let signed = signer.sign(&mail(FROM, &[&nameless("b")]));
    let uuid = stored(&bench.pipeline.accept(by_smtp(signed)).await.0)[0];
    let whole = shown(&bench, uuid);
    assert_eq!((whole.policies[0].domain.as_str(), whole.report.trust.as_str()), ("", "dkim"), "kept without a domain");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_organisation_s_domains_are_no_mismatch() {
    let bench = bench_with(served(), &keys());
    let company = report("a", "2026-03-02", 5).replace("tls@sender.example", "tls@corp.sender.example");
    let uuid = stored(&bench.pipeline.accept(by_smtp(sign(&mail(FROM, &[&company]), FROM, "sel"))).await.0)[0];
    assert!(shown(&bench, uuid).report.deviations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_when_it_came_stands_when_the_key_is_gone() {
    let bench = bench_with(served(), "");
    let signed = sign(&mail(FROM, &[&report("a", "2026-03-02", 5)]), FROM, "sel");
    assert_eq!(code(&bench.pipeline.accept(by_smtp(signed.clone())).await.0[0]), FaultCode::DkimKeyGone);
    let mut salvaged = by_smtp(signed);
    salvaged.hints.judged = Some(Box::new(Origin {
        from_domain: Some(FROM.to_owned()),
        dkim_verdict: Some(SignatureVerdict::Pass),
        dkim_domain: Some(FROM.to_owned()),
        ..Origin::default()
    }));
    let uuid = stored(&bench.pipeline.accept(salvaged).await.0)[0];
    assert_eq!(shown(&bench, uuid).report.trust.as_str(), "dkim");
}

#[test]
fn callers_that_batch_wait_for_the_signature() {
    let bench = bench_with(served(), &keys());
    let signed = sign(&mail(FROM, &[&report("a", "2026-03-02", 5), &report("b", "2026-03-02", 6)]), FROM, "sel");
    let prepared = bench.pipeline.prepare(by_smtp(signed), None);
    let uuids = stored(&bench.pipeline.store_blocking(vec![prepared]).remove(0).0);
    let raw = bench.pipeline.store().read_blocking(|conn| crate::store::raw(conn, uuids[1])).unwrap().unwrap();
    let document =
        stored_document(&raw.bytes, Channel::Smtp, &by_smtp(Vec::new()).hints, raw.element, &Limits::default());
    assert!(String::from_utf8(document.unwrap().json).unwrap().contains(r#""report-id":"b""#));
}
