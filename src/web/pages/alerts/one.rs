//! One alert: what it says, what to do about it, its evidence, what happened to it, and the two forms.

use chrono::{Datelike, NaiveDate};
use minijinja::{Value, context};
use uuid::Uuid;

use super::{
    form::{FormProblem, Typed},
    row, silences,
};
use crate::{
    alerts::{Alert, AlertEvent, AlertEvidence, rules::definition, sentence, words::of_rule},
    explain::result_types,
    share,
    store::tables::{
        alert::{self, Happened},
        silence,
    },
    templates::fields,
    web::{
        Site,
        answer::Fail,
        layout::{self, Badges},
        pages::report::read_uuid,
        params,
    },
    wording,
};

pub(crate) async fn show(site: &Site, path: &str, query_string: &str) -> Result<String, Fail> {
    let uuid = read_uuid(path)?;
    let asked = params::parse(query_string, params::AFTER_ACTION, site.today())?;
    render(site, uuid, &Typed::default(), None, done(asked.done.as_deref())).await
}

/// The page with the note as it was typed, and what is wrong with it.
pub(crate) async fn render(
    site: &Site,
    uuid: Uuid,
    typed: &Typed,
    problem: Option<&FormProblem>,
    done: Option<&'static str>,
) -> Result<String, Fail> {
    let (found, history, set, badges) = site
        .store()
        .read(move |connection| {
            let found = alert::alert(connection, uuid)?;
            let history = alert::history(connection, uuid)?;
            Ok((found, history, silence::silences(connection)?, Badges::ask(connection)?))
        })
        .await?;
    let alert = found.ok_or_else(|| Fail::NotFound(format!("there is no alert {uuid}")))?;
    let (rules, now) = (&site.rules, site.clock.now());
    let hosts = hosts(&alert, site);
    let silenced = silences::covering(&set, rules, &alert, now);
    let content = fields! {
        done,
        sentence => sentence(&alert),
        meaning => definition(alert.rule).meaning(),
        domain => alert.subject.policy_domain.clone(),
        mx_host => alert.subject.mx_host.clone(),
        mx_hosts => hosts.clone(),
        organisation => alert.subject.organisation.clone(),
        result_type => alert.subject.result_type.clone(),
        part => alert.subject.part.clone(),
        result_types => alert.evidence.result_types.clone(),
        reasons => alert.evidence.reasons.clone(),
        detail => alert.evidence.detail.clone(),
        baseline => alert.evidence.baseline.map(share::failed_fraction),
        share => (alert.evidence.sessions > 0).then(|| share::failed(alert.evidence.failed, alert.evidence.sessions)),
        first_day => alert.evidence.first_day,
        last_day => alert.evidence.last_day,
        clear_day => alert.evidence.clear_day,
        claimed_clear_day => alert.evidence.claimed_clear_day,
        last_seen_at => alert.evidence.last_seen_at,
        unheard => alert.evidence.unheard,
        joined => alert.notified_at.is_some_and(|notified_at| notified_at < alert.fired_at),
        week => alert.evidence.first_day.map(week),
        silenced,
        has_channels => !rules.channels.is_empty(),
        note => note(typed, problem, &alert),
        wrong => problem.map(|problem| problem.detail.clone()),
    };
    let parts = context! {
        alert => row::row(&alert),
        advice => advice(&alert, &hosts, site),
        affected => affected(&alert),
        history => timeline(&history),
        form => Typed::about(&alert).shown(None),
    };
    let shell = layout::without_filter(site, "/alerts", badges);
    Ok(site.templates.render("alert.html", context! { ..content, ..parts, ..shell })?)
}

/// As it was typed where that was wrong, or as it stands.
fn note<'a>(typed: &'a Typed, problem: Option<&FormProblem>, alert: &'a Alert) -> &'a str {
    let stands = if problem.is_none() { alert.acknowledgement.as_deref() } else { None };
    typed.get("note").or(stands).unwrap_or_default()
}

/// By result type what happened and what to do, each command once; for alerts about no result type what the rule itself advises.
fn advice(alert: &Alert, hosts: &[String], site: &Site) -> Vec<Value> {
    let domain = alert.subject.policy_domain.as_deref();
    let mut shown: Vec<String> = Vec::new();
    let known = alert.evidence.result_types.iter().filter_map(|name| result_types::find(name));
    let by_type: Vec<Value> = known
        .map(|known| {
            let mut commands = result_types::commands(known, domain, hosts);
            let in_words = result_types::in_words(known, domain, hosts);
            commands.retain(|command| !shown.contains(command));
            shown.extend(commands.iter().cloned());
            fields! {
                name => known.name,
                happened => known.happened,
                todo => known.todo.iter().copied().chain(in_words).collect::<Vec<_>>(),
                commands,
            }
        })
        .collect();
    if !by_type.is_empty() {
        return by_type;
    }
    let served = &site.pipeline.served().domains;
    let (todo, commands) = of_rule(alert.rule, domain.or_else(|| served.keys().next().map(String::as_str)));
    vec![fields! { name => "", happened => "", todo, commands }]
}

