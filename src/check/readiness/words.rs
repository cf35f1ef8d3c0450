//! The sentences. They say what is known and from where, and how sure it is.

use chrono::NaiveDate;

use super::{Goal, LooksMade, ReadinessFacts, Verdict, evidence::Gathered};
use crate::{
    check::history::KnownFinding,
    wording::{day, listed, sentence as as_sentence, thousands},
};

/// Sessions from which on the true share is estimated: none of n is probably less than 3 in n.
const SHARE_TOLD_FROM_SESSIONS: u64 = 100;
const NAMES_SHOWN: usize = 3;

pub(super) const NOBODY_CHECKS: &str =
    "nobody who checks the policy has reported: your senders may not check one in testing, or do not report";

/// The verdict in a few sentences.
pub(super) fn sentence(
    facts: &ReadinessFacts<'_>,
    goal: Goal,
    verdict: Verdict,
    gathered: &Gathered,
    short: &[String],
    earliest: Option<NaiveDate>,
) -> String {
    let earliest = earliest.map(|date| format!(" Earliest {}.", day(date))).unwrap_or_default();
    match (goal, verdict) {
        (Goal::Testing, Verdict::No) => "Not ready for testing: what is looked at has faults.".into(),
        (Goal::Testing, Verdict::NotYet) => format!("Not known to be ready for testing: {}.", first(short)),
        (Goal::Testing, Verdict::GoWithThis | Verdict::Go) => {
            let but = if verdict == Verdict::Go { "" } else { ", but see what is below" };
            format!(
                "Ready for testing: nothing that was looked at speaks against a policy in testing{but}. {}",
                without_policy(gathered)
            )
        }
        (Goal::Enforce, Verdict::No) if gathered.recent_low > 0 => format!("Not now: {}.", refused(goal, gathered)),
        (Goal::Enforce, Verdict::No) => "Not now: what is looked at has faults.".into(),
        (Goal::Enforce, Verdict::NotYet) => {
            format!("Not yet. Nothing speaks against it, but {}.{earliest}", listed(short, short.len()))
        }
        (Goal::Enforce, Verdict::GoWithThis) => {
            format!("Ready for enforce, with what is listed here. {}", all_passed(goal, gathered))
        }
        (Goal::Enforce, Verdict::Go) => {
            format!("Ready for enforce. {} {}", all_passed(goal, gathered), looks(facts.looks))
        }
        (Goal::Enforcing, Verdict::No) if gathered.recent_low > 0 => {
            format!("Already enforcing: {}.", refused(goal, gathered))
        }
        (Goal::Enforcing, Verdict::No) => "Already enforcing, and what is looked at has faults.".into(),
        (Goal::Enforcing, Verdict::NotYet) => format!("Already enforcing, but {}.", first(short)),
        (Goal::Enforcing, Verdict::GoWithThis | Verdict::Go) => {
            format!("Already enforcing. {}", all_passed(goal, gathered))
        }
        (Goal::Leaving, Verdict::Go | Verdict::GoWithThis | Verdict::No) => {
            "The way out is free: nobody holds a policy any more, as far as looks and reports show.".into()
        }
        (Goal::Leaving, Verdict::NotYet) => format!("On the way out: {}.", first(short)),
    }
}

fn first(short: &[String]) -> &str {
    short.first().map_or("evidence is short", String::as_str)
}

/// `212`, or `between 3 and 7`.
fn between(low: u64, high: u64) -> String {
    if low == high { number(low) } else { format!("between {} and {}", number(low), number(high)) }
}

fn number(number: u64) -> String {
    thousands(i64::try_from(number).unwrap_or(i64::MAX))
}

fn sessions(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "session" } else { "sessions" })
}

fn days((first, last): (NaiveDate, NaiveDate)) -> String {
    if first == last { format!("on {}", day(first)) } else { format!("from {} to {}", day(first), day(last)) }
}

fn names(gathered: &std::collections::BTreeSet<String>) -> String {
    listed(&gathered.iter().cloned().collect::<Vec<_>>(), NAMES_SHOWN)
}

pub(super) fn refused(goal: Goal, gathered: &Gathered) -> String {
    let refused = between(gathered.recent_low, gathered.recent_high);
    let of = format!("{} of {}", refused, sessions(gathered.recent_sessions));
    let when = gathered.refused_days.map(days).unwrap_or_default();
    let whose = names(&gathered.refused_by);
    match goal {
        Goal::Enforcing => format!(
            "{of} failed the policy and were refused on that try or passed on by senders in testing, {when} ({whose})"
        ),
        _ => format!("with enforce {of} would have been refused on that try, {when} ({whose})"),
    }
}

/// No refusal is certain, and some may have been.
pub(super) fn uncertain(goal: Goal, gathered: &Gathered) -> String {
    let would = if goal == Goal::Enforcing { "may have been" } else { "might have been" };
    format!(
        "up to {} {would} refused: their reports do not say why they failed ({})",
        sessions(gathered.recent_high),
        names(&gathered.refused_by)
    )
}

