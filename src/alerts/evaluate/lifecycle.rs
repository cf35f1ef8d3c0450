//! From findings to transitions: fires once, is told again after a while, is over, comes back.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::outage::OutageFindings;
use crate::alerts::{
    Alert, AlertEvent, AlertEvidence, AlertPlan, AlertRule, AlertStatus, Mute, Subject, Transition,
    finding::{Finding, FindingState, OpenAlerts, days, hours},
};

/// What comes back so soon after it was over goes on.
pub(super) const BACK_WITHIN_DAYS: i64 = 7;
/// From so many firings on an alert is over only when several report days say so.
pub(super) const FLAPPING_TIMES: u32 = 3;
pub(super) const FLAPPING_CLEAN_DAYS: u64 = 3;
/// Why nobody is told of what joins an outage.
const JOINED: &str = "part of an outage that was reported already; the next reminder tells of all of it";

pub(super) fn transitions(
    standing: &OpenAlerts<'_>,
    findings: Vec<Finding>,
    plan: &AlertPlan,
    mutes: &[Mute],
    now: DateTime<Utc>,
) -> Vec<Transition> {
    let mut found: Vec<Transition> = Vec::new();
    let outages = OutageFindings::new(standing, plan, now);
    let lasting = Lifecycle { plan, mutes, now, outages };
    for finding in &findings {
        let transition = match (standing.firing(finding.rule, &finding.subject), finding.state) {
            (None, FindingState::Failing) => {
                Some(lasting.begin(finding, standing.over(finding.rule, &finding.subject)))
            }
            (None, _) => None,
            (Some(alert), FindingState::Failing | FindingState::Open) => lasting.go_on(alert, Some(finding)),
            (Some(alert), FindingState::Clear { day, .. }) => {
                if lasting.is_over(alert, finding) {
                    Some(lasting.end(
                        alert,
                        AlertEvent::Resolved,
                        AlertEvidence { clear_day: day, ..finding.evidence.clone() },
                    ))
                } else {
                    lasting.go_on(alert, Some(finding))
                }
            }
            // It has been told, and nothing new is known.
            (Some(alert), FindingState::Unheard) if alert.notified_at.is_some() => None,
            (Some(alert), FindingState::Unheard) => lasting.go_on(alert, Some(finding)),
            (Some(alert), FindingState::Expired) => {
                // Who said last that it is over for them belongs into the last word; else nothing is known but what was.
                let evidence = if finding.evidence.unheard { &finding.evidence } else { &alert.evidence };
                Some(lasting.end(alert, AlertEvent::Expired, evidence.clone()))
            }
            (Some(alert), FindingState::TakenOver(_)) => {
                let ended = lasting.end(alert, AlertEvent::TakenOver, finding.evidence.clone());
                Some(Transition {
                    notified: false,
                    muted: None,
                    alert: Alert { notified_at: alert.notified_at, ..ended.alert },
                    ..ended
                })
            }
        };
        found.extend(transition);
    }
    let judged: HashSet<(AlertRule, &Subject)> =
        findings.iter().map(|finding| (finding.rule, &finding.subject)).collect();
    for alert in standing.alerts.iter().filter(|alert| alert.is_firing()) {
        if !plan.is_on(alert.rule) {
            let ended = lasting.end(alert, AlertEvent::Expired, alert.evidence.clone());
            found.push(Transition { notified: false, muted: None, ..ended });
        } else if !judged.contains(&(alert.rule, &alert.subject)) {
            found.extend(lasting.go_on(alert, None));
        }
    }
    found.sort_by(|a, b| (a.alert.rule, &a.alert.subject).cmp(&(b.alert.rule, &b.alert.subject)));
    found
}

/// The alerts that fire, where more or other evidence is found by now. What is over is left to its end.
pub(super) fn refreshed(standing: &OpenAlerts<'_>, findings: &[Finding]) -> Vec<Alert> {
    let refresh = |finding: &Finding| {
        let alert = standing.firing(finding.rule, &finding.subject)?;
        let since = finding.since.min(alert.since);
        let is_news = matches!(finding.state, FindingState::Failing | FindingState::Open | FindingState::Unheard)
            && (finding.evidence != alert.evidence || since != alert.since);
        is_news.then(|| Alert { evidence: finding.evidence.clone(), since, ..alert.clone() })
    };
    findings.iter().filter_map(refresh).collect()
}

