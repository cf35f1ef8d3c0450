//! Mail without a signature as the operator meets it, and the page of the sources.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{NOW, Running, empty, items};
use crate::{
    fault::FaultCode,
    health::SourceCounts,
    store::{Arrival, StoredEntry, fixtures},
    submission::{Channel, Hints, MAIL, NetworkState, Origin, Outcome, Receipt, SignatureVerdict, Submission, Trust},
};

fn mail(report_id: &str) -> Vec<u8> {
    let report = json!({
        "organization-name": "Example Mail", "contact-info": "tlsrpt@sender.example", "report-id": report_id,
        "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
        "policies": [{
            "policy": {"policy-type": "no-policy-found", "policy-domain": "example.com"},
            "summary": {"total-successful-session-count": 5, "total-failure-session-count": 0},
        }],
    });
    format!(
        "From: tlsrpt@sender.example\r\nTLS-Report-Domain: example.com\r\nTLS-Report-Submitter: sender.example\r\n\
         Content-Type: application/tlsrpt+json\r\n\r\n{report}\r\n"
    )
    .into_bytes()
}

fn deliver(running: &Running, report_id: &str) -> Outcome {
    deliver_bytes(running, mail(report_id), None)
}

fn deliver_bytes(running: &Running, bytes: Vec<u8>, source: Option<&str>) -> Outcome {
    let submission = Submission {
        bytes,
        channel: Channel::Smtp,
        peer: None,
        received_at: NOW.parse().expect("a time"),
        hints: Hints { media_type: Some(MAIL.to_owned()), source: source.map(str::to_owned), ..Hints::default() },
    };
    let prepared = running.pipeline.prepare(submission, None);
    running.pipeline.store_blocking(vec![prepared]).remove(0).overall().clone()
}

