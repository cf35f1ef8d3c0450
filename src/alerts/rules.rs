//! One file for each rule: its name, its severity, its thresholds in words, when it fires, what it says and what to do.
//! Evaluation, sentences, pages, documents and the configuration read them here.

mod certificate;
mod conflict;
mod dane;
mod disk;
pub mod failing_senders;
pub mod failure_share;
mod failures;
pub mod new_failure;
pub mod no_reports;
mod policy_fetch;
mod quarantine;
pub mod silent_sender;
mod source;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Alert, AlertRule, AlertSettings, Severity, Subject,
    facts::FailureFact,
    finding::{Finding, FindingState, Found, OpenAlerts, World},
    words::time,
};
pub use certificate::RESULT_TYPES as CERTIFICATE;
pub use dane::RESULT_TYPES as DANE;

/// All rules, as lists show them.
pub static RULES: [&dyn RuleDefinition; 11] = [
    &policy_fetch::PolicyFetch,
    &certificate::Certificate,
    &dane::Dane,
    &failure_share::FailureShareRule,
    &new_failure::NewFailure,
    &silent_sender::SilentSender,
    &no_reports::NoReports,
    &quarantine::QuarantineRule,
    &conflict::ConflictRule,
    &source::SourceRule,
    &disk::DiskRule,
];

/// What a rule goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Sessions of stored reports, by their days: it begins with a report day and ends with one.
    ReportDays,
    /// What comes in, at the moment.
    Arrivals,
    /// The machine, of whose past nothing is stored.
    Machine,
}

/// Where the evidence of an alert can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidencePage {
    /// The reports of its days.
    Reports,
    /// The reports of the weeks before it, since none came.
    ReportsBefore,
    At(&'static str),
}

/// One rule. Sentences have no full stop at their end.
pub trait RuleDefinition: Sync {
    fn rule(&self) -> AlertRule;

    /// The name in the configuration, on pages and in the API.
    fn name(&self) -> &'static str;

    fn severity(&self) -> Severity;

    /// What it watches for, with a full stop.
    fn meaning(&self) -> &'static str;

    fn about(&self) -> About;

    /// What can be set: sentences, each with its key in `[alerts]`.
    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)>;

    /// When it fires, as `docs/alerts.md` has it.
    fn fires(&self, settings: &AlertSettings) -> String;

    /// It finds the cause of failures, so that no other rule reports them.
    fn is_about_a_cause(&self) -> bool {
        false
    }

    /// The failures of one cause are those of one policy domain, so that alerts that began on one day have one in common.
    fn is_about_domains(&self) -> bool {
        false
    }

    /// What this failure is a case of; `None` where it is none of this rule's.
    fn case_of(&self, _failure: &FailureFact, _open: &OpenAlerts<'_>) -> Option<Subject> {
        None
    }

    /// It reports its failures by their sessions alone, sooner or later: what it does not find worth reporting no other rule
    /// reports either.
    fn goes_by_sessions(&self) -> bool {
        false
    }

    /// How each of its subjects stands.
    fn evaluate(&self, world: &World<'_>, found: &mut Found);

    /// What is wrong.
    fn sentence(&self, alert: &Alert) -> String;

    /// That it is over.
    fn over(&self, alert: &Alert) -> String;

    /// Several alerts at once. `by`: the organisations behind them, `since`: empty, or ` since` a day.
    fn several(&self, alerts: usize, _by: &str, _since: &str) -> String {
        format!("{alerts} alerts of the rule {}", self.name())
    }

    /// That several are over; `None`: the sentence for several with a word before it.
    fn several_over(&self, _alerts: usize, _by: &str) -> Option<String> {
        None
    }

    /// ` since …`, where the sentence does not say it.
    fn since(&self, alert: &Alert) -> String {
        format!(" since {}", time::day(alert.since.date_naive()))
    }

    /// What stands behind the sentence: how many, how much before.
    fn measure(&self, _alert: &Alert) -> String {
        String::new()
    }

    /// From the day it began to the first clean one, or to the moment it was called over; `None` where that says nothing.
    fn lasted(&self, alert: &Alert) -> Option<TimeDelta> {
        Some(match alert.evidence.clear_day {
            Some(clear) => clear - alert.since.date_naive(),
            None => alert.changed_at - alert.since,
        })
    }

    /// More lines of a notice, before the organisations.
    fn lines(&self, _alert: &Alert) -> Vec<String> {
        Vec::new()
    }

    /// What became of the mail, as far as the rule alone tells: `None` where that is no question.
    fn became(&self) -> Option<&'static str> {
        None
    }

    /// What to do is what to do about its result types.
    fn is_about_result_types(&self, _alert: &Alert) -> bool {
        false
    }

    /// What else to do: sentences with full stops, and commands. `domain`: a host name.
    fn advice(&self, _domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
        (vec!["Look at the reports behind it: their failure details say where and why."], Vec::new())
    }

    fn evidence_page(&self) -> EvidencePage {
        EvidencePage::Reports
    }
}

/// The rule of this name in the code.
pub fn definition(rule: AlertRule) -> &'static dyn RuleDefinition {
    match rule {
        AlertRule::PolicyFetch => &policy_fetch::PolicyFetch,
        AlertRule::FailureShare => &failure_share::FailureShareRule,
        AlertRule::NewFailure => &new_failure::NewFailure,
        AlertRule::Certificate => &certificate::Certificate,
        AlertRule::Dane => &dane::Dane,
        AlertRule::SilentSender => &silent_sender::SilentSender,
        AlertRule::NoReports => &no_reports::NoReports,
        AlertRule::Quarantine => &quarantine::QuarantineRule,
        AlertRule::Conflict => &conflict::ConflictRule,
        AlertRule::Source => &source::SourceRule,
        AlertRule::Disk => &disk::DiskRule,
    }
}

/// What a rule says of itself, without which its name alone is known.
impl AlertRule {
    pub fn as_str(self) -> &'static str {
        definition(self).name()
    }

    pub fn from_name(name: &str) -> Option<AlertRule> {
        AlertRule::ALL.into_iter().find(|rule| rule.as_str() == name)
    }

    pub fn severity(self) -> Severity {
        definition(self).severity()
    }
}

/// Commands that show whether reports find their way.
fn look_at_the_record(domain: Option<&str>) -> Vec<String> {
    let commands =
        |domain| vec![format!("dig +short TXT _smtp._tls.{domain}"), format!("tlsight send-test-report {domain}")];
    domain.map(commands).unwrap_or_default()
}

/// Nothing comes again and again: one moment tells that it is over.
const OVER: FindingState = FindingState::Clear { day: None, days: u64::MAX };

/// An alert of which nothing is known any more.
fn expired(alert: &Alert) -> Finding {
    Finding {
        rule: alert.rule,
        subject: alert.subject.clone(),
        state: FindingState::Expired,
        since: alert.since,
        evidence: alert.evidence.clone(),
    }
}

/// ` since` a moment.
fn since_moment(since: DateTime<Utc>) -> String {
    format!(" since {}", time::moment(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_one_definition() {
        for rule in AlertRule::ALL {
            assert_eq!(definition(rule).rule(), rule);
            assert_eq!(RULES.iter().filter(|listed| listed.rule() == rule).count(), 1);
        }
    }
}
