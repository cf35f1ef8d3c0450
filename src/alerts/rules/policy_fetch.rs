//! policy-fetch: senders cannot fetch the MTA-STS policy of a domain, or cannot use it (RFC 8460 §4.3.2.2).

use super::{About, RuleDefinition, failures};
use crate::{
    alerts::{
        Alert, AlertRule, AlertSettings, Severity, Subject,
        facts::FailureFact,
        finding::{Found, OpenAlerts, World},
        words::{text, who},
    },
    explain::result_types::POLICY_FETCH,
};

pub(super) struct PolicyFetch;

impl RuleDefinition for PolicyFetch {
    fn rule(&self) -> AlertRule {
        AlertRule::PolicyFetch
    }

    fn name(&self) -> &'static str {
        "policy-fetch"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn meaning(&self) -> &'static str {
        "Senders cannot fetch the MTA-STS policy of a domain, or cannot use it."
    }

    fn about(&self) -> About {
        About::ReportDays
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let organisations = text::counted(settings.policy_fetch_organisations_min, "organisation");
        vec![
            (format!("{organisations} see it, or"), "policy_fetch_organisations_min"),
            (text::counted(settings.policy_fetch_sessions_min, "failed session"), "policy_fetch_sessions_min"),
        ]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        format!(
            "policy-fetch errors from {} organisations, or {} failed sessions",
            settings.policy_fetch_organisations_min, settings.policy_fetch_sessions_min
        )
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

    fn case_of(&self, failure: &FailureFact, _open: &OpenAlerts<'_>) -> Option<Subject> {
        POLICY_FETCH.contains(&failure.result_type.as_str()).then(|| failures::its_domain(failure))
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        let settings = &world.plan.settings;
        let enough = |organisations: usize, failed: i64| {
            organisations as u64 >= settings.policy_fetch_organisations_min
                || u64::try_from(failed).unwrap_or(0) >= settings.policy_fetch_sessions_min
        };
        found.findings.extend(failures::causes(self, world, enough));
    }

    fn sentence(&self, alert: &Alert) -> String {
        let evidence = &alert.evidence;
        let fetched = evidence.result_types.iter().all(|name| name == "sts-policy-invalid");
        let verb = if fetched && !evidence.result_types.is_empty() { "use" } else { "fetch" };
        let can = if evidence.unheard { "could not" } else { "cannot" };
        let domain = text::part(&alert.subject.policy_domain);
        format!("{} {can} {verb} the MTA-STS policy of {domain}", who::organisations(evidence))
    }

    fn over(&self, alert: &Alert) -> String {
        format!("The MTA-STS policy of {} can be fetched and used again", text::part(&alert.subject.policy_domain))
    }

    fn several(&self, alerts: usize, by: &str, since: &str) -> String {
        format!("{alerts} policies cannot be fetched or used by {by}{since} (MTA-STS)")
    }

    fn several_over(&self, alerts: usize, by: &str) -> Option<String> {
        Some(format!("{alerts} policies can be fetched and used again by {by} (MTA-STS)"))
    }

    fn measure(&self, alert: &Alert) -> String {
        failures::in_sessions(alert)
    }

    fn became(&self) -> Option<&'static str> {
        Some("mail went out without your policy’s protection, unless the sender held a cached policy")
    }

    fn is_about_result_types(&self, _alert: &Alert) -> bool {
        true
    }
}
