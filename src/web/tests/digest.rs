//! The digest as it is read, of weeks as they come: the same as those of the week page, from a real store.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::NaiveDate;

use super::{Running, empty, filled, weeks};
use crate::{
    alerts::notice::Email,
    digest::{DigestRecipient, DigestRenderer},
    period::Period,
    query::{Filter, week::PeriodFigures},
    report::{DateRange, PolicyType, Report},
    store::fixtures,
    submission::{Outcome, Trust, TrustFilter},
};

const BASE: &str = "https://tlsight.internal";

/// The digest of a period, written the day after it.
fn email(running: &Running, period: &str, name: Option<&str>, policy_domains: &[&str]) -> Email {
    let period = Period::parse(period).expect("a period");
    let today = period.range().last().succ_opt().expect("in range");
    email_on(running, period, today, name, policy_domains)
}

fn email_on(running: &Running, period: Period, today: NaiveDate, name: Option<&str>, policy_domains: &[&str]) -> Email {
    let policy_domains: Vec<String> = policy_domains.iter().map(|domain| (*domain).to_owned()).collect();
    let filter = Filter {
        policy_domains: Some(policy_domains.clone()).filter(|domains| !domains.is_empty()),
        trust: TrustFilter::Trusted,
        ..Filter::new(period.range())
    };
    let digest_recipient = DigestRecipient { name: name.map(str::to_owned), policy_domains, base_url: BASE.to_owned() };
    let figures = running
        .pipeline
        .store()
        .read_blocking(|connection| Ok(PeriodFigures::ask(connection, &filter, period, today)?))
        .expect("the store answers");
    DigestRenderer::new(None).expect("the templates compile").email(&figures, &digest_recipient).expect("it is written")
}

pub(crate) fn weekly(running: &Running, period: &str) -> Email {
    email(running, period, Some("weekly"), &[])
}

fn snapshot(name: &str, email: &Email) {
    if let Ok(path) = std::env::var("TLSIGHT_PICTURES") {
        // To be looked at in a browser.
        let html = email.pictures.iter().fold(email.html.clone(), |html, picture| {
            let data = format!("data:image/png;base64,{}", STANDARD.encode(&picture.png));
            html.replace(&format!("cid:{}", picture.name), &data)
        });
        std::fs::write(format!("{path}/{name}.html"), html).expect("the directory is there");
    }
    insta::assert_snapshot!(format!("{name}_text"), format!("Subject: {}\n\n{}", email.subject, email.text));
}

#[test]
fn first_week_ever() {
    snapshot("first_week", &weekly(&weeks::first(), "2026-W47"));
}

#[test]
fn a_quiet_week_is_one_line_with_the_proof() {
    let email = weekly(&weeks::quiet(), "2026-W47");
    snapshot("quiet_week", &email);
    insta::assert_snapshot!("quiet_week_html", email.html);
    assert!(email.pictures.is_empty());
}

#[test]
fn bad_week() {
    let email = weekly(filled(), "2026-W47");
    snapshot("bad_week", &email);
    insta::assert_snapshot!("bad_week_html", email.html);
}

#[test]
fn week_of_recovery() {
    snapshot("week_of_recovery", &weekly(&weeks::recovery(), "2026-W47"));
}

#[test]
fn week_53() {
    snapshot("week_53", &weekly(&weeks::in_week_53(), "2020-W53"));
}

#[test]
fn two_hundred_failing_organisations_are_folded() {
    snapshot("two_hundred", &weekly(&weeks::two_hundred(), "2026-W47"));
}

#[test]
fn the_week_of_a_clock_change_has_the_same_seven_days() {
    snapshot("clock_change", &weekly(filled(), "2026-W43"));
}

#[test]
fn no_report_at_all_teaches() {
    snapshot("nothing", &weekly(&empty(), "2026-W47"));
}

#[test]
fn no_report_this_week_teaches() {
    snapshot("nothing_this_week", &weekly(filled(), "2026-W49"));
}

#[test]
fn two_policy_domains_only() {
    let email = email(filled(), "2026-W47", Some("customers"), &["example.net", "xn--bcher-kva.example"]);
    snapshot("two_domains", &email);
}

#[test]
fn day_and_month() {
    snapshot("day", &email(filled(), "2026-11-21", Some("daily"), &[]));
    snapshot("month", &email(filled(), "2026-10", Some("monthly"), &["example.com"]));
}

