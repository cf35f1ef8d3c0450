//! The digest as it is read, of weeks as they come: the same as those of the week page, from a real store.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::NaiveDate;

use super::{Running, empty, filled, weeks};
use crate::{
    notice::Letter,
    present::{
        digest::{Addressee, Press},
        week::{Figures, Period},
    },
    query::Filter,
};

const BASE: &str = "https://tlsight.internal";

/// The digest of a period, written the day after it.
fn letter(running: &Running, period: &str, name: Option<&str>, policy_domains: &[&str]) -> Letter {
    let period = Period::parse(period).expect("a period");
    let today = period.range().last().succ_opt().expect("in range");
    letter_on(running, period, today, name, policy_domains)
}

fn letter_on(
    running: &Running,
    period: Period,
    today: NaiveDate,
    name: Option<&str>,
    policy_domains: &[&str],
) -> Letter {
    let policy_domains: Vec<String> = policy_domains.iter().map(|domain| (*domain).to_owned()).collect();
    let filter = Filter {
        policy_domains: Some(policy_domains.clone()).filter(|domains| !domains.is_empty()),
        trust: Some("trusted".to_owned()),
        ..Filter::new(period.range())
    };
    let addressee = Addressee { name: name.map(str::to_owned), policy_domains, base_url: BASE.to_owned() };
    let figures = running
        .pipeline
        .store()
        .read_blocking(|connection| Ok(Figures::ask(connection, &filter, period, today)?))
        .expect("the store answers");
    Press::new(None).expect("the templates compile").letter(&figures, &addressee).expect("it is written")
}

fn weekly(running: &Running, period: &str) -> Letter {
    letter(running, period, Some("weekly"), &[])
}

fn snapshot(name: &str, letter: &Letter) {
    if let Ok(path) = std::env::var("TLSIGHT_PICTURES") {
        // To be looked at in a browser.
        let html = letter.pictures.iter().fold(letter.html.clone(), |html, picture| {
            let data = format!("data:image/png;base64,{}", STANDARD.encode(&picture.png));
            html.replace(&format!("cid:{}", picture.name), &data)
        });
        std::fs::write(format!("{path}/{name}.html"), html).expect("the directory is there");
    }
    insta::assert_snapshot!(format!("{name}_text"), format!("Subject: {}\n\n{}", letter.subject, letter.text));
}

#[test]
fn first_week_ever() {
    snapshot("first_week", &weekly(&weeks::first(), "2026-W47"));
}

#[test]
fn a_quiet_week_is_one_line_with_the_proof() {
    let letter = weekly(&weeks::quiet(), "2026-W47");
    snapshot("quiet_week", &letter);
    insta::assert_snapshot!("quiet_week_html", letter.html);
    assert!(letter.pictures.is_empty());
}

#[test]
fn bad_week() {
    let letter = weekly(filled(), "2026-W47");
    snapshot("bad_week", &letter);
    insta::assert_snapshot!("bad_week_html", letter.html);
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
    let letter = letter(filled(), "2026-W47", Some("customers"), &["example.net", "xn--bcher-kva.example"]);
    snapshot("two_domains", &letter);
}

#[test]
fn day_and_month() {
    snapshot("day", &letter(filled(), "2026-11-21", Some("daily"), &[]));
    snapshot("month", &letter(filled(), "2026-10", Some("monthly"), &["example.com"]));
}
