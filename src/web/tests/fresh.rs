use serde_json::json;

use super::empty;

const WEEK: &str = "from=2026-11-16&to=2026-11-22";

fn report(number: u32) -> String {
    json!({
        "organization-name": "Posted", "contact-info": "tlsrpt@posted.example", "report-id": format!("posted-{number}"),
        "date-range": { "start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z" },
        "policies": [{
            "policy": { "policy-type": "sts", "policy-domain": "example.com" },
            "summary": { "total-successful-session-count": 7, "total-failure-session-count": 0 },
        }],
    })
    .to_string()
}

#[test]
fn what_was_stored_or_discarded_shows_on_the_next_page() {
    let running = empty();
    let reports = || running.json(&format!("/api/v1/overview?{WEEK}&trust=all"))["reports"].as_i64();
    assert_eq!(reports(), Some(0));
    for number in 1..4 {
        running.receive(report(number).as_bytes());
        assert_eq!(reports(), Some(i64::from(number)));
        assert_eq!(reports(), Some(i64::from(number)), "and when nothing came");
        assert!(running.page(&format!("/?{WEEK}&trust=all")).contains(&format!("{} sessions", 7 * number)));
        assert!(running.page("/weeks/2026-W47?trust=all").contains(&format!("{} sessions", 7 * number)));
    }
    let quarantined = || running.json("/api/v1/weeks/2026-W48")["quarantined"]["total"].clone();
    assert_eq!(quarantined(), 0);
    running.receive(report(9).replace("20T23:59:59Z", "19T23:59:59Z").as_bytes());
    assert_eq!(quarantined(), 1);
    let entry =
        running.json("/api/v1/quarantine")["items"][0]["uuid"].as_str().expect("an entry").parse().expect("a uuid");
    let store = running.pipeline.store().clone();
    let discarded = store.change_blocking(move |conn| crate::store::tables::quarantine::discard(conn, entry));
    assert!(discarded.expect("the store works"));
    assert_eq!(quarantined(), 0);
}
