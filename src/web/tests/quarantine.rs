use serde_json::{Value, json};

use super::{NOW, Running, empty, items};
use crate::{
    submission::{Channel, Hints, Outcome, Submission},
    web::pages::quarantine::bulk::JUDGED_MAX,
};

fn report(start: &str, end: &str, failed: i64) -> Vec<u8> {
    json!({
        "organization-name": "Example Mail", "contact-info": "tlsrpt@example.org", "report-id": "1",
        "date-range": {"start-datetime": start, "end-datetime": end},
        "policies": [{
            "policy": {"policy-type": "no-policy-found", "policy-domain": "example.com"},
            "summary": {"total-successful-session-count": 5, "total-failure-session-count": failed},
        }],
    })
    .to_string()
    .into_bytes()
}

fn only_entry(running: &Running) -> Value {
    let list = running.json("/api/v1/quarantine");
    assert_eq!(items(&list).len(), 1, "{list}");
    items(&list)[0].clone()
}

fn act(running: &Running, entry: &Value, what: &str) -> String {
    let path = format!("/quarantine/{}/{what}", entry["uuid"].as_str().expect("a uuid"));
    let answer = running.send("POST", &path, &[("Sec-Fetch-Site", "same-origin"), ("Content-Length", "0")]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").expect("a location").to_owned()
}

#[test]
fn broken_input_shows_where_it_breaks_and_can_be_discarded() {
    let running = empty();
    running.receive(br#"{"organization-name": "x", "policies": [}"#);
    let entry = only_entry(&running);
    assert_eq!(entry["code"], "bad-json");
    let page = running.page(&format!("/quarantine/{}", entry["uuid"].as_str().expect("a uuid")));
    assert!(page.contains("around byte") && page.contains("<mark>"), "{page}");
    assert!(!page.contains("/admit"), "nothing could be read, so nothing can be admitted");
    assert!(running.page("/").contains("<span class=\"badge\">1</span>"));
    let back = act(&running, &entry, "reprocess");
    assert!(back.ends_with("?done=still-quarantined"), "{back}");
    assert!(running.page(&back).contains("It was reprocessed and stays here"));
    let back = act(&running, &entry, "discard");
    assert!(running.page(&back).contains("discarded for good"));
    assert!(items(&running.json("/api/v1/quarantine")).is_empty());
    assert_eq!(act(&running, &entry, "discard"), "/quarantine?done=gone");
}

#[test]
fn a_conflict_can_be_admitted_in_place_of_the_stored_report() {
    let running = empty();
    let (start, end) = ("2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z");
    let Outcome::Stored(uuid) = running.receive(&report(start, end, 0)).overall().clone() else { panic!("not stored") };
    running.receive(&report(start, end, 3));
    let entry = only_entry(&running);
    assert_eq!((&entry["code"], &entry["report"]), (&"conflict".into(), &uuid.to_string().into()));
    let location = act(&running, &entry, "admit");
    assert_eq!(location, format!("/reports/{uuid}"));
    assert_eq!(running.json(&format!("/api/v1/reports/{uuid}"))["failed"], 3);
    assert_eq!(only_entry(&running)["code"], "superseded");
}

#[test]
fn all_with_one_fault_are_judged_again() {
    let running = empty();
    for broken in ["{\"a\": ", "{\"b\": ", "{\"c\": "] {
        running.receive(broken.as_bytes());
    }
    running.receive(&report("2027-11-20T00:00:00Z", "2027-11-20T23:59:59Z", 0));
    let page = running.page("/quarantine");
    assert!(page.contains("href=\"/quarantine?code=bad-json\"") && !page.contains("/quarantine/judge"), "{page}");
    let page = running.page("/quarantine?code=bad-json&limit=2");
    assert!(page.contains("action=\"/quarantine/judge?code=bad-json&amp;limit=2\""), "{page}");
    let older = page.split("class=\"button\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let older = older.replace("&amp;", "&");
    let page = running.page(&older);
    assert!(page.contains("judge?code=bad-json&amp;cursor=") && page.matches("<tr>").count() == 2, "{page}");
    for (list, said) in [
        ("?code=bad-json&limit=2", "3 inputs were reprocessed: none counts now, 3 stay here."),
        (older.trim_start_matches("/quarantine"), "1 input was reprocessed: none counts now, 1 stays here."),
        ("?code=zip", "There was nothing to reprocess."),
    ] {
        let answer = judge(&running, list);
        let back = answer.header("location").expect("a location");
        assert!(answer.status == 303 && back.contains("&done=judged&"), "{back}");
        assert!(running.page(back).contains(said), "{back}: {}", running.page(back));
    }
    assert_eq!(items(&running.json("/api/v1/quarantine")).len(), 4);
}

#[test]
fn what_is_beyond_the_bound_is_judged_from_the_page_it_leads_to() {
    let running = empty();
    let broken = |number: usize| Submission {
        bytes: format!("{{\"{number}\": ").into_bytes(),
        channel: Channel::Https,
        peer: None,
        received_at: NOW.parse().expect("a time"),
        hints: Hints::default(),
    };
    let prepared = (0..JUDGED_MAX + 2).map(|number| running.pipeline.prepare(broken(number), None)).collect();
    running.pipeline.store_blocking(prepared);
    let back = judge(&running, "?code=bad-json").header("location").expect("a location").to_owned();
    let page = running.page(&back);
    assert!(page.contains("500 stay here. Those below were not judged yet."), "{back}");
    assert_eq!(page.matches("<tr>").count(), 1 + 2, "{page}");
    let action =
        page.split("action=\"/quarantine/judge").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
    let back = judge(&running, &action.replace("&amp;", "&")).header("location").expect("a location").to_owned();
    assert!(back.ends_with("&done=judged&counted=0&stayed=2"), "{back}");
}

#[test]
fn only_a_list_of_one_fault_is_judged_as_a_whole() {
    let running = empty();
    for list in ["", "?code=superseded", "?code=conflict"] {
        assert_eq!(judge(&running, list).status, 400, "{list}");
    }
    assert_eq!(running.send("POST", "/quarantine/judge?code=zip", &[("Sec-Fetch-Site", "cross-site")]).status, 403);
}

fn judge(running: &Running, list: &str) -> super::Answer {
    let path = format!("/quarantine/judge{list}");
    running.send("POST", &path, &[("Sec-Fetch-Site", "same-origin"), ("Content-Length", "0")])
}

#[test]
fn unreadable_input_cannot_be_admitted() {
    let running = empty();
    running.receive(b"{\"a\": ");
    let path = format!("/quarantine/{}/admit", only_entry(&running)["uuid"].as_str().expect("a uuid"));
    let answer = running.send("POST", &path, &[("Sec-Fetch-Site", "same-origin")]);
    assert_eq!(answer.status, 409);
}

#[test]
fn the_bytes_come_back_as_they_were() {
    let running = empty();
    let sent = b"{\"a\": \xff";
    running.receive(sent);
    let uuid = only_entry(&running)["uuid"].as_str().expect("a uuid").to_owned();
    let answer = running.get(&format!("/quarantine/{uuid}/raw"));
    assert_eq!(answer.body, sent);
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
}
