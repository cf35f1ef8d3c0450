//! Every verdict with a domain that gets it.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use super::super::{
    history::KnownFinding,
    readiness::{Evidence, Goal, LooksMade, Readiness, ReadinessFacts, ReadinessRules, Verdict, judge},
    *,
};
use crate::{report::StsMode, sts::content::PolicyContent};

const TODAY: &str = "2026-11-30";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn content(mode: StsMode) -> PolicyContent {
    PolicyContent { mode, max_age_s: 604_800, mx: BTreeSet::from(["mx1.example.com".to_owned()]) }
}

fn row(organisation: &str, on: NaiveDate, successful: u64) -> Evidence {
    Evidence {
        organisation: organisation.to_lowercase(),
        organisation_name: Some(organisation.into()),
        day: on,
        policy_type: "sts".into(),
        mode: Some(StsMode::Testing),
        successful,
        failed: 0,
        validation_sum: 0,
        validation_max: 0,
        fetch_sum: 0,
        not_itemised: 0,
    }
}

/// Failed sessions with one detail for each.
fn failing(evidence: Evidence, failed: u64) -> Evidence {
    Evidence { failed, validation_sum: failed, validation_max: failed, ..evidence }
}

/// These organisations on each day up to yesterday.
fn days(organisations: &[&str], days: u64, successful: u64) -> Vec<Evidence> {
    let before = |days| day(TODAY).checked_sub_days(Days::new(days)).unwrap();
    let of_day = |ago| organisations.iter().map(move |organisation| row(organisation, before(ago), successful));
    (1..=days).rev().flat_map(of_day).collect()
}

fn found(check: Check, severity: Severity, message: &str) -> KnownFinding {
    KnownFinding {
        check,
        part: "mx2.example.com".into(),
        severity,
        effect: Effect::Refused,
        message: message.into(),
        remedy: None,
        last_before_at: None,
        began_at: "2026-11-20T00:00:00Z".parse().unwrap(),
        confirmed_at: None,
        good_at: None,
        ended_at: None,
    }
}

struct Case {
    mode: Option<StsMode>,
    changed_on: Option<&'static str>,
    looks: u32,
    findings: Vec<KnownFinding>,
    evidence: Vec<Evidence>,
    exit_on: Option<&'static str>,
}

/// All is well for four weeks.
fn well() -> Case {
    Case {
        mode: Some(StsMode::Testing),
        changed_on: Some("2026-10-01"),
        looks: 280,
        findings: vec![],
        evidence: days(&["Google", "Microsoft"], 28, 100),
        exit_on: None,
    }
}

fn ask(case: &Case) -> Readiness {
    let served = case.mode.map(content);
    judge(&ReadinessFacts {
        today: day(TODAY),
        served: served.as_ref(),
        changed_on: case.changed_on.map(day),
        looks: LooksMade { looks: case.looks, ..LooksMade::default() },
        findings: &case.findings,
        evidence: &case.evidence,
        exit_on: case.exit_on.map(day),
        rules: ReadinessRules::default(),
    })
}

#[track_caller]
fn assert_told(case: &Case, verdict: Verdict, sentence: &str) -> Readiness {
    let told = ask(case);
    assert_eq!((told.verdict, told.sentence.as_str()), (verdict, sentence), "{told:#?}");
    told
}

#[test]
fn refused_sessions_lie_between_what_details_prove_and_what_they_allow() {
    let on = day(TODAY);
    let refused = |failed, sum, max, fetch, not_itemised| {
        let row = row("a", on, 10);
        let (validation_sum, validation_max, fetch_sum) = (sum, max, fetch);
        Evidence { failed, validation_sum, validation_max, fetch_sum, not_itemised, ..row }.refused()
    };
    assert_eq!(refused(10, 10, 10, 0, 0), (10, 10));
    assert_eq!(refused(10, 12, 8, 0, 0), (10, 10), "details overlap");
    assert_eq!(refused(10, 6, 4, 4, 0), (6, 6));
    assert_eq!(refused(10, 6, 4, 10, 0), (4, 6), "some both could not fetch and were not valid");
    assert_eq!(refused(10, 0, 0, 0, 10), (0, 10), "nobody says why");
    assert_eq!(refused(10, 0, 0, 10, 0), (0, 0), "without a policy nothing is refused");
    assert_eq!(refused(10, u64::MAX, u64::MAX, u64::MAX, u64::MAX), (10, 10));
    let tlsa = Evidence { policy_type: "tlsa".into(), ..failing(row("a", on, 0), 5) };
    assert_eq!(tlsa.refused(), (0, 0));
    let none = Evidence { mode: Some(StsMode::None), ..failing(row("a", on, 0), 5) };
    assert_eq!(none.refused(), (0, 0));
}

