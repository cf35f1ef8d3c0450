//! Silences whose times were understood: from the configuration file, or set on the page.

use chrono::{DateTime, Utc};

use super::{Alert, AlertRule, Silence, maintenance::moment, plan::AlertSettingError};

/// Whom nobody wants to hear until when. Parts that are `None` match everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    pub until: DateTime<Utc>,
    pub reason: String,
    pub rule: Option<AlertRule>,
    pub policy_domain: Option<String>,
    /// Organisation key.
    pub organisation: Option<String>,
    pub result_type: Option<String>,
}

impl Silence {
    /// Reads the end. An error names the value that cannot be used.
    pub fn compile(&self) -> Result<Mute, AlertSettingError> {
        Ok(Mute {
            until: moment("until", &Some(self.until.clone()))?,
            reason: self.reason.clone(),
            rule: self.rule,
            policy_domain: self.policy_domain.clone(),
            organisation: self.organisation.clone(),
            result_type: self.result_type.clone(),
        })
    }
}

impl Mute {
    /// Whether it holds now and for this alert. An alert that is not about one organisation or result type is meant where its
    /// evidence has no other.
    pub fn covers(&self, alert: &Alert, now: DateTime<Utc>) -> bool {
        let (subject, evidence) = (&alert.subject, &alert.evidence);
        let only_organisation = match evidence.organisations.as_slice() {
            [one] if evidence.organisations_total <= 1 => Some(&one.key),
            _ => None,
        };
        let only_result_type = match evidence.result_types.as_slice() {
            [one] => Some(one),
            _ => None,
        };
        let same = |wanted: &Option<String>, found: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted))
        };
        now < self.until
            && self.rule.is_none_or(|rule| rule == alert.rule)
            && same(&self.policy_domain, subject.policy_domain.as_ref())
            && same(&self.organisation, subject.organisation.as_ref().or(only_organisation))
            && same(&self.result_type, subject.result_type.as_ref().or(only_result_type))
    }

    /// Why no notification goes out.
    pub fn words(&self) -> String {
        let until = self.until.format("%Y-%m-%d %H:%M UTC");
        if self.reason.is_empty() {
            format!("silenced until {until}")
        } else {
            format!("silenced until {until}: {}", self.reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_is_no_time_is_named() {
        let silence = Silence { until: "2026-12-01".to_owned(), ..Silence::default() };
        assert_eq!(
            silence.compile().unwrap_err().to_string(),
            r#"`until = "2026-12-01"`: not a time with its zone such as 2026-12-01T08:00:00Z"#
        );
        let silence = Silence { until: "2026-12-01T08:00:00+01:00".to_owned(), ..Silence::default() };
        assert_eq!(silence.compile().unwrap().words(), "silenced until 2026-12-01 07:00 UTC");
    }
}
