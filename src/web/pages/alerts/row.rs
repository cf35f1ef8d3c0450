//! One alert as the pages show it.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use minijinja::Value;

use crate::{
    alerts::{
        Alert, AlertRule,
        rules::{About, EvidencePage, definition},
        sentence,
    },
    links,
    templates::fields,
    wording,
};

/// Days of reports behind an alert that knows no days of its own.
const DAYS_SHOWN: u64 = 28;

/// What lists and the alert's own page have in common.
pub(crate) fn row(alert: &Alert) -> Value {
    let evidence = &alert.evidence;
    let days = if is_about_days(alert.rule) { alert.since.date_naive().into() } else { None::<NaiveDate> };
    fields! {
        uuid => alert.uuid,
        sentence => sentence(alert),
        rule => alert.rule.as_str(),
        severity => alert.rule.severity().as_str(),
        firing => alert.is_firing(),
        since => alert.since,
        since_day => days,
        fired_at => alert.fired_at,
        changed_at => alert.changed_at,
        notified_at => alert.notified_at,
        acknowledged_at => alert.acknowledged_at,
        acknowledgement => alert.acknowledgement.clone(),
        times => alert.times,
        failed => evidence.failed,
        sessions => evidence.sessions,
        organisations_total => evidence.organisations_total,
        lasted => lasted(alert),
        behind => behind(alert, None),
    }
}

/// Where the evidence can be looked at: the reports it rests on, or the page of the part it is about.
pub(crate) fn behind(alert: &Alert, organisation: Option<&str>) -> String {
    let (subject, evidence) = (&alert.subject, &alert.evidence);
    let is_silence = match definition(alert.rule).evidence_page() {
        EvidencePage::At(page) => return page.to_owned(),
        EvidencePage::Reports => false,
        EvidencePage::ReportsBefore => true,
    };
    let last = evidence.last_day.unwrap_or_else(|| alert.changed_at.date_naive());
    let back = |day: NaiveDate| day.checked_sub_days(Days::new(DAYS_SHOWN)).unwrap_or(day);
    let first = evidence
        .first_day
        .filter(|_| !is_silence)
        .unwrap_or_else(|| if is_silence { back(last) } else { alert.since.date_naive() });
    let first = first.min(last);
    // One type narrows the list; of several none does, since a list takes one.
    let only_type = match evidence.result_types.as_slice() {
        [one] if alert.rule != AlertRule::FailureShare => Some(one.clone()),
        _ => None,
    };
    let failed = (!is_silence && only_type.is_none() && subject.result_type.is_none()).then(|| "true".to_owned());
    let parameters = [
        ("failed", failed),
        ("from", Some(first.to_string())),
        ("organisation", organisation.map(str::to_owned).or_else(|| subject.organisation.clone())),
        ("policy_domain", subject.policy_domain.clone()),
        ("receiving_mx_hostname", subject.mx_host.clone()),
        ("result_type", subject.result_type.clone().or(only_type)),
        ("to", Some(last.to_string())),
    ];
    links::address("/reports", parameters.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))))
}

/// Whether an alert begins with a report day rather than at a moment.
pub(crate) fn is_about_days(rule: AlertRule) -> bool {
    definition(rule).about() == About::ReportDays
}

/// From its beginning to the report day that was clean again, or to the moment it was called over. `None` while it fires.
fn lasted(alert: &Alert) -> Option<String> {
    if alert.is_firing() {
        return None;
    }
    let clear = alert.evidence.clear_day.and_then(|day| day.and_hms_opt(0, 0, 0)).map(|at| at.and_utc());
    let end: DateTime<Utc> = clear.filter(|clear| *clear > alert.since).unwrap_or(alert.changed_at);
    Some(span(end - alert.since))
}

/// `3 days`, `5 hours`, `12 minutes`: the largest unit of which there are two, or one; a day is `1 day`, as the sentence has it.
pub(crate) fn span(length: TimeDelta) -> String {
    let (days, hours, minutes) = (length.num_days(), length.num_hours(), length.num_minutes());
    match (days, hours, minutes) {
        _ if length == TimeDelta::days(1) => "1 day".to_owned(),
        (2.., ..) => wording::counted(days, "day", "days"),
        (_, 2.., _) => wording::counted(hours, "hour", "hours"),
        (_, _, minutes) => wording::counted(minutes.max(1), "minute", "minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        assert_eq!(span(TimeDelta::seconds(5)), "1 minute");
        assert_eq!(span(TimeDelta::minutes(90)), "90 minutes");
        assert_eq!(span(TimeDelta::hours(24)), "1 day");
        assert_eq!(span(TimeDelta::hours(47)), "47 hours");
        assert_eq!(span(TimeDelta::hours(71)), "2 days");
    }
}