#[test]
fn four_clean_weeks_are_a_go() {
    let told = assert_told(
        &well(),
        Verdict::Go,
        "Ready for enforce. From Mon 2 Nov to Sun 29 Nov Google and Microsoft made 5,600 sessions under the policy in testing; none would have been refused. \
         With that many the true share is probably below 0.06 % for these senders; this is rough, because sessions of one sender are not independent. \
         All of the last 280 looks were good.",
    );
    assert!(told.reasons.is_empty() && told.earliest.is_none());
    assert_eq!(told.by_sender.len(), 2);
    assert_eq!((told.by_sender[0].checked, told.by_sender[0].clean_days), (2_800, 28));
    assert_eq!(
        told.not_covered[0],
        "Senders that do not report, or do not check a policy in testing (most Postfix servers)."
    );
}

#[test]
fn a_refusal_or_a_fault_is_a_no() {
    let mut case = well();
    case.evidence[50] = failing(case.evidence[50].clone(), 12);
    let told = assert_told(
        &case,
        Verdict::No,
        "Not now: with enforce 12 of 2,812 sessions would have been refused on that try, on Fri 27 Nov (Google).",
    );
    assert_eq!((told.by_sender[0].hindered_days, told.by_sender[0].refused_low), (1, 12));
    case.evidence[50] = Evidence { not_itemised: 4, fetch_sum: 2, ..case.evidence[50].clone() };
    case.evidence[50].validation_sum = 6;
    case.evidence[50].validation_max = 6;
    assert!(ask(&case).sentence.contains("between 6 and 10 of"), "{}", ask(&case).sentence);
    let mut case = well();
    case.findings.push(found(Check::CertExpired, Severity::Fault, "The certificate has expired."));
    let told = assert_told(&case, Verdict::No, "Not now: what is looked at has faults.");
    assert_eq!(told.reasons, ["mx2.example.com: The certificate has expired"]);
    case.findings[0].ended_at = Some("2026-11-21T00:00:00Z".parse().unwrap());
    assert_eq!(ask(&case).verdict, Verdict::Go, "it is over");
}

#[test]
fn short_evidence_is_not_yet() {
    let case = Case { evidence: days(&["Google"], 6, 100), ..well() };
    let told = assert_told(
        &case,
        Verdict::NotYet,
        "Not yet. Nothing speaks against it, but only Google has reported, for 6 days and there are reports of 6 clean days in a row since the policy \
         changed on Thu 1 Oct, and 14 are needed. Earliest Tue 8 Dec.",
    );
    assert_eq!(told.earliest, Some(day("2026-12-08")));
    let case = Case { evidence: days(&["Google", "Microsoft"], 28, 1), ..well() };
    assert_told(
        &case,
        Verdict::NotYet,
        "Not yet. Nothing speaks against it, but only 56 sessions were checked against the policy, and fewer than 100 say too little.",
    );
    let case = Case { evidence: vec![], ..well() };
    assert!(
        ask(&case)
            .sentence
            .starts_with("Not yet. Nothing speaks against it, but nobody who checks the policy has reported")
    );
    let unchecked = |row: Evidence| Evidence { policy_type: "no-policy-found".into(), mode: None, ..row };
    let case = Case { evidence: well().evidence.into_iter().map(unchecked).collect(), ..well() };
    assert_eq!(ask(&case).verdict, Verdict::NotYet, "success without a policy proves nothing");
    assert_eq!(ask(&Case { looks: 0, ..well() }).verdict, Verdict::NotYet);
    let unreported = found(Check::TlsrptMissing, Severity::Fault, "There is no TLSRPT record.");
    assert_eq!(ask(&Case { findings: vec![unreported], ..well() }).verdict, Verdict::NotYet);
}

#[test]
fn a_change_starts_the_clock_anew() {
    let told = ask(&Case { changed_on: Some("2026-11-23"), ..well() });
    assert_eq!((told.verdict, told.earliest), (Verdict::NotYet, Some(day("2026-12-08"))));
    let mut case = well();
    case.evidence[0] = failing(case.evidence[0].clone(), 3);
    assert_eq!(ask(&case).verdict, Verdict::Go, "a refusal four weeks ago is over");
}