fn post(running: &Running, path: &str) -> String {
    let answer = running.send("POST", path, &[("Sec-Fetch-Site", "same-origin"), ("Content-Length", "0")]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").expect("a location").to_owned()
}

#[test]
fn a_sender_can_be_trusted_from_a_mail_and_the_trust_ended() {
    let running = empty();
    assert!(running.page("/senders").contains("Every report by mail needs a signature"));
    let Outcome::Quarantined { entry, .. } = deliver(&running, "a") else { panic!("not quarantined") };
    let page = running.page(&format!("/quarantine/{entry}"));
    assert!(
        page.contains("Trust the sender")
            && page.contains("from now on count mail from <bdi>sender.example</bdi>, signed or not; "),
        "{page}"
    );
    assert!(page.contains("DKIM <code>dkim-none</code>"), "{page}");
    assert!(page.contains("&quot;report-id&quot;: &quot;a&quot;"), "the report in the mail is shown: {page}");
    let raw = running.get(&format!("/quarantine/{entry}/raw"));
    assert_eq!(raw.body, mail("a"));
    assert!(raw.header("content-disposition").is_some_and(|value| value.contains(".eml")), "{}", raw.head);

    let report = post(&running, &format!("/quarantine/{entry}/trust"));
    assert!(report.starts_with("/reports/"), "{report}");
    assert!(
        running.page(&report).contains("your word: mail from <bdi>sender.example</bdi>, DKIM <code>dkim-none</code>")
    );
    assert!(items(&running.json("/api/v1/quarantine")).is_empty());
    assert!(matches!(deliver(&running, "b"), Outcome::Stored(_)), "from now on");

    let page = running.page("/senders");
    assert!(
        page.contains("sender.example") && page.contains("whoever writes this domain into From is believed"),
        "{page}"
    );
    let list = running.json("/api/v1/senders");
    let sender = &items(&list)[0];
    assert_eq!((&sender["from_domain"], &sender["dkim_domain"]), (&"sender.example".into(), &Value::Null));
    assert_eq!((&sender["added_at"], &sender["revoked_at"]), (&NOW.into(), &Value::Null));
    let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form").to_owned();
    assert!(running.page(&post(&running, &action)).contains("The trust has ended."));
    assert_eq!(post(&running, &action), "/senders?done=gone");
    assert_eq!(items(&running.json("/api/v1/senders"))[0]["revoked_at"], NOW);
    assert!(matches!(deliver(&running, "c"), Outcome::Quarantined { .. }));
}

#[test]
fn what_else_is_here_of_a_trusted_sender_counts_too() {
    let running = empty();
    let Outcome::Quarantined { entry, .. } = deliver(&running, "a") else { panic!("not quarantined") };
    for report_id in ["b", "c"] {
        deliver(&running, report_id);
    }
    let stranger = String::from_utf8(mail("d")).expect("text").replace("tlsrpt@sender.example", "tlsrpt@other.example");
    deliver_bytes(&running, stranger.into_bytes(), None);
    let page = running.page(&post(&running, &format!("/quarantine/{entry}/trust")));
    assert!(page.contains("is trusted from now on. 3 inputs were reprocessed: 3 count now, none stays."), "{page}");
    let left = running.json("/api/v1/quarantine");
    assert_eq!((items(&left).len(), &items(&left)[0]["from_domain"]), (1, &"other.example".into()));
}

#[test]
fn a_sender_is_not_trusted_from_a_mail_whose_signature_fails() {
    let running = empty();
    let mut signed =
        "DKIM-Signature: v=1; a=rsa-sha256; d=sender.example; s=sel; c=relaxed/relaxed; h=from; bh=AAAA; b=AAAA\r\n"
            .as_bytes()
            .to_vec();
    signed.extend(mail("a"));
    let Outcome::Quarantined { entry, .. } = deliver_bytes(&running, signed, None) else { panic!("not quarantined") };
    let list = running.json("/api/v1/quarantine");
    assert_eq!(items(&list)[0]["code"], "dkim-fail", "{list}");
    let page = running.page(&format!("/quarantine/{entry}"));
    assert!(page.contains("Admit") && !page.contains("Trust the sender"), "{page}");
    assert!(page.contains("The report in it"), "{page}");
    let trust = format!("/quarantine/{entry}/trust");
    assert_eq!(running.send("POST", &trust, &[("Sec-Fetch-Site", "same-origin")]).status, 409);
    assert!(items(&running.json("/api/v1/senders")).is_empty());
    assert!(matches!(deliver(&running, "b"), Outcome::Quarantined { .. }));
}

#[test]
fn the_list_says_whose_mail_it_is() {
    let running = empty();
    deliver_bytes(&running, mail("a"), Some("-"));
    let page = running.page("/quarantine");
    assert!(page.contains("<bdi>sender.example</bdi>") && page.contains("<bdi>standard input</bdi>"), "{page}");
}

#[test]
fn a_report_says_whom_the_operator_trusted_to_sign_it() {
    let running = empty();
    let entry = fixtures::entry(fixtures::simple("a", 5), Trust::Dkim);
    let origin = Origin {
        from_domain: Some("corp.example".into()),
        dkim_verdict: Some(SignatureVerdict::Fault(FaultCode::DkimUnaligned)),
        dkim_domain: Some("esp.example".into()),
        dkim_selector: Some("sel".into()),
        key_secure: Some(true),
        ..Origin::default()
    };
    let arrival = Arc::new(Arrival { origin, ..Arrival::clone(&entry.arrival) });
    let outcomes = running.pipeline.store().write_blocking(vec![StoredEntry { arrival, ..entry }]);
    let [Outcome::Stored(uuid)] = outcomes[..] else { panic!("not stored: {outcomes:?}") };
    let page = running.page(&format!("/reports/{uuid}"));
    assert!(page.contains("a valid DKIM signature of") && page.contains("esp.example"), "{page}");
    assert!(page.contains("(DNSSEC secured its key)"), "{page}");
    assert_eq!(running.json(&format!("/api/v1/reports/{uuid}"))["key_secure"], true);
    assert!(page.contains(">you trusted</a> to sign for") && page.contains("corp.example"), "{page}");
}

#[test]
fn a_report_says_what_its_address_proves_or_why_it_proves_nothing() {
    let shown = |state, domain: Option<&str>, evidence: serde_json::Value, trust| {
        let running = empty();
        let entry = fixtures::entry(fixtures::simple("a", 5), trust);
        let origin = Origin {
            network_state: Some(state),
            network_domain: domain.map(str::to_owned),
            network_evidence: Some(evidence.to_string()),
            ..Origin::default()
        };
        let arrival = Arc::new(Arrival { origin, ..Arrival::clone(&entry.arrival) });
        let outcomes = running.pipeline.store().write_blocking(vec![StoredEntry { arrival, ..entry }]);
        let [Outcome::Stored(uuid)] = outcomes[..] else { panic!("not stored: {outcomes:?}") };
        running.page(&format!("/reports/{uuid}"))
    };
    let evidence = serde_json::json!({
        "address": "198.51.100.7", "domain": "example.net", "reverse_names": ["a.example.net", "b.<i>.example"],
        "confirmed": "a.example.net", "permitted_by": "ip4:198.51.100.7 in the SPF record of example.net", "secure": true,
        "looked_up_at": "2026-11-01T08:00:00Z"
    });
    let page = shown(NetworkState::Proven, Some("example.net"), evidence, Trust::Network);
    for words in [
        "posted from an address of",
        "198.51.100.7",
        "ip4:198.51.100.7 in the SPF record of example.net",
        "validated by DNSSEC",
        "2026-11-01 08:00 UTC",
        "b.&lt;i&gt;.example",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let reason = serde_json::json!({ "reason": "198.51.100.7 has no name below example.net" });
    let page = shown(NetworkState::NotProven, None, reason.clone(), Trust::None);
    assert!(page.contains("proves nothing: <bdi>198.51.100.7 has no name below example.net"), "{page}");
    let page = shown(NetworkState::Unknown, None, reason, Trust::None);
    assert!(page.contains("could not be looked up: <bdi>198.51.100.7 has no name"), "{page}");
}

#[test]
fn a_test_report_proves_the_way_in_and_counts_nowhere() {
    let running = empty();
    let mut report = super::weeks::Told::failing("sender.example", "2026-11-18", "validation-failure", 1).json();
    report["report-id"] = "tlsight-test-7@sender.example".into();
    for _ in 0..2 {
        let receipt = running.receive(report.to_string().as_bytes());
        assert!(matches!(receipt.0[..], [Outcome::Stored(_)]), "{receipt:?}");
    }
    let overview = running.json("/api/v1/overview");
    assert_eq!((&overview["reports"], &overview["sessions"]["failed"]), (&0.into(), &0.into()));
    assert_eq!(items(&running.json("/api/v1/reports")).len(), 0);
    let test = &running.json("/api/v1/sources")["last_test"];
    assert_eq!((&test["report_id"], &test["channel"]), (&"tlsight-test-7@sender.example".into(), &"https".into()));
    assert!(running.page("/sources").contains("Last test report"));
}

#[test]
fn the_ways_in_say_how_they_are() {
    let running = empty();
    assert!(running.page("/sources").contains("every listener is off"));
    let now = NOW.parse().expect("a time");
    running.health.part("smtp").well(now, "listening on 192.0.2.1:25");
    running.health.part("imap reports").failing(now, "the password of <tlsrpt> is wrong");
    running.health.part("smtp").count(&Receipt::new(vec![Outcome::Stored(uuid::Uuid::nil())]));
    let before = SourceCounts { stored: 41, ..SourceCounts::default() };
    running.health.resume("smtp", before, "2026-10-01T08:00:00Z".parse().expect("a time"));
    let page = running.page("/sources");
    assert!(page.contains("counted since 1 Oct") || page.contains("counted since"), "{page}");
    assert!(
        page.contains("source does not work") && page.contains("the password of &lt;tlsrpt&gt; is wrong"),
        "{page}"
    );
    assert!(running.page("/").contains("imap reports: the password of &lt;tlsrpt&gt; is wrong"));
    let list = running.json("/api/v1/sources");
    assert_eq!(items(&list)[0]["state"], "failing");
    assert_eq!(
        (&items(&list)[1]["stored"], &items(&list)[1]["counted_since"]),
        (&42.into(), &"2026-10-01T08:00:00Z".into())
    );
}
