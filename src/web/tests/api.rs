use serde_json::{Value, json};

use super::{empty, filled, items, sum};

const WEEK: &str = "from=2026-11-16&to=2026-11-22";

#[test]
fn the_overview_agrees_with_itself_and_with_the_lists() {
    let running = filled();
    let overview = running.json("/api/v1/overview");
    assert_eq!((&overview["from"], &overview["to"]), (&"2026-11-16".into(), &"2026-11-22".into()));
    let failed = overview["sessions"]["failed"].as_i64().expect("a number");
    assert!(failed > 0);
    let rows = |name: &str| overview[name].as_array().expect("rows").clone();
    assert_eq!(sum(&rows("days"), "failed"), failed);
    assert_eq!(sum(&rows("organisations"), "failed_sessions"), failed);
    assert_eq!(sum(&rows("policy_domains"), "failed_sessions"), failed);
    let reports = running.json(&format!("/api/v1/reports?{WEEK}&limit=1000"));
    assert_eq!(items(&reports).len() as i64, overview["reports"].as_i64().expect("a number"));
    assert_eq!(sum(items(&reports), "failed"), failed);
    assert_eq!(sum(items(&reports), "successful"), overview["sessions"]["successful"].as_i64().expect("a number"));
}

#[test]
fn policy_fetch_errors_say_who_since_when() {
    let overview = filled().json("/api/v1/overview");
    let outages = overview["policy_fetch_errors"].as_array().expect("rows");
    let of = |key: &str| outages.iter().find(|outage| outage["organisation_key"] == key).expect(key);
    let microsoft = of("microsoft.com");
    assert_eq!(microsoft["policy_domain"], "example.com");
    assert_eq!((&microsoft["since"], &microsoft["last"]), (&"2026-11-19".into(), &"2026-11-22".into()));
    assert_eq!(microsoft["ongoing"], true);
    let over = outages.iter().find(|outage| outage["result_type"] == "sts-webpki-invalid").expect("the one that ended");
    assert_eq!(over["ongoing"], false);
    assert_eq!((&over["since"], &over["last"]), (&"2026-11-17".into(), &"2026-11-18".into()));
}

#[test]
fn sessions_under_two_policy_types_count_once() {
    let running = filled();
    let sessions = |query: &str| {
        let overview = running.json(&format!("/api/v1/overview?{WEEK}&organisation=microsoft.com{query}"));
        overview["sessions"]["successful"].as_i64().expect("a number")
            + overview["sessions"]["failed"].as_i64().expect("a number")
    };
    assert!(sessions("") > 0);
    assert_eq!(sessions(""), sessions("&policy_type=sts"));
    assert_eq!(sessions(""), sessions("&policy_type=tlsa"));
}

#[test]
fn failures_by_everything_have_the_same_shape() {
    let running = filled();
    let failed = running.json(&format!("/api/v1/overview?{WEEK}"))["sessions"]["failed"].as_i64().expect("a number");
    for by in ["organisation", "result_type", "policy_domain", "receiving_mx_hostname", "sending_mta_ip", "day"] {
        let list = running.json(&format!("/api/v1/failures?by={by}&{WEEK}"));
        assert_eq!(list["next"], Value::Null);
        for item in items(&list) {
            for field in ["failed_sessions", "reports", "organisations"] {
                assert!(item[field].as_i64().is_some_and(|number| number > 0), "{by} {field}: {item}");
            }
            assert!(item["key"].is_string() || item["key"].is_null(), "{item}");
        }
        if ["organisation", "policy_domain", "day"].contains(&by) {
            assert_eq!(sum(items(&list), "failed_sessions"), failed, "{by}");
        }
    }
    let types = running.json(&format!("/api/v1/failures?by=result_type&{WEEK}"));
    let keys: Vec<&str> = items(&types).iter().filter_map(|item| item["key"].as_str()).collect();
    assert_eq!(keys[0], "sts-policy-fetch-error");
    assert!(keys.contains(&"not-itemised"), "{keys:?}");
    let days = running.json(&format!("/api/v1/failures?by=day&{WEEK}"));
    let days: Vec<&str> = items(&days).iter().filter_map(|item| item["key"].as_str()).collect();
    assert!(days.is_sorted() && days.contains(&"2026-11-22"), "{days:?}");
}

