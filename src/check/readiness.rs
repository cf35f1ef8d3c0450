//! Whether a policy may be enforced: what reports say would have been refused, and what looks found. Numbers of refused sessions are from … to, because
//! failure details may overlap and need not be complete (RFC 8460 §4.4). No reports is never a yes.

mod evidence;
mod words;

use chrono::{Days, NaiveDate};
use serde::Serialize;

use super::{Severity, finding::CheckGroup, history::KnownFinding};
use crate::{report::StsMode, sts::content::PolicyContent};

use evidence::Gathered;
pub use evidence::{Evidence, SenderEvidence};

/// Senders that hold a policy for less than this are protected badly (RFC 8461 §3.2 speaks of weeks).
const MAX_AGE_GOOD_S: u64 = 7 * 86_400;
/// Sessions without a policy because it could not be fetched, in a hundred, from which it is told.
const FETCH_TOLD_PERCENT: u64 = 1;
/// Looks with a fault, in a hundred, from which there is no yes.
const LOOKS_FAULTY_PERCENT: u32 = 5;

/// What is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadinessRules {
    /// Days of reports that are looked at.
    pub window_days: u64,
    /// Days since the last change and the last refusal.
    pub clean_days: u64,
    pub organisations: usize,
    pub sessions: u64,
}

impl Default for ReadinessRules {
    fn default() -> ReadinessRules {
        ReadinessRules { window_days: 28, clean_days: 14, organisations: 2, sessions: 100 }
    }
}

/// Looks of the last days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LooksMade {
    pub looks: u32,
    pub with_faults: u32,
    /// Without a fault, but could not see everything.
    pub with_unknowns: u32,
}

/// What is known of a policy domain.
#[derive(Debug, Clone, Copy)]
pub struct ReadinessFacts<'a> {
    /// Today, of which reports do not tell yet.
    pub today: NaiveDate,
    /// The policy that is served; `None` where none is.
    pub served: Option<&'a PolicyContent>,
    /// The day on which the policy last changed, as looks saw it.
    pub changed_on: Option<NaiveDate>,
    pub looks: LooksMade,
    /// Findings that stand, and those that ended lately.
    pub findings: &'a [KnownFinding],
    pub evidence: &'a [Evidence],
    /// The day on which the last policy is held by nobody any more; `None` where that is so.
    pub exit_on: Option<NaiveDate>,
    pub rules: ReadinessRules,
}

/// What the domain could do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// It has no policy and may begin to test one.
    Testing,
    /// It tests one and may enforce it.
    Enforce,
    /// It enforces one already.
    Enforcing,
    /// Its policy says that there is none any more.
    Leaving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    No,
    NotYet,
    GoWithThis,
    Go,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    pub goal: Goal,
    pub verdict: Verdict,
    pub sentence: String,
    /// What speaks against it or should be known, the worst first.
    pub reasons: Vec<String>,
    pub by_sender: Vec<SenderEvidence>,
    /// What neither reports nor looks can show.
    pub not_covered: Vec<String>,
    /// The first day on which enough clean days may have passed, where these are short.
    pub earliest: Option<NaiveDate>,
    /// How to get out of a policy that anybody may hold, in order.
    pub way_out: Vec<String>,
}

impl Goal {
    pub fn as_str(self) -> &'static str {
        match self {
            Goal::Testing => "testing",
            Goal::Enforce => "enforce",
            Goal::Enforcing => "enforcing",
            Goal::Leaving => "leaving",
        }
    }

    fn of(served: Option<&PolicyContent>) -> Goal {
        match served.map(|policy| policy.mode) {
            None => Goal::Testing,
            Some(StsMode::Testing) => Goal::Enforce,
            Some(StsMode::Enforce) => Goal::Enforcing,
            Some(StsMode::None) => Goal::Leaving,
        }
    }
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::No => "no",
            Verdict::NotYet => "not-yet",
            Verdict::GoWithThis => "go-with-this",
            Verdict::Go => "go",
        }
    }
}

/// Judges it.
pub fn judge(facts: &ReadinessFacts<'_>) -> Readiness {
    let goal = Goal::of(facts.served);
    let gathered = Gathered::of(facts);
    let against = against(facts, goal, &gathered);
    let (short, earliest) = short(facts, goal, &gathered);
    let known = known(facts, goal, &gathered);
    let verdict = match (against.is_empty(), short.is_empty(), known.is_empty()) {
        (false, ..) => Verdict::No,
        (true, false, _) => Verdict::NotYet,
        (true, true, false) => Verdict::GoWithThis,
        (true, true, true) => Verdict::Go,
    };
    let sentence = words::sentence(facts, goal, verdict, &gathered, &short, earliest);
    let way_out = if facts.exit_on.is_some() || goal == Goal::Leaving { words::way_out(facts) } else { Vec::new() };
    Readiness {
        goal,
        verdict,
        sentence,
        reasons: [against, short, known].concat(),
        not_covered: words::not_covered(facts, goal),
        by_sender: gathered.senders,
        earliest: earliest.filter(|_| verdict == Verdict::NotYet),
        way_out,
    }
}

