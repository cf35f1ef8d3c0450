//! Mail without a signature as the operator meets it, and the page of the ways in.

use serde_json::json;

use super::{NOW, Running, empty, items};
use crate::{
    health::Brought,
    submission::{Channel, Hints, MAIL, Outcome, Receipt, Submission},
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
    let submission = Submission {
        bytes: mail(report_id),
        channel: Channel::Smtp,
        peer: None,
        received_at: NOW.parse().expect("a time"),
        hints: Hints { media_type: Some(MAIL.to_owned()), ..Hints::default() },
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
    assert!(page.contains("Trust the sender") && page.contains("sender.example</bdi>, signed or not,"), "{page}");
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
    let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form").to_owned();
    assert!(running.page(&post(&running, &action)).contains("The trust has ended."));
    assert_eq!(post(&running, &action), "/senders?done=gone");
    assert!(matches!(deliver(&running, "c"), Outcome::Quarantined { .. }));
}

#[test]
fn the_ways_in_say_how_they_are() {
    let running = empty();
    assert!(running.page("/ways-in").contains("every listener is off"));
    let now = NOW.parse().expect("a time");
    running.board.part("smtp").well(now, "listening on 192.0.2.1:25");
    running.board.part("imap reports").failing(now, "the password of <tlsrpt> is wrong");
    running.board.part("smtp").count(&Receipt(vec![Outcome::Stored(uuid::Uuid::nil())]));
    let page = running.page("/ways-in");
    assert!(
        page.contains("way in does not work") && page.contains("the password of &lt;tlsrpt&gt; is wrong"),
        "{page}"
    );
    assert!(running.page("/").contains("imap reports: the password of &lt;tlsrpt&gt; is wrong"));
    let list = running.json("/api/v1/ways-in");
    assert_eq!(items(&list)[0]["state"], "failing");
    assert_eq!(items(&list)[1]["stored"], Brought { stored: 1, ..Brought::default() }.stored);
}