fn all_passed(goal: Goal, gathered: &Gathered) -> String {
    let (Some(first), Some(last)) = (gathered.first_day, gathered.last_day) else { return String::new() };
    let (who, made) = (names(&gathered.checking), sessions(gathered.sessions));
    let under = if goal == Goal::Enforcing { "under the policy" } else { "under the policy in testing" };
    let refused = match (goal, gathered.recent_high) {
        (Goal::Enforcing, 0) => "none was refused",
        (_, 0) => "none would have been refused",
        (Goal::Enforcing, _) => "none was certainly refused",
        (_, _) => "none would certainly have been refused",
    };
    let when = days((first, last));
    let when = as_sentence(&when);
    let when = when.trim_end_matches('.');
    let share = match (gathered.recent_high, share(gathered.sessions)) {
        (0, Some(share)) => format!(
            " With that many the true share is probably below {share} % for these senders; this is rough, because sessions of one sender are not independent."
        ),
        _ => String::new(),
    };
    format!("{when} {who} made {made} {under}; {refused}.{share}")
}

/// Percent with two digits, rounded up; `None` where there are too few sessions to say.
fn share(sessions: u64) -> Option<String> {
    let hundredths = (sessions >= SHARE_TOLD_FROM_SESSIONS).then(|| 30_000_u64.div_ceil(sessions))?;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

fn looks(looks: LooksMade) -> String {
    let LooksMade { looks, with_faults, with_unknowns } = looks;
    let good = looks.saturating_sub(with_faults).saturating_sub(with_unknowns);
    if good == looks {
        format!("All of the last {looks} looks were good.")
    } else {
        format!("{good} of the last {looks} looks were good, {with_unknowns} could not see everything.")
    }
}

/// What reports show where there is no policy.
fn without_policy(gathered: &Gathered) -> String {
    let whether = "Without a policy a success in a report proves nothing about certificates, so that of the others it is unknown.";
    match (gathered.recent_low, gathered.recent_high) {
        (_, 0) => "Without a policy a success in a report proves nothing about certificates: whether enforce would refuse mail is unknown.".into(),
        (0, high) => format!("Of what was reported, enforce might have refused up to {}. {whether}", sessions(high)),
        (low, _) => format!("Of what was reported, enforce would have refused at least {}. {whether}", sessions(low)),
    }
}

pub(super) fn few_organisations(gathered: &Gathered, clean_days: u64) -> String {
    let days = if clean_days == 1 { "day" } else { "days" };
    format!("only {} has reported, for {clean_days} {days}", names(&gathered.checking))
}

pub(super) fn few_sessions(made: u64, wanted: u64) -> String {
    format!("only {} were checked against the policy, and fewer than {} say too little", sessions(made), number(wanted))
}

pub(super) fn few_days(clean_days: u64, wanted: u64, changed_on: Option<NaiveDate>) -> String {
    let since = changed_on.map(|date| format!(" since the policy changed on {}", day(date))).unwrap_or_default();
    format!("there are reports of {clean_days} clean days in a row{since}, and {wanted} are needed")
}

pub(super) fn still_held(exit_on: NaiveDate) -> String {
    format!("senders may hold an earlier policy until {} at the latest", day(exit_on))
}

pub(super) fn fetch_errors(gathered: &Gathered) -> String {
    format!(
        "of {} up to {} had no policy because it could not be fetched: enforce does not protect these",
        sessions(gathered.sessions),
        number(gathered.fetch_errors)
    )
}

pub(super) fn short_max_age(max_age_s: u64) -> String {
    format!(
        "`max_age` is {} s: good for the first week of enforce, later two weeks or more protect better",
        number(max_age_s)
    )
}

pub(super) fn not_seen(looks: LooksMade) -> String {
    format!("{} of the last {} looks could not see everything", looks.with_unknowns, looks.looks)
}

pub(super) fn finding(finding: &KnownFinding) -> String {
    let text = finding.message.trim_end_matches('.');
    if finding.part.is_empty() || text.contains(&finding.part) {
        text.to_owned()
    } else {
        format!("{}: {text}", finding.part)
    }
}

pub(super) fn not_covered(facts: &ReadinessFacts<'_>, goal: Goal) -> Vec<String> {
    let mut not_covered =
        vec!["Senders that do not report, or do not check a policy in testing (most Postfix servers).".to_owned()];
    not_covered.push(
        "MX hosts that nobody needed in this time: reports show a host only where a session failed at it.".into(),
    );
    if goal == Goal::Testing {
        not_covered
            .push("Whether certificates are valid for senders: without a policy they are not asked to check.".into());
    }
    if facts.looks.looks == 0 {
        not_covered.push("What the domain publishes: no look at it is stored.".into());
    }
    if facts.looks.with_unknowns > 0 {
        not_covered.push("MX hosts and addresses that could not be reached from here.".into());
    }
    not_covered
}

/// RFC 8461 §8.3.
pub(super) fn way_out(facts: &ReadinessFacts<'_>) -> Vec<String> {
    let until = match facts.exit_on {
        Some(exit_on) => format!("Keep serving it until {}: by then nobody holds an earlier policy.", day(exit_on)),
        None => "Nobody holds an earlier policy any more.".to_owned(),
    };
    vec![
        "Serve the policy with `mode: none` and `max_age: 86400`, with its mx lines as they are, then publish a new id.".into(),
        until,
        "Remove the TXT record at `_mta-sts`, and wait for its time to live and a day.".into(),
        "Only then remove the policy host and its file.".into(),
    ]
}