fn standing<'a>(facts: &ReadinessFacts<'a>, severity: Severity) -> impl Iterator<Item = &'a KnownFinding> {
    facts.findings.iter().filter(move |finding| finding.ended_at.is_none() && finding.severity == severity)
}

/// A fault of the TLSRPT record stops reports, not mail.
fn is_about_reports(finding: &KnownFinding) -> bool {
    finding.check.group() == CheckGroup::Tlsrpt
}

/// Whether a domain without a policy has this because it has none.
fn is_absence(finding: &KnownFinding) -> bool {
    matches!(finding.check.group(), CheckGroup::Record | CheckGroup::PolicyHost | CheckGroup::Policy)
}

/// What makes it a no.
fn against(facts: &ReadinessFacts<'_>, goal: Goal, gathered: &Gathered) -> Vec<String> {
    let mut against = Vec::new();
    if goal == Goal::Leaving {
        return against;
    }
    if goal != Goal::Testing && gathered.recent_low > 0 {
        against.push(words::refused(goal, gathered));
    }
    let counts = |finding: &&KnownFinding| !(is_about_reports(finding) || goal == Goal::Testing && is_absence(finding));
    against.extend(standing(facts, Severity::Fault).filter(counts).map(words::finding));
    against
}

/// What evidence is short of, and the first day on which the days may be enough.
fn short(facts: &ReadinessFacts<'_>, goal: Goal, gathered: &Gathered) -> (Vec<String>, Option<NaiveDate>) {
    let mut short = Vec::new();
    if goal == Goal::Leaving {
        short.extend(facts.exit_on.filter(|exit_on| *exit_on >= facts.today).map(words::still_held));
        return (short, None);
    }
    let LooksMade { looks, with_faults, .. } = facts.looks;
    if looks == 0 {
        short.push(
            "no look at the domain is stored, so that nothing is known of its certificates and its policy host".into(),
        );
    } else if with_faults * 100 > looks * LOOKS_FAULTY_PERCENT {
        short.push(format!("{with_faults} of the last {looks} looks found a fault"));
    }
    short.extend(standing(facts, Severity::Fault).filter(|finding| is_about_reports(finding)).map(words::finding));
    let mut earliest = None;
    match goal {
        Goal::Enforcing if gathered.checking.is_empty() => short.push(words::NOBODY_CHECKS.into()),
        Goal::Enforce => {
            let rules = facts.rules;
            let clean_days = gathered.clean_days(facts);
            if gathered.checking.is_empty() {
                short.push(words::NOBODY_CHECKS.into());
            } else {
                if gathered.checking.len() < rules.organisations {
                    short.push(words::few_organisations(gathered, clean_days));
                }
                if gathered.sessions < rules.sessions {
                    short.push(words::few_sessions(gathered.sessions, rules.sessions));
                }
            }
            if clean_days < rules.clean_days {
                short.push(words::few_days(clean_days, rules.clean_days, facts.changed_on));
                let from = gathered.clean_from.unwrap_or(facts.today);
                // Reports about a day come on the next.
                earliest = from.checked_add_days(Days::new(rules.clean_days)).map(|day| day.max(tomorrow(facts.today)));
            }
        }
        _ => {}
    }
    (short, earliest)
}

/// What should be known although it is a yes.
fn known(facts: &ReadinessFacts<'_>, goal: Goal, gathered: &Gathered) -> Vec<String> {
    let counts = |finding: &&KnownFinding| !(goal == Goal::Testing && is_absence(finding));
    let mut known: Vec<String> = standing(facts, Severity::Warning).filter(counts).map(words::finding).collect();
    if goal == Goal::Leaving {
        return known;
    }
    if goal != Goal::Testing && gathered.recent_low == 0 && gathered.recent_high > 0 {
        known.push(words::uncertain(goal, gathered));
    }
    if goal != Goal::Testing && gathered.fetch_errors * 100 > gathered.sessions * FETCH_TOLD_PERCENT {
        known.push(words::fetch_errors(gathered));
    }
    let max_age_s = facts.served.map(|policy| policy.max_age_s);
    if let Some(max_age_s) = max_age_s.filter(|max_age_s| goal == Goal::Enforce && *max_age_s < MAX_AGE_GOOD_S) {
        known.push(words::short_max_age(max_age_s));
    }
    if facts.looks.with_unknowns * 2 > facts.looks.looks {
        known.push(words::not_seen(facts.looks));
    }
    known
}

fn tomorrow(today: NaiveDate) -> NaiveDate {
    today.succ_opt().unwrap_or(today)
}
