//! Digests: what one is about, by its configuration, and the email.

use anyhow::{Context, bail};
use chrono::NaiveDate;
use duckdb::Connection;

use crate::{
    alerts::notice::Email,
    config::{Config, DigestConfig},
    digest::{DigestRecipient, DigestRenderer},
    period::{Period, PeriodKind},
    query::{Filter, week::PeriodFigures},
    schedule::Cadence,
    submission::{Trust, TrustFilter},
};

/// A digest ready to be asked for.
#[derive(Debug, Clone)]
pub struct Edition {
    /// As configured; `None` for one asked for by hand.
    pub name: Option<String>,
    pub to: Vec<String>,
    pub policy_domains: Vec<String>,
    pub trust: TrustFilter,
    /// What counts by default.
    pub least: Trust,
    pub kind: PeriodKind,
}

impl Edition {
    /// `digest` as `Config::digests` gives it.
    pub fn of(digest: &DigestConfig, least: Trust) -> Edition {
        Edition {
            name: Some(digest.name().to_owned()),
            to: digest.to.clone(),
            policy_domains: digest.policy_domains.clone(),
            trust: digest.trust,
            least,
            kind: kind(digest.cadence),
        }
    }

    /// One about everything, for whoever asks.
    pub fn by_hand(kind: PeriodKind, to: Vec<String>, least: Trust) -> Edition {
        Edition { name: None, to, policy_domains: Vec::new(), trust: TrustFilter::Counted, least, kind }
    }

    /// Asks the store and writes the email. `today` is the UTC day.
    pub fn email(
        &self,
        connection: &Connection,
        renderer: &DigestRenderer,
        base_url: &str,
        period: Period,
        today: NaiveDate,
    ) -> anyhow::Result<Email> {
        let filter = Filter {
            policy_domains: Some(self.policy_domains.clone()).filter(|domains| !domains.is_empty()),
            trust: self.trust,
            least: self.least,
            ..Filter::new(period.range())
        };
        let filter = filter.settled(connection)?;
        let figures = PeriodFigures::ask(connection, &filter, period, today)?;
        let digest_recipient = DigestRecipient {
            name: self.name.clone(),
            policy_domains: self.policy_domains.clone(),
            base_url: base_url.to_owned(),
        };
        renderer.email(&figures, &digest_recipient).context("cannot write the digest")
    }
}

/// What counts by default, as the alerts have it.
pub fn least(config: &Config) -> Trust {
    config.alerts.min_trust
}

/// The editions an order means: the one of this name; all of the period's kind; or one about everything where `to` is given or
/// none is configured.
pub fn editions(
    config: &Config,
    name: Option<&str>,
    kind: Option<PeriodKind>,
    to: &[String],
) -> anyhow::Result<Vec<Edition>> {
    let (digests, least) = (config.digests()?, least(config));
    let mut found: Vec<Edition> = match name {
        Some(name) => {
            let named = digests.iter().find(|digest| digest.name() == name);
            let known: Vec<&str> = digests.iter().map(DigestConfig::name).collect();
            match named {
                Some(digest) => vec![Edition::of(digest, least)],
                None if known.is_empty() => bail!("no digest {name:?}: no [[digest]] is configured"),
                None => bail!("no digest {name:?} is configured; there are {}", known.join(", ")),
            }
        }
        None if !to.is_empty() => Vec::new(),
        None => {
            let wanted = kind.unwrap_or(PeriodKind::Week);
            digests.iter().map(|digest| Edition::of(digest, least)).filter(|edition| edition.kind == wanted).collect()
        }
    };
    if found.is_empty() {
        found.push(Edition::by_hand(kind.unwrap_or(PeriodKind::Week), Vec::new(), least));
    }
    if !to.is_empty() {
        found.iter_mut().for_each(|edition| edition.to = to.to_vec());
    }
    Ok(found)
}

pub fn kind(cadence: Cadence) -> PeriodKind {
    match cadence {
        Cadence::Daily => PeriodKind::Day,
        Cadence::Weekly => PeriodKind::Week,
        Cadence::Monthly => PeriodKind::Month,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tlsight.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&file), &crate::config::Environment::default()).expect("the configuration is valid")
    }

    const TWO: &str = r#"
[[digest]]
to = ["a@example.net"]
policy_domains = ["example.com"]
trust = "all"

[[digest]]
cadence = "monthly"
to = ["b@example.net"]
"#;

    fn found(
        text: &str,
        name: Option<&str>,
        kind: Option<PeriodKind>,
        to: &[&str],
    ) -> Vec<(Option<String>, String, PeriodKind)> {
        let to: Vec<String> = to.iter().map(|address| (*address).to_owned()).collect();
        let found = editions(&config(text), name, kind, &to).unwrap();
        found.into_iter().map(|edition| (edition.name, edition.to.join(" "), edition.kind)).collect()
    }

    #[test]
    fn an_order_means_the_configured_ones_of_its_kind() {
        let named = |name: &str, to: &str, kind| vec![(Some(name.to_owned()), to.to_owned(), kind)];
        let by_hand = |to: &str, kind| vec![(None, to.to_owned(), kind)];
        assert_eq!(found(TWO, None, None, &[]), named("weekly", "a@example.net", PeriodKind::Week));
        assert_eq!(
            found(TWO, None, Some(PeriodKind::Month), &[]),
            named("monthly", "b@example.net", PeriodKind::Month)
        );
        assert_eq!(found(TWO, None, Some(PeriodKind::Day), &[]), by_hand("", PeriodKind::Day));
        assert_eq!(found("", None, None, &[]), by_hand("", PeriodKind::Week));
        // Somebody else gets one about everything, or the named one.
        assert_eq!(found(TWO, None, None, &["c@example.net"]), by_hand("c@example.net", PeriodKind::Week));
        assert_eq!(
            found(TWO, Some("monthly"), None, &["c@example.net"]),
            named("monthly", "c@example.net", PeriodKind::Month)
        );
    }

    #[test]
    fn an_edition_is_about_what_is_configured() {
        let editions = editions(&config(TWO), None, None, &[]).unwrap();
        assert_eq!(
            (editions[0].policy_domains.clone(), editions[0].trust),
            (vec!["example.com".to_owned()], TrustFilter::All)
        );
        let by_hand = Edition::by_hand(PeriodKind::Week, Vec::new(), Trust::Import);
        assert_eq!((by_hand.policy_domains, by_hand.trust), (Vec::new(), TrustFilter::Counted));
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let error = |text| editions(&config(text), Some("daily"), None, &[]).unwrap_err().to_string();
        assert_eq!(error(TWO), "no digest \"daily\" is configured; there are weekly, monthly");
        assert_eq!(error(""), "no digest \"daily\": no [[digest]] is configured");
    }
}