struct Lifecycle<'a> {
    plan: &'a AlertPlan,
    mutes: &'a [Mute],
    now: DateTime<Utc>,
    outages: OutageFindings<'a>,
}

impl Lifecycle<'_> {
    fn begin(&self, finding: &Finding, over: Option<&Alert>) -> Transition {
        let (rule, subject, now) = (finding.rule, finding.subject.clone(), self.now);
        let over = over.filter(|alert| now - alert.changed_at <= TimeDelta::days(BACK_WITHIN_DAYS));
        let (event, begun) = match over {
            Some(alert) => (AlertEvent::Reopened, Alert { times: alert.times.saturating_add(1), ..alert.clone() }),
            None => (
                AlertEvent::Fired,
                Alert {
                    uuid: Alert::name(rule, &subject, now),
                    rule,
                    subject,
                    status: AlertStatus::Firing,
                    since: finding.since,
                    fired_at: now,
                    changed_at: now,
                    notified_at: None,
                    acknowledged_at: None,
                    acknowledgement: None,
                    times: 1,
                    evidence: AlertEvidence::default(),
                },
            ),
        };
        let alert = Alert {
            status: AlertStatus::Firing,
            since: finding.since,
            changed_at: now,
            notified_at: None,
            acknowledged_at: None,
            acknowledgement: None,
            evidence: finding.evidence.clone(),
            ..begun
        };
        match self.outages.joined_by(&alert).filter(|_| event == AlertEvent::Fired && self.mute(&alert).is_none()) {
            // As if it had been told then: the next reminder is about all of them.
            Some(notified_at) => Transition {
                event,
                alert: Alert { notified_at: Some(notified_at), ..alert },
                notified: false,
                muted: Some(JOINED.to_owned()),
            },
            None => self.tell(event, alert, true),
        }
    }

    /// Told again where the time has come, or told at all where a silence has ended.
    fn go_on(&self, alert: &Alert, finding: Option<&Finding>) -> Option<Transition> {
        let remind_after = self.plan.settings.remind_after_h;
        let is_due = match alert.notified_at {
            None => true,
            // News are news once.
            Some(_) if alert.rule == AlertRule::NewFailure || remind_after == 0 => false,
            Some(notified_at) => self.now - notified_at >= hours(remind_after),
        };
        if !is_due || alert.acknowledged_at.is_some() || self.mute(alert).is_some() {
            return None;
        }
        let evidence = finding.map_or_else(|| alert.evidence.clone(), |finding| finding.evidence.clone());
        let since = finding.map_or(alert.since, |finding| finding.since.min(alert.since));
        Some(self.tell(AlertEvent::Reminded, Alert { evidence, since, ..alert.clone() }, true))
    }

    fn end(&self, alert: &Alert, event: AlertEvent, evidence: AlertEvidence) -> Transition {
        let ended = Alert { status: AlertStatus::Resolved, changed_at: self.now, evidence, ..alert.clone() };
        self.tell(event, ended, alert.notified_at.is_some())
    }

    /// What flaps is over only when several report days say so, or nothing more is heard for long.
    fn is_over(&self, alert: &Alert, finding: &Finding) -> bool {
        let FindingState::Clear { day, days: clean } = finding.state else { return false };
        let long_ago = self.now.date_naive() - TimeDelta::days(days(self.plan.settings.expire_days));
        alert.times < FLAPPING_TIMES || clean >= FLAPPING_CLEAN_DAYS || day.is_some_and(|day| day < long_ago)
    }

    fn tell(&self, event: AlertEvent, alert: Alert, wanted: bool) -> Transition {
        let muted = self.mute(&alert).filter(|_| wanted).map(Mute::words);
        let notified = wanted && muted.is_none();
        let notified_at = if notified { Some(self.now) } else { alert.notified_at };
        Transition { event, alert: Alert { notified_at, ..alert }, notified, muted }
    }

    /// The silence over it that ends last.
    fn mute(&self, alert: &Alert) -> Option<&Mute> {
        self.mutes.iter().filter(|mute| mute.covers(alert, self.now)).max_by_key(|mute| mute.until)
    }
}