/// What stands in the HTML, tags gone and blanks made one.
fn words(html: &str) -> String {
    let body = &html[html.find("<body").expect("a body")..];
    let mut text = String::new();
    for piece in body.split('<') {
        let (tag, after) = piece.split_once('>').unwrap_or(("", piece));
        // What parts paragraphs parts words.
        if !["b", "/b", "a", "/a", "s", "/s"].iter().any(|inline| tag.split([' ', 'd', 'p']).next() == Some(inline)) {
            text.push(' ');
        }
        text.push_str(after);
    }
    let text = text.replace("&quot;", "\"").replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">");
    one_blank(&text.replace("&amp;", "&"))
}

fn one_blank(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The paragraphs of the text part, without the numbers that lead to the addresses.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    for line in text.lines() {
        let goes_on = line.starts_with(' ') || paragraphs.last().is_none_or(|last| last.is_empty());
        match paragraphs.last_mut() {
            Some(last) if goes_on && !last.is_empty() => *last = format!("{last} {}", line.trim()),
            _ => paragraphs.push(line.trim_start_matches("* ").to_owned()),
        }
    }
    paragraphs
}

/// Everything a digest says in words: no heads, tables and addresses.
fn sentences(text: &str) -> Vec<String> {
    let is_number = |word: &str| word.starts_with('[') && word.ends_with(']') && word.len() < 6;
    let mut sentences = Vec::new();
    for paragraph in paragraphs(text) {
        if paragraph.starts_with("http") || paragraph.starts_with('[') || paragraph.starts_with("-- ") {
            continue;
        }
        let words: Vec<&str> = paragraph.split_whitespace().filter(|word| !is_number(word)).collect();
        sentences.push(words.join(" "));
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

fn all() -> Vec<(&'static str, Email)> {
    vec![
        ("first", weekly(&weeks::first(), "2026-W47")),
        ("quiet", weekly(&weeks::quiet(), "2026-W47")),
        ("bad", weekly(filled(), "2026-W47")),
        ("recovery", weekly(&weeks::recovery(), "2026-W47")),
        ("two hundred", weekly(&weeks::two_hundred(), "2026-W47")),
        ("nothing", weekly(&empty(), "2026-W47")),
        ("nothing this week", weekly(filled(), "2026-W49")),
        ("day", email(filled(), "2026-11-21", None, &[])),
        ("month", email(filled(), "2026-10", None, &["example.com"])),
    ]
}

#[test]
fn html_and_text_say_the_same() {
    for (name, email) in all() {
        let html = words(&email.html);
        let lower = html.to_lowercase();
        let mut compared = 0;
        let tables = ["policy type ", "sts ", "tlsa ", "percent secure ", "failed "];
        for sentence in sentences(&email.text) {
            if tables.iter().any(|table| sentence.starts_with(table)) {
                continue;
            }
            // A head or a whole paragraph; of a wrapped one the text part has each line.
            assert!(lower.contains(&sentence.to_lowercase()), "{name}: not in the HTML: {sentence:?}\n{html}");
            compared += 1;
        }
        assert!(compared >= 4, "{name}: {compared}");
        let text = one_blank(&email.text);
        for address in email.html.split("href=\"").skip(1) {
            let address = address.split('"').next().expect("an end").replace("&amp;", "&");
            assert!(text.contains(&address), "{name}: not in the text: {address}");
        }
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere_and_pictures_are_told() {
    for (name, email) in all() {
        let html = email.html.to_ascii_lowercase();
        for loads in ["@import", "url(", "<link", "<script", "<iframe", "<object", "srcset", "background=\""] {
            assert!(!html.contains(loads), "{name}: {loads}");
        }
        let pictures: Vec<&str> = email.html.split("<img ").skip(1).map(|tag| &tag[..tag.find('>').unwrap()]).collect();
        assert_eq!(pictures.len(), email.pictures.len(), "{name}");
        for (tag, picture) in pictures.iter().zip(&email.pictures) {
            assert!(tag.contains(&format!("src=\"cid:{}\"", picture.name)), "{name}: {tag}");
            let alt = tag.split("alt=\"").nth(1).expect("an alternative text");
            assert!(alt.contains("oldest first: ") && alt.bytes().any(|byte| byte.is_ascii_digit()), "{name}: {tag}");
        }
        assert_eq!(email.html.matches("src=").count(), pictures.len(), "{name}");
    }
    let alt = "alt=\"Failed sessions, oldest first: 9 9 7 7 10 84 545 974\"";
    let html = weekly(filled(), "2026-W47").html;
    let found: Vec<&str> = html.split("alt=").skip(1).map(|rest| &rest[..rest.len().min(90)]).collect();
    assert!(html.contains(alt), "{found:#?}");
}

#[test]
fn lines_of_the_text_are_short_and_subjects_fit_a_list() {
    for (name, email) in all() {
        for line in email.text.lines().filter(|line| !line.contains("https://tlsight.internal/")) {
            assert!(line.chars().count() <= 76, "{name}: {line}");
            assert!(line == "-- " || line.trim_end() == line, "{name}: {line:?}");
        }
        assert!(email.subject.chars().count() <= 90, "{name}: {}", email.subject);
    }
}

#[test]
fn addresses_lead_to_pages_that_are_there() {
    let running = filled();
    let mut followed = 0;
    for (_, email) in all() {
        for line in email.text.lines() {
            let Some((_, path)) = line.split_once(BASE) else { continue };
            let answer = running.get(path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            followed += 1;
        }
    }
    assert!(followed > 60, "{followed}");
}

#[test]
fn other_policy_domains_are_not_told() {
    let running = filled();
    for (period, domains) in [
        ("2026-W47", &["example.net", "xn--bcher-kva.example"] as &[&str]),
        ("2026-11-21", &["example.net", "xn--bcher-kva.example"]),
        ("2026-W49", &["example.net"]),
        ("2026-11", &["other.example"]),
    ] {
        let email = email(running, period, Some("customers"), domains);
        for part in [&email.subject, &email.text, &email.html] {
            assert!(!part.contains("example.com"), "{period}: {part}");
            // How much there is of all domains, and what nobody could read.
            assert!(!part.contains("1,568") && !part.contains("quarantine"), "{period}: {part}");
        }
    }
}

#[test]
fn text_of_strangers_stays_text() {
    let running = empty();
    let hostile = "<b onmouseover=alert(1)>Evil\r\nBcc: all@victim.example\n\u{202e}gnp.exe\u{0}\u{1b}[31m";
    let long = "x".repeat(300);
    let shown = |day: &str, name: &str, result_type: &str| {
        let mut document =
            weeks::Told { successful: 1, ..weeks::Told::failing("evil.example", day, result_type, 9) }.json();
        document["organization-name"] = name.into();
        document["report-id"] = format!("{day}{name}").into();
        document["policies"][0]["failure-details"][0]["failure-reason-code"] =
            format!("{hostile}</p><img src=http://x/>").into();
        document
    };
    let day = "2026-11-18";
    weeks::tell_documents(
        &running,
        [
            (day, shown(day, hostile, "sts-policy-fetch-error")),
            ("2026-11-19", shown("2026-11-19", hostile, "<script>alert(2)</script>\u{202e}")),
            ("2026-11-20", shown("2026-11-20", &long, "certificate-expired")),
        ]
        .into_iter(),
    );
    weeks::tell(&running, &[weeks::Told::clean("quiet.example", "2026-11-10")]);
    let email = weekly(&running, "2026-W47");
    insta::assert_snapshot!("hostile_text", format!("Subject: {}\n\n{}", email.subject, email.text));
    for part in [&email.text, &email.html, &email.subject] {
        let hidden = |character: char| "\u{202e}\u{0}\u{1b}\r".contains(character);
        assert!(!part.contains(hidden), "{part:?}");
        assert!(!part.contains(&long), "{part}");
        assert!(!part.lines().any(|line| line.starts_with("Bcc:")), "{part}");
    }
    assert!(!email.subject.contains('\n'));
    for markup in ["<b onmouseover", "<script", "<img src=http"] {
        assert!(!email.html.contains(markup), "{markup}: {}", email.html);
    }
    assert!(email.html.contains("&lt;b onmouseover"), "{}", email.html);
}

#[test]
fn a_subject_is_one_line_whatever_the_domain_is_called() {
    let running = empty();
    // The pipeline lets no such name in where the served domains are known.
    let domain = format!("evil\r\nBcc: x@y.example\u{202e}{}", "y".repeat(200));
    let mut policy = fixtures::policy(&domain, PolicyType::Sts, Some(1), Some(9));
    policy.failures.push(fixtures::failure("sts-policy-fetch-error", Some(9)));
    let start = "2026-11-18T00:00:00Z".parse().expect("a time");
    let range = DateRange { start, end: start + chrono::Duration::days(1) };
    let entry = fixtures::entry(Report { range, ..fixtures::report("r1", vec![policy]) }, Trust::Dkim);
    let outcome = running.pipeline.store().write_blocking(vec![entry]).remove(0);
    assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
    let email = weekly(&running, "2026-W47");
    assert!(email.subject.starts_with("MTA-STS policy of evil‹U+000D›"), "{}", email.subject);
    assert!(!email.subject.contains(['\r', '\n', '\u{202e}']), "{:?}", email.subject);
    assert!(email.subject.chars().count() <= 110, "{}", email.subject);
}