/// The MX hosts to look at: those of the alert, else those configured for its policy domain, else the policy domain where it is
/// an MX host itself. Alerts from before hosts were kept have none of their own.
fn hosts(alert: &Alert, site: &Site) -> Vec<String> {
    let served = &site.pipeline.served().domains;
    let named = alert.hosts().to_vec();
    let Some(domain) = alert.subject.policy_domain.as_ref().filter(|_| named.is_empty()) else { return named };
    if served.values().any(|hosts| hosts.contains(domain)) {
        return vec![domain.clone()];
    }
    served.get(domain).into_iter().flatten().take(result_types::HOSTS_MAX).cloned().collect()
}

fn affected(alert: &Alert) -> Vec<Value> {
    let row = |affected: &crate::alerts::Affected| {
        fields! {
            key => affected.key.clone(),
            name => affected.name.clone(),
            failed => affected.failed,
            first_day => affected.first_day,
            last_day => affected.last_day,
            clear_day => affected.clear_day,
            behind => row::behind(alert, Some(&affected.key)),
        }
    };
    alert.evidence.organisations.iter().map(row).collect()
}

/// Oldest first, each with how the evidence had grown since the one before.
fn timeline(history: &[Happened]) -> Vec<Value> {
    let mut before: Option<&AlertEvidence> = None;
    let mut rows = Vec::new();
    for happened in history {
        let is_note = happened.event == AlertEvent::Acknowledged;
        rows.push(fields! {
            at => happened.at,
            event => happened.event.as_str(),
            words => event_words(happened.event),
            taken_over_by => happened.evidence.taken_over_by.map(|rule| rule.as_str()),
            notified => happened.notified,
            muted => happened.muted.clone().filter(|_| !is_note),
            note => happened.muted.clone().filter(|_| is_note),
            is_note,
            evidence => (!is_note).then(|| evidence_words(&happened.evidence, before)).flatten(),
        });
        before = Some(&happened.evidence);
    }
    rows
}

fn event_words(event: AlertEvent) -> &'static str {
    match event {
        AlertEvent::Fired => "Fired",
        AlertEvent::Reopened => "Came back",
        AlertEvent::Reminded => "Still there",
        AlertEvent::Resolved => "Resolved",
        AlertEvent::Expired => "Expired: no report came any more that could tell",
        AlertEvent::TakenOver => "Taken over",
        AlertEvent::Acknowledged => "Acknowledged",
    }
}

/// `812 sessions of 2 organisations, 19–21 Nov 2026; 400 more than before`.
fn evidence_words(evidence: &AlertEvidence, before: Option<&AlertEvidence>) -> Option<String> {
    let mut parts = Vec::new();
    if evidence.failed > 0 {
        let of = match evidence.organisations_total {
            0 => String::new(),
            total => format!(" of {}", wording::counted(total.cast_signed(), "organisation", "organisations")),
        };
        parts.push(format!("{}{of}", wording::counted(evidence.failed, "failed session", "failed sessions")));
    }
    if let Some(day) = evidence.clear_day {
        parts.push(format!("clean on {}", wording::day_with_year(day)));
    } else if let (Some(first), Some(last)) = (evidence.first_day, evidence.last_day)
        && let Some(range) = crate::query::Range::new(first, last)
    {
        parts.push(wording::range(range));
    }
    if parts.is_empty() {
        parts.extend(evidence.detail.clone());
    }
    let grown = before.map_or(0, |before| evidence.failed.saturating_sub(before.failed));
    let grown = (grown > 0).then(|| format!("; {} more than before", wording::thousands(grown)));
    (!parts.is_empty()).then(|| parts.join(", ") + &grown.unwrap_or_default())
}

/// `2026-W47`.
fn week(day: NaiveDate) -> String {
    let week = day.iso_week();
    format!("{}-W{:02}", week.year(), week.week())
}

fn done(done: Option<&str>) -> Option<&'static str> {
    match done? {
        "acknowledged" => {
            Some("It is acknowledged: you are not reminded of it any more. You are notified when it is over.")
        }
        "over" => Some("It was over already, so there was nothing to acknowledge."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evidence_says_how_it_grew() {
        let day = |text: &str| text.parse().ok();
        let first = AlertEvidence {
            failed: 412,
            organisations_total: 1,
            first_day: day("2026-11-19"),
            last_day: day("2026-11-19"),
            ..AlertEvidence::default()
        };
        let second =
            AlertEvidence { failed: 812, organisations_total: 2, last_day: day("2026-11-21"), ..first.clone() };
        assert_eq!(
            evidence_words(&first, None).as_deref(),
            Some("412 failed sessions of 1 organisation, Thu 19 Nov 2026")
        );
        assert_eq!(
            evidence_words(&second, Some(&first)).as_deref(),
            Some("812 failed sessions of 2 organisations, 19–21 Nov 2026; 400 more than before")
        );
        let over = AlertEvidence { clear_day: day("2026-11-22"), ..second.clone() };
        assert_eq!(
            evidence_words(&over, Some(&second)).as_deref(),
            Some("812 failed sessions of 2 organisations, clean on Sun 22 Nov 2026")
        );
        assert_eq!(evidence_words(&AlertEvidence::default(), None), None);
    }

    #[test]
    fn a_week_is_that_of_its_iso_year() {
        assert_eq!(week("2027-01-03".parse().expect("a date")), "2026-W53");
    }
}
