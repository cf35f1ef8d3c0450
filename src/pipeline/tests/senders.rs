//! Who sent a report: what is proven and what is claimed never meet, and one report that came by several ways counts once.

use super::{
    mail::{bench_with, by_smtp, mail, served, shown, stored},
    *,
};
use crate::verify::dkim::fixtures::{records, sign};

/// A report about the day before `NOW` as Mail.ru sends it, or somebody else in its name.
fn of_mail_ru(sessions: u32) -> String {
    report("1@corp.mail.ru", "2026-03-02", sessions).replace("tls@sender.example", "tls_support@corp.mail.ru")
}

fn from(address: &str, signer: &str, json: &str) -> Submission {
    let (local, domain) = address.split_once('@').unwrap();
    let mail = String::from_utf8(mail(domain, &[json])).unwrap();
    let mail = mail.replace(&format!("<tls@{domain}>"), &format!("<{local}@{domain}>"));
    by_smtp(sign(mail.as_bytes(), signer, "sel"))
}

fn bench_of_mail_ru() -> Bench {
    bench_with(served(), &records(&[("mail.ru", "sel"), ("corp.mail.ru", "sel"), ("evil.example", "sel")]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_mailbox_is_not_its_provider() {
    let bench = bench_of_mail_ru();
    let forged = from("anybody@mail.ru", "mail.ru", &of_mail_ru(1));
    let genuine = from("postmaster_tlsrpt@corp.mail.ru", "corp.mail.ru", &of_mail_ru(40));
    let forged = shown(&bench, stored(&bench.pipeline.accept(forged).await.0)[0]);
    let genuine = shown(&bench, stored(&bench.pipeline.accept(genuine).await.0)[0]);
    assert_eq!(forged.report.organisation_key, "anybody@mail.ru");
    assert_eq!(genuine.report.organisation_key, "mail.ru");
    assert_eq!(genuine.from_address.as_deref(), Some("postmaster_tlsrpt@corp.mail.ru"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proven_senders_each_keep_their_report_under_one_name() {
    let bench = bench_of_mail_ru();
    let one = from("a@mail.ru", "mail.ru", &of_mail_ru(1));
    let other = from("b@mail.ru", "mail.ru", &of_mail_ru(2));
    let one = stored(&bench.pipeline.accept(one).await.0)[0];
    let other = stored(&bench.pipeline.accept(other.clone()).await.0)[0];
    assert_ne!(one, other);
    let whole = shown(&bench, other);
    assert_eq!(whole.others.iter().map(|other| other.uuid).collect::<Vec<_>>(), [one]);
    assert_eq!(whole.others[0].organisation_key, "a@mail.ru");
    // Each again is a duplicate of its own.
    let again = from("b@mail.ru", "mail.ru", &of_mail_ru(2));
    assert!(matches!(bench.pipeline.accept(again).await.0[..], [Outcome::Duplicate(uuid)] if uuid == other));
    let changed = from("a@mail.ru", "mail.ru", &of_mail_ru(3));
    assert_eq!(code(&bench.pipeline.accept(changed).await.0[0]), FaultCode::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_report_by_mail_and_over_https_counts_once_whichever_comes_first() {
    for posted_first in [false, true] {
        let bench = bench_of_mail_ru();
        let signed = || from("postmaster_tlsrpt@corp.mail.ru", "corp.mail.ru", &of_mail_ru(40));
        let posted = || submission(&of_mail_ru(40));
        let (first, second) = if posted_first { (posted(), signed()) } else { (signed(), posted()) };
        let uuid = stored(&bench.pipeline.accept(first).await.0)[0];
        assert!(matches!(bench.pipeline.accept(second).await.0[..], [Outcome::Duplicate(same)] if same == uuid));
        let whole = shown(&bench, uuid);
        assert_eq!((whole.report.trust.as_str(), whole.report.organisation_key.as_str()), ("dkim", "mail.ru"));
        assert_eq!(whole.unproven_copy.as_deref(), Some("https"), "posted first: {posted_first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_neither_masks_nor_joins_what_is_proven() {
    let bench = bench_of_mail_ru();
    let claimed = stored(&bench.pipeline.accept(submission(&of_mail_ru(1_000_000))).await.0)[0];
    assert_eq!(shown(&bench, claimed).report.organisation_key, "claimed:mail.ru");
    let signed = from("postmaster_tlsrpt@corp.mail.ru", "corp.mail.ru", &of_mail_ru(40));
    let signed = shown(&bench, stored(&bench.pipeline.accept(signed).await.0)[0]);
    assert_eq!(signed.report.sessions.successful, 40);
    let again = bench.pipeline.accept(submission(&of_mail_ru(7))).await;
    assert!(!matches!(again.0[0], Outcome::Stored(uuid) if uuid == signed.report.uuid));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_trusted_unsigned_speaks_for_its_own_domain_only() {
    let bench = bench_with(served(), "");
    let now = submission("").received_at;
    let trust = move |conn: &duckdb::Connection| crate::store::tables::sender::trust(conn, "small.example", None, now);
    bench.pipeline.store().change(trust).await.unwrap();
    bench.pipeline.reload_senders().await.unwrap();
    let json = report("x", "2026-03-02", 5).replace("tls@sender.example", "smtp-tls-reporting@google.com");
    let forged = by_smtp(mail("small.example", &[&json]));
    let whole = shown(&bench, stored(&bench.pipeline.accept(forged).await.0)[0]);
    assert_eq!(
        (whole.report.trust.as_str(), whole.report.organisation_key.as_str()),
        ("import", "trusted:small.example")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_far_beyond_what_is_usual_are_kept_and_not_counted() {
    let bench = bench_with(served(), &records(&[("evil.example", "sel")]));
    for day in 10..20 {
        let json = report(&format!("usual {day}"), &format!("2026-02-{day}"), 50);
        assert!(matches!(
            bench.pipeline.accept(from("a@evil.example", "evil.example", &json)).await.0[..],
            [Outcome::Stored(_)]
        ));
    }
    let posted = |id: &str, sessions| submission(&report(id, "2026-03-02", sessions));
    assert!(matches!(bench.pipeline.accept(posted("large", 9_999)).await.0[..], [Outcome::Stored(_)]));
    let outcomes = bench.pipeline.accept(posted("huge", 1_000_000)).await.0;
    assert_eq!(code(&outcomes[0]), FaultCode::Implausible);
    let Outcome::Quarantined { fault, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(
        fault.detail.starts_with("1000000 sessions with example.com, where 50 a day are usual"),
        "{}",
        fault.detail
    );
    // Who is proven may have such a day.
    let signed = from("a@evil.example", "evil.example", &report("huge too", "2026-03-02", 1_000_000));
    assert!(matches!(bench.pipeline.accept(signed).await.0[..], [Outcome::Stored(_)]));
    let retry = Retry { entry: entry(&outcomes[0]), element: None, admit: true };
    assert!(matches!(bench.pipeline.accept_again(posted("huge", 1_000_000), retry).await.0[..], [Outcome::Stored(_)]));
}
