//! The form that adds a silence: what was typed, and what it says.

use std::collections::BTreeMap;

use actix_web::web::Query;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use minijinja::Value;
use uuid::Uuid;

use crate::{
    alerts::{Alert, AlertRule},
    limits::ALERT_NOTE_MAX_CHARS,
    store::tables::silence::SetSilence,
    templates::fields,
    web::params,
};

/// How long a silence may last; a longer one belongs into the configuration, where it is not forgotten.
const SILENCE_MAX_DAYS: i64 = 366;
/// What the form offers: value, words, hours.
const DURATIONS: [(&str, &str, i64); 5] =
    [("1h", "1 hour", 1), ("8h", "8 hours", 8), ("1d", "1 day", 24), ("1w", "1 week", 168), ("4w", "4 weeks", 672)];
const DURATION_DEFAULT: &str = "1d";
const NAMES: [&str; 8] =
    ["rule", "policy_domain", "organisation", "result_type", "everything", "for", "until", "reason"];

/// What is wrong with one field, for the one who filled it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormProblem {
    pub(crate) field: String,
    pub(crate) detail: String,
}

/// The fields of a form as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Typed(BTreeMap<String, String>);

impl Typed {
    /// Reads the body of a form. Unknown fields are refused: a mistyped scope would silence more than was meant.
    pub(crate) fn read(body: &[u8], names: &[&str]) -> Result<Typed, FormProblem> {
        let unreadable = || problem("body", "it is not a form in percent-encoded UTF-8");
        let text = str::from_utf8(body).map_err(|_| unreadable())?;
        let pairs = Query::<Vec<(String, String)>>::from_query(text).map_err(|_| unreadable())?.into_inner();
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            if !names.contains(&name.as_str()) {
                return Err(problem(&name, format!("there is no such field; there are {}", names.join(", "))));
            }
            let value = value.trim().to_owned();
            if !value.is_empty() && fields.insert(name.clone(), value).is_some() {
                return Err(problem(&name, "it is given twice"));
            }
        }
        Ok(Typed(fields))
    }

    pub(crate) fn silence(body: &[u8]) -> Result<Typed, FormProblem> {
        Typed::read(body, &NAMES)
    }

    /// The form beside an alert, filled with what the alert is about.
    pub(crate) fn about(alert: &Alert) -> Typed {
        let subject = &alert.subject;
        let fields = [
            ("rule", Some(alert.rule.as_str())),
            ("policy_domain", subject.policy_domain.as_deref()),
            ("organisation", subject.organisation.as_deref()),
            ("result_type", subject.result_type.as_deref()),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        Typed(given.collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What the silence is to be, or the first thing that is wrong.
    pub(crate) fn to_silence(&self, now: DateTime<Utc>) -> Result<SetSilence, FormProblem> {
        let owned = |name: &str| self.get(name).map(str::to_owned);
        let rule = match self.get("rule") {
            None => None,
            Some(name) => {
                let known: Vec<&str> = AlertRule::ALL.into_iter().map(AlertRule::as_str).collect();
                let unknown = || problem("rule", format!("`{name}` is not one of {}", known.join(", ")));
                Some(AlertRule::from_name(name).ok_or_else(unknown)?)
            }
        };
        let silence = SetSilence {
            uuid: Uuid::new_v4(),
            rule,
            policy_domain: self.get("policy_domain").map(params::domain),
            organisation: owned("organisation"),
            result_type: owned("result_type"),
            until: self.until(now)?,
            reason: self.note("reason")?.ok_or_else(|| problem("reason", "say why, for whoever finds it"))?,
            added_at: now,
            ended_at: None,
        };
        let scope = [&silence.policy_domain, &silence.organisation, &silence.result_type];
        let is_narrow = silence.rule.is_some() || scope.into_iter().any(Option::is_some);
        match (is_narrow, self.get("everything")) {
            (false, None) => Err(problem(
                "everything",
                "name a rule, domain, organisation or result type, or tick that all are meant",
            )),
            (true, Some(_)) => Err(problem("everything", "it contradicts the other fields: leave it out, or them")),
            _ => Ok(silence),
        }
    }

    /// Text of the operator, bounded.
    pub(crate) fn note(&self, name: &str) -> Result<Option<String>, FormProblem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let characters = text.chars().count();
        if characters > ALERT_NOTE_MAX_CHARS {
            return Err(problem(name, format!("it has {characters} characters, more than {ALERT_NOTE_MAX_CHARS}")));
        }
        Ok(Some(text.to_owned()))
    }

    fn until(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, FormProblem> {
        if let Some(text) = self.get("until") {
            let until = read_moment(text)
                .ok_or_else(|| problem("until", format!("`{text}` is not a time (UTC) like 2026-12-01T08:00")))?;
            let last = now + TimeDelta::days(SILENCE_MAX_DAYS);
            return match until {
                until if until <= now => Err(problem("until", format!("`{text}` is over"))),
                until if until > last => Err(problem("until", format!("it is more than {SILENCE_MAX_DAYS} days away"))),
                until => Ok(until),
            };
        }
        let name = self.get("for").unwrap_or(DURATION_DEFAULT);
        let known = || DURATIONS.map(|(name, ..)| name).join(", ");
        let (.., hours) = DURATIONS
            .into_iter()
            .find(|(known, ..)| *known == name)
            .ok_or_else(|| problem("for", format!("`{name}` is not one of {}", known())))?;
        Ok(now + TimeDelta::hours(hours))
    }

    /// For the template.
    pub(crate) fn shown(&self, problem: Option<&FormProblem>) -> Value {
        let text = |name: &str| self.get(name).unwrap_or_default().to_owned();
        let rules: Vec<&str> = AlertRule::ALL.into_iter().map(AlertRule::as_str).collect();
        let durations: Vec<(&str, &str)> = DURATIONS.map(|(value, words, _)| (value, words)).to_vec();
        fields! {
            rule => text("rule"),
            policy_domain => text("policy_domain"),
            organisation => text("organisation"),
            result_type => text("result_type"),
            everything => self.get("everything").is_some(),
            duration => self.get("for").unwrap_or(DURATION_DEFAULT),
            until => text("until"),
            reason => text("reason"),
            rules, durations,
            wrong => problem.map(|problem| problem.field.clone()),
            detail => problem.map(|problem| problem.detail.clone()),
        }
    }
}

pub(crate) fn problem(field: &str, detail: impl Into<String>) -> FormProblem {
    FormProblem { field: field.to_owned(), detail: detail.into() }
}

/// As browsers send it, or as scripts write it.
fn read_moment(text: &str) -> Option<DateTime<Utc>> {
    let naive = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    naive.map(|naive| naive.and_utc()).or_else(|| super::rules::moment(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T09:00:00Z".parse().expect("a time")
    }

    fn read(body: &str) -> Result<SetSilence, FormProblem> {
        Typed::silence(body.as_bytes())?.to_silence(now())
    }

    #[test]
    fn a_form_becomes_a_silence() {
        let silence = read("rule=dane&policy_domain=B%C3%BCcher.example.&for=8h&reason=key+rollover").expect("valid");
        assert_eq!(
            (silence.rule, silence.policy_domain.as_deref()),
            (Some(AlertRule::Dane), Some("xn--bcher-kva.example"))
        );
        assert_eq!((silence.until, silence.reason.as_str()), (now() + TimeDelta::hours(8), "key rollover"));
        let until = |text: &str| read(&format!("everything=true&reason=x&until={text}")).expect("valid").until;
        assert_eq!(until("2026-11-24T10:30").to_rfc3339(), "2026-11-24T10:30:00+00:00");
        assert_eq!(until("2026-11-24T10:30:00%2B02:00").to_rfc3339(), "2026-11-24T08:30:00+00:00");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, field) in [
            ("rule=dane&for=8h", "reason"),
            ("rule=Dane&reason=x", "rule"),
            ("rule=dane&reason=x&for=9h", "for"),
            ("rule=dane&reason=x&until=tomorrow", "until"),
            ("rule=dane&reason=x&until=2026-11-23T09:00", "until"),
            ("rule=dane&reason=x&until=2028-11-23T09:00", "until"),
            ("reason=x", "everything"),
            ("reason=x&rule=dane&everything=true", "everything"),
            ("reason=x&domain=example.com", "domain"),
            ("reason=x&reason=y&rule=dane", "reason"),
        ] {
            assert_eq!(read(body).expect_err(body).field, field, "{body}");
        }
        let long = format!("rule=dane&reason={}", "x".repeat(ALERT_NOTE_MAX_CHARS + 1));
        assert_eq!(read(&long).expect_err("too long").field, "reason");
    }
}
