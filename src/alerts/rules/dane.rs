//! dane: DANE fails at a policy domain (RFC 8460 §4.3.2.1).

use super::{About, RuleDefinition, failures};
use crate::{
    alerts::{
        Alert, AlertRule, AlertSettings, Severity, Subject,
        facts::FailureFact,
        finding::{Found, OpenAlerts, World},
        words::{text, who},
    },
    explain::MailEffect,
};

/// RFC 8460 §4.3.2.1.
pub const RESULT_TYPES: [&str; 3] = ["tlsa-invalid", "dnssec-invalid", "dane-required"];

pub(super) struct Dane;

impl RuleDefinition for Dane {
    fn rule(&self) -> AlertRule {
        AlertRule::Dane
    }

    fn name(&self) -> &'static str {
        "dane"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn meaning(&self) -> &'static str {
        "DANE fails: tlsa-invalid, dnssec-invalid or dane-required."
    }

    fn about(&self) -> About {
        About::ReportDays
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let sessions = text::counted(settings.dane_sessions_min, "failed session");
        vec![(format!("{sessions} on one domain"), "dane_sessions_min")]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        format!("{} in {} sessions", text::ticked(&RESULT_TYPES, ", "), settings.dane_sessions_min)
    }

    fn is_about_a_cause(&self) -> bool {
        true
    }

    fn is_about_domains(&self) -> bool {
        true
    }

    fn goes_by_sessions(&self) -> bool {
        true
    }

    fn case_of(&self, failure: &FailureFact, open: &OpenAlerts<'_>) -> Option<Subject> {
        RESULT_TYPES.contains(&failure.result_type.as_str()).then(|| of_domain(failures::its_domain(failure), open))
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        let enough = |_, failed: i64| u64::try_from(failed).unwrap_or(0) >= world.plan.settings.dane_sessions_min;
        found.findings.extend(failures::causes(self, world, enough));
    }

    fn sentence(&self, alert: &Alert) -> String {
        let verb = if alert.evidence.unheard { "failed" } else { "fails" };
        let domain = text::part(&alert.subject.policy_domain);
        format!("DANE {verb} at {domain} for {}", who::organisations(&alert.evidence))
    }

    fn over(&self, alert: &Alert) -> String {
        format!("DANE works again at {}", text::part(&alert.subject.policy_domain))
    }

    fn several(&self, alerts: usize, by: &str, since: &str) -> String {
        format!("DANE fails at {alerts} policy domains for {by}{since}")
    }

    fn several_over(&self, alerts: usize, by: &str) -> Option<String> {
        Some(format!("DANE works again at {alerts} policy domains for {by}"))
    }

    fn measure(&self, alert: &Alert) -> String {
        failures::in_sessions(alert)
    }

    fn became(&self) -> Option<&'static str> {
        Some(MailEffect::Refused.sentence())
    }

    fn is_about_result_types(&self, _alert: &Alert) -> bool {
        true
    }
}

/// Some senders name the MX host as the policy domain (RFC 7672 §2.2.3), others the domain: it is one failure. An alert that
/// fires for the host already goes on for it.
fn of_domain(named: Subject, open: &OpenAlerts<'_>) -> Subject {
    let name = named.policy_domain.as_deref().unwrap_or_default();
    let Some(domain) = open.owners.domain_of(name) else { return named };
    let of_domain = Subject { policy_domain: Some(domain.to_owned()), ..Subject::default() };
    let goes_on = open.firing(AlertRule::Dane, &named).is_some() && open.firing(AlertRule::Dane, &of_domain).is_none();
    if goes_on { named } else { of_domain }
}