#[test]
fn warnings_are_a_go_with_them() {
    let expires = found(Check::CertExpires, Severity::Warning, "The certificate ends in 9 days.");
    let mut case = Case { findings: vec![expires], ..well() };
    case.evidence.push(Evidence { failed: 80, fetch_sum: 80, ..row("Mail.ru", day("2026-11-29"), 0) });
    case.evidence.push(Evidence { failed: 3, not_itemised: 3, ..row("Comcast", day("2026-11-29"), 0) });
    let told = ask(&case);
    assert_eq!(told.verdict, Verdict::GoWithThis);
    assert_eq!(
        told.sentence,
        "Ready for enforce, with what is listed here. From Mon 2 Nov to Sun 29 Nov Comcast, Google and 2 more made 5,683 sessions under the policy in \
         testing; none would certainly have been refused."
    );
    assert_eq!(
        told.reasons,
        [
            "mx2.example.com: The certificate ends in 9 days",
            "up to 3 sessions might have been refused: their reports do not say why they failed (Comcast)",
            "of 5,683 sessions up to 80 had no policy because it could not be fetched: enforce does not protect these",
        ]
    );
}

#[test]
fn without_a_policy_it_is_ready_for_testing_at_best() {
    let unchecked = |row: Evidence| Evidence { policy_type: "no-policy-found".into(), mode: None, ..row };
    let missing = found(Check::StsMissing, Severity::Warning, "There is no policy.");
    let mut case = Case { mode: None, evidence: vec![], findings: vec![missing], changed_on: None, ..well() };
    let told = assert_told(
        &case,
        Verdict::Go,
        "Ready for testing: nothing that was looked at speaks against a policy in testing. Without a policy a success in a report proves nothing about \
         certificates: whether enforce would refuse mail is unknown.",
    );
    assert_eq!(told.goal, Goal::Testing);
    case.evidence = vec![unchecked(failing(row("Google", day("2026-11-28"), 100), 7))];
    assert!(ask(&case).sentence.contains("enforce would have refused at least 7 sessions."), "{}", ask(&case).sentence);
    case.findings.push(found(Check::CertName, Severity::Fault, "The certificate is for another name."));
    assert_told(&case, Verdict::No, "Not ready for testing: what is looked at has faults.");
    let case = Case { mode: None, looks: 0, ..well() };
    assert_told(
        &case,
        Verdict::NotYet,
        "Not known to be ready for testing: no look at the domain is stored, so that nothing is known of its certificates and its policy host.",
    );
}

#[test]
fn an_enforcing_domain_is_told_what_is_refused() {
    let enforced = |row: Evidence| Evidence { mode: Some(StsMode::Enforce), ..row };
    let evidence: Vec<Evidence> = well().evidence.into_iter().map(enforced).collect();
    let mut case = Case { mode: Some(StsMode::Enforce), evidence, exit_on: Some("2026-12-07"), ..well() };
    let told = ask(&case);
    assert_eq!((told.goal, told.verdict), (Goal::Enforcing, Verdict::Go));
    assert!(told.sentence.contains("made 5,600 sessions under the policy; none was refused."), "{}", told.sentence);
    assert_eq!(told.way_out.len(), 4);
    assert_eq!(told.way_out[1], "Keep serving it until Mon 7 Dec: by then nobody holds an earlier policy.");
    let last = case.evidence.len() - 1;
    case.evidence[last] = Evidence { successful: 0, ..failing(case.evidence[last].clone(), 9) };
    let told = assert_told(
        &case,
        Verdict::No,
        "Already enforcing: 9 of 2,709 sessions failed the policy and were refused on that try or passed on by senders in testing, on Sun 29 Nov (Microsoft).",
    );
    let microsoft = told.by_sender.iter().find(|sender| sender.organisation == "microsoft").unwrap();
    assert_eq!(microsoft.blocked_days, 1);
    let case = Case { evidence: vec![], ..case };
    assert!(ask(&case).sentence.starts_with("Already enforcing, but nobody who checks"), "no reports is never a yes");
}

#[test]
fn a_policy_of_mode_none_is_served_until_nobody_holds_another() {
    let case = Case { mode: Some(StsMode::None), exit_on: Some("2026-12-07"), ..well() };
    let told = assert_told(
        &case,
        Verdict::NotYet,
        "On the way out: senders may hold an earlier policy until Mon 7 Dec at the latest.",
    );
    assert_eq!((told.goal, told.way_out.len()), (Goal::Leaving, 4));
    let case = Case { exit_on: None, ..case };
    assert_told(
        &case,
        Verdict::Go,
        "The way out is free: nobody holds a policy any more, as far as looks and reports show.",
    );
}
