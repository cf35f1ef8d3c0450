//! certificate: several organisations find the certificate of one of our MX hosts expired or made out for another name.

use super::{About, RuleDefinition, failures};
use crate::alerts::{
    Alert, AlertRule, AlertSettings, Severity, Subject,
    facts::FailureFact,
    finding::{Found, OpenAlerts, World},
    words::{text, who},
};

/// What several organisations must see of one host.
pub const RESULT_TYPES: [&str; 2] = ["certificate-expired", "certificate-host-mismatch"];

pub(super) struct Certificate;

impl RuleDefinition for Certificate {
    fn rule(&self) -> AlertRule {
        AlertRule::Certificate
    }

    fn name(&self) -> &'static str {
        "certificate"
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn meaning(&self) -> &'static str {
        "Several organisations find the certificate of an MX host expired or made out for another name."
    }

    fn about(&self) -> About {
        About::ReportDays
    }

    fn thresholds(&self, settings: &AlertSettings) -> Vec<(String, &'static str)> {
        let organisations = text::counted(settings.certificate_organisations_min, "organisation");
        vec![(format!("{organisations} see it on one MX host"), "certificate_organisations_min")]
    }

    fn fires(&self, settings: &AlertSettings) -> String {
        let types = text::ticked(&RESULT_TYPES, " or ");
        format!("{types} on a host of ours from {} organisations", settings.certificate_organisations_min)
    }

    fn is_about_a_cause(&self) -> bool {
        true
    }

    fn case_of(&self, failure: &FailureFact, open: &OpenAlerts<'_>) -> Option<Subject> {
        let mx_host = failure.mx_host.as_ref().filter(|_| RESULT_TYPES.contains(&failure.result_type.as_str()))?;
        open.owners.is_ours(&failure.policy_domain, mx_host).then(|| {
            let (mx_host, result_type) = (Some(mx_host.clone()), Some(failure.result_type.clone()));
            Subject { mx_host, result_type, ..Subject::default() }
        })
    }

    fn evaluate(&self, world: &World<'_>, found: &mut Found) {
        let enough =
            |organisations: usize, _| organisations as u64 >= world.plan.settings.certificate_organisations_min;
        found.findings.extend(failures::causes(self, world, enough));
    }

    fn sentence(&self, alert: &Alert) -> String {
        let evidence = &alert.evidence;
        let how = match alert.subject.result_type.as_deref() {
            Some("certificate-expired") => "expired",
            _ => "made out for another name",
        };
        let verb = match who::going_on(evidence) {
            _ if evidence.unheard => "found",
            1 => "finds",
            _ => "find",
        };
        let host = text::part(&alert.subject.mx_host);
        format!("{} {verb} the certificate of {host} {how}", who::organisations(evidence))
    }

    fn over(&self, alert: &Alert) -> String {
        format!("The certificate of {} is accepted again", text::part(&alert.subject.mx_host))
    }

    fn several(&self, alerts: usize, by: &str, since: &str) -> String {
        format!("The certificates of MX hosts are not accepted by {by}{since} ({alerts} alerts)")
    }

    fn several_over(&self, alerts: usize, by: &str) -> Option<String> {
        Some(format!("The certificates of MX hosts are accepted again by {by} ({alerts} alerts)"))
    }

    fn measure(&self, alert: &Alert) -> String {
        failures::in_sessions(alert)
    }

    fn became(&self) -> Option<&'static str> {
        Some("under a policy in mode enforce it was not delivered on that try")
    }

    fn is_about_result_types(&self, _alert: &Alert) -> bool {
        true
    }
}
