use std::collections::BTreeSet;

use serde_json::json;

use super::{empty, filled, items, sum};
use crate::{templates, web::PAGES};

/// Parts of other templates, and the page for what went wrong.
const PARTS: [&str; 14] = [
    "base.html",
    "channels.html",
    "filter.html",
    "mail_digest.html",
    "message.html",
    "claims.html",
    "outage_rows.html",
    "outages.html",
    "rows.html",
    "scope.html",
    "selects.html",
    "silence_form.html",
    "start.html",
    "week_rows.html",
];

#[test]
fn every_template_is_a_page_or_a_part_of_one() {
    let known: BTreeSet<&str> = PAGES.iter().map(|(_, template)| *template).chain(PARTS).collect();
    let names = templates::names();
    assert_eq!(names.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[test]
fn every_page_renders() {
    let running = filled();
    let report = items(&running.json("/api/v1/reports"))[0]["uuid"].as_str().expect("a uuid").to_owned();
    let alert = items(&running.json("/api/v1/alerts"))[0]["uuid"].as_str().expect("a uuid").to_owned();
    let entry = items(&running.json("/api/v1/quarantine"))[0]["uuid"].as_str().expect("a uuid").to_owned();
    for (path, _) in PAGES {
        let uuid = match path {
            "/reports/{uuid}" => &report,
            "/alerts/{uuid}" => &alert,
            _ => &entry,
        };
        let page = running
            .page(&path.replace("{uuid}", uuid).replace("{week}", "2026-W47").replace("{domain}", "example.com"));
        assert!(page.contains("<main id=\"main\""), "{path}");
        assert!(page.trim_end().ends_with("</html>"), "{path}");
        assert!(!page.contains(" style=\"") && !page.contains("<style"), "{path}: the policy forbids inline styles");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
    }
    for by in ["organisation", "result_type", "policy_domain", "receiving_mx_hostname", "sending_mta_ip", "day"] {
        assert!(running.page(&format!("/failures?by={by}")).contains("<table"), "{by}");
    }
}

#[test]
fn the_overview_is_one_small_page() {
    let page = filled().page("/");
    assert!(page.len() < 100_000, "{} bytes", page.len());
    // One of our own, which nothing on the page waits for.
    assert_eq!(page.matches("<script").count(), 1);
    assert!(
        page.contains("<script src=\"/static/") && page.contains("tlsight.js\" defer></script>"),
        "it works without"
    );
    assert_eq!(page.matches("<link rel=\"stylesheet\"").count(), 1);
    assert!(!page.contains("src=\"http"), "nothing comes from elsewhere");
}

#[test]
fn the_verdict_comes_first() {
    let page = filled().page("/");
    let text = plain(&page[page.find("<h1").expect("a verdict")..page.find("</h1>").expect("its end")]);
    assert!(text.contains("% of ") && text.contains("sessions were secure."), "{text}");
    assert!(page.contains("Mail.ru and Microsoft Corporation cannot get the policy of example.com since Thu 19 Nov."));
}

#[test]
fn an_outage_that_is_over_is_told_as_one() {
    let running = filled();
    assert!(running.page("/").contains(">Policy cannot be fetched<"));
    let page = running.page("/?policy_domain=example.net");
    assert!(page.contains(">Policy could not be fetched<") && !page.contains("Policy cannot be fetched"), "{page}");
}

#[test]
fn one_session_is_not_all_of_them() {
    let running = empty();
    for (failed, said) in [
        (0, "its one session was <strong class=\"good\">secure</strong>."),
        (1, "its one session <strong class=\"bad\">failed</strong>."),
    ] {
        let report = json!({
            "organization-name": "Example Mail", "contact-info": "tlsrpt@example.org", "report-id": failed.to_string(),
            "date-range": {"start-datetime": "2026-11-22T00:00:00Z", "end-datetime": "2026-11-22T23:59:59Z"},
            "policies": [{
                "policy": {"policy-type": "no-policy-found", "policy-domain": "example.com"},
                "summary": {"total-successful-session-count": 1 - failed, "total-failure-session-count": failed},
            }],
        });
        let receipt = running.receive(report.to_string().as_bytes());
        let crate::submission::Outcome::Stored(uuid) = receipt.overall() else { panic!("{receipt:?}") };
        let page = running.page(&format!("/reports/{uuid}"));
        assert!(page.contains(said), "{page}");
    }
}

#[test]
fn figures_lead_to_the_reports_behind_them() {
    let running = filled();
    let page = running.page("/");
    let mut followed = 0;
    for link in page.split("<a class=\"hot\" href=\"").skip(1) {
        let (address, rest) = link.split_once('"').expect("an address");
        let shown: i64 = plain(rest.split("</a>").next().expect("its text"))
            .trim_start_matches('>')
            .replace(',', "")
            .parse()
            .expect("a number");
        let query = address.strip_prefix("/reports?").expect("a list of reports").replace("&amp;", "&");
        let reports = running.json(&format!("/api/v1/reports?{query}&limit=1000"));
        assert_eq!(sum(items(&reports), "failed"), shown, "{address}");
        followed += 1;
    }
    assert!(followed > 4, "{followed}");
}

#[test]
fn links_lead_somewhere() {
    let running = filled();
    let uuid = items(&running.json("/api/v1/alerts"))[0]["uuid"].as_str().expect("a uuid").to_owned();
    let alert = format!("/alerts/{uuid}");
    let mut seen = BTreeSet::new();
    for start in [
        "/",
        "/weeks/2026-W47",
        "/failures?by=result_type",
        "/reports",
        "/quarantine",
        "/result-types",
        "/alerts",
        "/notifications",
        &alert,
    ] {
        let page = running.page(start);
        for link in page.split("href=\"").skip(1) {
            let address = link.split(['"', '#']).next().expect("an address").replace("&amp;", "&");
            if !address.is_empty() && seen.len() < 250 && seen.insert(address.clone()) {
                // The newest week is a redirect.
                let expected = if address.split('?').next() == Some("/weeks") { 303 } else { 200 };
                assert_eq!(running.get(&address).status, expected, "{address} on {start}");
            }
        }
    }
    assert!(seen.len() > 60, "{}", seen.len());
}

#[test]
fn a_wrong_question_is_answered_with_a_page() {
    let running = filled();
    let answer = running.get("/?from=tomorrow");
    assert_eq!(answer.status, 400);
    let page = answer.text();
    assert!(page.contains("Parameter <code>from</code>: ") && page.contains("<code>tomorrow</code>"), "{page}");
    assert!(
        page.contains("name=\"q\"") && !page.contains("type=\"date\"") && page.contains("href=\"/\">To the overview")
    );
    assert!(page.contains("Quarantine <span class=\"badge\">"), "what waits is still said: {page}");
    assert_eq!(running.get("/nothing").status, 404);
    assert_eq!(running.get("/reports/00000000-0000-0000-0000-000000000000").status, 404);
}

#[test]
fn the_filter_takes_any_name_and_its_address_is_that_of_every_link() {
    let running = filled();
    let leads = |query: &str| {
        let answer = running.get(&format!("/show?{query}"));
        assert_eq!(answer.status, 303, "{query}: {}", answer.text());
        answer.header("location").expect("a location").to_owned()
    };
    let microsoft = "/reports?from=2026-11-16&organisation=microsoft.com&to=2026-11-22";
    for typed in ["microsoft.com", "Microsoft+Corporation", "MICROSOFT+corporation", "microsoft.COM"] {
        let form = "page=/reports&policy_domain=&trust=&from=2026-11-16&to=2026-11-22";
        assert_eq!(leads(&format!("{form}&organisation={typed}")), microsoft, "{typed}");
    }
    assert_eq!(leads("page=/weeks/2026-W47&organisation=nobody"), "/weeks/2026-W47?organisation=nobody");
    assert_eq!(leads("q=Example.COM"), "/?policy_domain=example.com");
    assert_eq!(leads("q=Microsoft+Corporation"), "/?organisation=microsoft.com");
    assert_eq!(running.get("/show?page=//evil.example").status, 404);
    assert_eq!(running.get("/show?q=nobody-is-called-so").status, 404);
    let several = running.get("/show?page=/failures&organisation=m&by=day");
    assert_eq!(several.status, 400);
    assert!(several.text().contains("href=\"/failures?by=day&amp;organisation=microsoft.com\""), "{}", several.text());
    let page = running.page("/failures");
    assert!(page.contains("<option value=\"microsoft.com\">Microsoft Corporation</option>"), "{page}");
    assert!(page.contains("autocomplete=\"off\""), "{page}");
}

#[test]
fn printed_figures_say_their_days_and_filter() {
    let running = filled();
    for path in ["/?", "/failures?", "/reports?", "/weeks/2026-W47?"] {
        let page = running.page(&format!("{path}policy_domain=example.com"));
        let at = page.find("print-only").unwrap_or_else(|| panic!("{path}: {page}"));
        let line = plain(&page[at..at + page[at..].find("</p>").expect("its end")]);
        assert!(line.contains("Nov 2026") && line.contains("domain example.com"), "{path}: {line}");
    }
}

#[test]
fn a_new_server_teaches() {
    let running = empty();
    let page = running.page("/");
    assert!(page.contains("No report has arrived yet."));
    assert!(page.contains("_smtp._tls.example.com.") && page.contains("rua=https://") && page.contains("curl -i"));
    for (path, _) in PAGES.iter().filter(|(path, _)| !path.contains('{')) {
        running.page(path);
    }
}

#[test]
fn a_quiet_time_says_where_the_reports_are() {
    let page = filled().page("/?from=2026-01-01&to=2026-01-07");
    assert!(page.contains("No report covers 1–7 Jan 2026."));
    assert!(page.contains("cover Mon 28 Sep 2026 to Sun 22 Nov 2026"), "{page}");
}

#[test]
fn text_of_strangers_stays_text() {
    let running = empty();
    let hostile = "<script>alert(1)</script>\u{202e}\"'&{{ 7*7191 }}";
    let receipt = running.receive(
        json!({
            "organization-name": hostile, "contact-info": "x@evil.example", "report-id": hostile,
            "date-range": {"start-datetime": "2026-11-22T00:00:00Z", "end-datetime": "2026-11-22T23:59:59Z"},
            "policies": [{
                "policy": {"policy-type": "sts", "policy-domain": "example.com", "policy-string": [hostile], "mx-host": [hostile]},
                "summary": {"total-successful-session-count": 1, "total-failure-session-count": 3},
                "failure-details": [
                    {"result-type": hostile, "sending-mta-ip": hostile, "receiving-mx-hostname": hostile, "failed-session-count": 1,
                     "additional-information": "javascript:alert(1)", "failure-reason-code": hostile},
                    {"result-type": "validation-failure", "failed-session-count": 2, "additional-information": "https://example.org/?a=\"><b>"},
                ],
            }],
        })
        .to_string()
        .as_bytes(),
    );
    let crate::submission::Outcome::Stored(uuid) = receipt.overall() else { panic!("{receipt:?}") };
    let report = format!("/reports/{uuid}");
    for path in [
        "/",
        "/reports",
        "/failures?by=result_type",
        "/failures?by=receiving_mx_hostname",
        "/failures?by=sending_mta_ip",
        &report,
    ] {
        let page = running.page(path);
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(!page.contains('\u{202e}'), "{path}: an override must not reach the page");
        assert!(!page.contains("href=\"javascript:"), "{path}");
        assert!(!page.contains("50337"), "{path}: nothing in a report is a template");
        // A list of reports names senders by what is proven or claimed of their domain only.
        let is_shown = path != "/reports";
        assert!(!is_shown || page.contains("&lt;script&gt;alert(1)") && page.contains("‹U+202E›"), "{path}");
    }
    assert!(running.page(&report).contains("rel=\"noreferrer nofollow noopener\""));
}

#[test]
fn a_greeting_is_kept_as_sent_and_folded_on_the_page() {
    let running = empty();
    let reply = "250-MX1.Example.com Hello\r\n250-\u{7}PIPELINING\r\n250 8BITMIME";
    let receipt = running.receive(
        json!({
            "organization-name": "Greeter", "contact-info": "x@greeter.example", "report-id": "greeting",
            "date-range": {"start-datetime": "2026-11-22T00:00:00Z", "end-datetime": "2026-11-22T23:59:59Z"},
            "policies": [{
                "policy": {"policy-type": "no-policy-found"},
                "summary": {"total-successful-session-count": 0, "total-failure-session-count": 1},
                "failure-details": [{"result-type": "validation-failure", "receiving-mx-hostname": "mx.example.com",
                    "receiving-mx-helo": reply, "failed-session-count": 1}],
            }],
        })
        .to_string()
        .as_bytes(),
    );
    let crate::submission::Outcome::Stored(uuid) = receipt.overall() else { panic!("{receipt:?}") };
    let shown = running.json(&format!("/api/v1/reports/{uuid}"));
    assert_eq!(shown["policies"][0]["failure_details"][0]["receiving_mx_helo"], reply);
    let page = running.page(&format!("/reports/{uuid}"));
    assert!(page.contains("greets as <bdi>MX1.Example.com</bdi>"), "{page}");
    assert!(
        page.contains("<summary>all of its greeting</summary>") && page.contains("250-‹U+0007›PIPELINING"),
        "{page}"
    );
    // It named no domain, and two are served.
    assert_eq!(shown["policies"][0]["policy_domain"], serde_json::Value::Null);
    assert!(plain(&page).contains("To an unknown domain, from"), "{page}");
    assert!(plain(&running.page("/reports?organisation=claimed:greeter.example")).contains("unknown"));
}

fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => inside = true,
            '>' => inside = false,
            other if !inside => text.push(other),
            _ => {}
        }
    }
    text
}