#[test]
fn pages_of_a_list_make_up_the_whole() {
    let running = filled();
    for list in [
        format!("/api/v1/failures?by=organisation&{WEEK}"),
        format!("/api/v1/failures?by=result_type&{WEEK}"),
        format!("/api/v1/failures?by=receiving_mx_hostname&{WEEK}"),
        format!("/api/v1/failures?by=day&{WEEK}"),
        format!("/api/v1/reports?{WEEK}&policy_domain=example.com"),
        "/api/v1/quarantine?".to_owned(),
    ] {
        let whole = running.json(&format!("{list}&limit=1000"));
        let mut collected = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = running.json(&format!("{list}&limit=2{cursor}"));
            assert!(items(&page).len() <= 2);
            collected.extend(items(&page).clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(&collected, items(&whole), "{list}");
        assert!(collected.len() > 1, "{list}");
    }
}

#[test]
fn reports_are_filtered() {
    let running = filled();
    let list = |query: &str| items(&running.json(&format!("/api/v1/reports?{WEEK}&limit=1000{query}"))).clone();
    let all = list("");
    for field in [
        "uuid",
        "report_id",
        "organisation",
        "policy_domains",
        "from",
        "to",
        "channel",
        "trust",
        "successful",
        "failed",
        "deviations",
    ] {
        assert!(all.iter().all(|report| !report[field].is_null()), "{field}");
    }
    assert!(list("&organisation=google.com").iter().all(|report| report["organisation"] == "Google Inc."));
    assert_eq!(list("&organisation=google.com").len(), 21);
    assert_eq!(list("&policy_domain=example.net").len(), 56);
    assert!(list("&trust=import").iter().all(|report| report["trust"] == "import"));
    assert_eq!(list("&trust=trusted").len(), all.len(), "what counts by default");
    assert_eq!(list("&trust=claimed").len(), list("&trust=beside").len());
    assert_eq!(all.len() + list("&trust=claimed").len(), list("&trust=all").len());
    assert!(list("&trust=claimed").iter().all(|report| report["proof"] == "claimed" && report["trust"] == "none"));
    assert_eq!(list("&result_type=tlsa-invalid").len(), 2);
    assert_eq!(list("&receiving_mx_hostname=mx2.example.net").len(), 3);
    assert_eq!(list("&result_type=not-itemised").len(), 1);
    assert_eq!(list("&policy_type=no-policy-found&trust=all").len(), 7);
    let strange = list("&deviation=tz-missing");
    assert!(!strange.is_empty() && strange.iter().all(|report| report["organisation_key"] == "microsoft.com"));
    assert!(list("&failed=true").iter().all(|report| report["failed"].as_i64() > Some(0)));
}

#[test]
fn one_report_is_told_whole_and_handed_out_byte_for_byte() {
    let running = filled();
    let list = running.json(&format!("/api/v1/reports?{WEEK}&organisation=tlsrpt@gmx.net&result_type=tlsa-invalid"));
    let uuid = items(&list)[0]["uuid"].as_str().expect("a uuid");
    let report = running.json(&format!("/api/v1/reports/{uuid}"));
    assert_eq!(report["policies"][0]["failure_details"][0]["result_type"], "tlsa-invalid");
    assert_eq!(report["policies"][0]["failure_details"][0]["failed_sessions"], 44);
    let raw = running.get(&format!("/api/v1/reports/{uuid}/raw"));
    assert_eq!(raw.header("content-type"), Some("application/octet-stream"));
    assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(raw.header("content-disposition"), Some(format!("attachment; filename=\"{uuid}.json\"").as_str()));
    let sent: Value = serde_json::from_slice(&raw.body).expect("the bytes as sent");
    assert_eq!(sent["report-id"], report["report_id"]);
    let unpacked = running.get(&format!("/api/v1/reports/{uuid}/json"));
    assert_eq!(serde_json::from_slice::<Value>(&unpacked.body).expect("JSON"), sent);
    assert!(unpacked.text().lines().count() > 20);
}

#[test]
fn a_wrong_question_is_told_what_is_wrong() {
    let running = filled();
    for (path, status, code, named) in [
        ("/api/v1/overview?from=tomorrow", 400, "bad-parameter", "`from`"),
        ("/api/v1/failures?by=colour", 400, "bad-parameter", "`by`"),
        ("/api/v1/reports?limit=0", 400, "bad-parameter", "`limit`"),
        ("/api/v1/reports?cursor=00", 400, "bad-parameter", "`cursor`"),
        ("/api/v1/reports?organization=x", 400, "bad-parameter", "`organization`"),
        ("/api/v1/reports/00000000-0000-0000-0000-000000000000", 404, "not-found", "00000000"),
        ("/api/v1/reports/x", 404, "not-found", "`x`"),
        ("/api/v1/nothing", 404, "not-found", "/api/v1/nothing"),
    ] {
        let answer = running.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(problem["code"], code, "{path}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(named)), "{path}: {problem}");
    }
}

#[test]
fn failures_come_as_csv() {
    let answer = filled().get(&format!("/failures.csv?by=result_type&{WEEK}"));
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = answer.text();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("result_type,failed_sessions,previous_failed_sessions,reports,organisations,first_day,last_day")
    );
    assert!(lines.next().is_some_and(|line| line.starts_with("sts-policy-fetch-error,")));
}

#[test]
fn an_export_is_complete_however_much_there_is() {
    let running = empty();
    let details: Vec<Value> = (0..12_345)
        .map(|at| {
            let address = format!("198.{}.{}.{}", 18 + at / 65_536, at / 256 % 256, at % 256);
            json!({ "result-type": "validation-failure", "sending-mta-ip": address, "failed-session-count": 1 + at % 3 })
        })
        .collect();
    let failed: i64 = (0..12_345).map(|at| 1 + at % 3).sum();
    let report = json!({
        "organization-name": "Many Addresses", "contact-info": "tls@many.example", "report-id": "many",
        "date-range": { "start-datetime": "2026-11-18T00:00:00Z", "end-datetime": "2026-11-18T23:59:59Z" },
        "policies": [{
            "policy": { "policy-type": "sts", "policy-domain": "example.com" },
            "summary": { "total-successful-session-count": 0, "total-failure-session-count": failed },
            "failure-details": details,
        }],
    });
    running.receive(report.to_string().as_bytes());
    let text = running.get(&format!("/failures.csv?by=sending_mta_ip&{WEEK}")).text();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    let counts =
        rows.iter().map(|row| row.split(',').nth(1).and_then(|count| count.parse::<i64>().ok()).expect("a number"));
    assert_eq!((rows.len(), counts.sum::<i64>()), (12_345, failed));
    let addresses: std::collections::BTreeSet<&str> = rows.iter().filter_map(|row| row.split(',').next()).collect();
    assert_eq!(addresses.len(), 12_345);
    // What a page has no room for is said.
    let uuid = items(&running.json("/api/v1/reports"))[0]["uuid"].as_str().expect("a uuid").to_owned();
    assert_eq!(running.json(&format!("/api/v1/reports/{uuid}"))["failures_total"], 12_345);
    assert!(running.page(&format!("/reports/{uuid}")).contains("2,000 of 12,345 failure details are shown"));
    let list = running.json(&format!("/api/v1/failures?by=sending_mta_ip&{WEEK}"));
    assert_eq!(
        (list["total"].as_i64(), list["failed_sessions"].as_i64(), items(&list).len()),
        (Some(12_345), Some(failed), 100)
    );
}

#[test]
fn every_address_refuses_what_it_does_not_take() {
    let running = filled();
    let known = [
        "from=2026-11-16",
        "policy_domain=example.com",
        "organisation=google.com",
        "policy_type=sts",
        "trust=dkim",
        "result_type=certificate-expired",
        "receiving_mx_hostname=mx1.example.com",
        "sending_mta_ip=192.0.2.1",
        "deviation=zip",
        "failed=true",
        "by=day",
        "limit=5",
        "code=conflict",
    ];
    let uuid = items(&running.json("/api/v1/reports"))[0]["uuid"].as_str().expect("a uuid").to_owned();
    let report = format!("/api/v1/reports/{uuid}");
    let taken: &[(&str, &[usize])] = &[
        ("/api/v1/overview", &[0, 1, 2, 3, 4]),
        ("/api/v1/weeks/2026-W47", &[1, 2, 3, 4]),
        ("/api/v1/failures", &[0, 1, 2, 3, 4, 5, 6, 7, 10, 11]),
        ("/failures.csv", &[0, 1, 2, 3, 4, 5, 6, 7, 10]),
        ("/api/v1/reports", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]),
        ("/api/v1/quarantine", &[0, 2, 4, 11, 12]),
        ("/api/v1/alerts", &[11]),
        ("/api/v1/notifications", &[11]),
        ("/api/v1/senders", &[]),
        ("/api/v1/silences", &[]),
        ("/api/v1/sources", &[]),
        ("/api/v1/domains/example.com/readiness", &[]),
        (&report, &[]),
    ];
    for (path, taken) in taken {
        if *taken == [11] || taken.contains(&12) {
            let list = running.json(path);
            assert!(list["total"].as_u64().is_some_and(|total| total >= items(&list).len() as u64), "{path}");
        }
        for (at, parameter) in known.iter().enumerate() {
            let answer = running.get(&format!("{path}?{parameter}"));
            let expected = if taken.contains(&at) { 200 } else { 400 };
            assert_eq!(answer.status, expected, "{path}?{parameter}: {}", answer.text());
            if expected == 400 {
                let name = parameter.split('=').next().expect("a name");
                assert!(answer.text().contains(&format!("parameter `{name}`: ")), "{}", answer.text());
            }
        }
    }
}
