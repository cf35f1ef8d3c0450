//! Digests: what one is about, by its configuration, and the letter.

use anyhow::{Context, bail};
use chrono::NaiveDate;
use duckdb::Connection;

use crate::{
    config::{Config, Digest},
    notice::Letter,
    present::{
        digest::{Addressee, Press},
        week::{Figures, Kind, Period},
    },
    query::Filter,
    schedule::Cadence,
};

/// A digest ready to be asked for.
#[derive(Debug, Clone)]
pub struct Edition {
    /// As configured; `None` for one asked for by hand.
    pub name: Option<String>,
    pub to: Vec<String>,
    pub policy_domains: Vec<String>,
    /// As in a filter: `None` counts all reports.
    pub trust: Option<String>,
    pub kind: Kind,
}

impl Edition {
    /// `digest` as `Config::digests` gives it.
    pub fn of(digest: &Digest) -> Edition {
        Edition {
            name: Some(digest.name().to_owned()),
            to: digest.to.clone(),
            policy_domains: digest.policy_domains.clone(),
            trust: Some(digest.trust.clone()).filter(|trust| trust != "all"),
            kind: kind(digest.cadence),
        }
    }

    /// One about everything, for whoever asks.
    pub fn by_hand(kind: Kind, to: Vec<String>) -> Edition {
        Edition { name: None, to, policy_domains: Vec::new(), trust: Some("trusted".to_owned()), kind }
    }

    /// Asks the store and writes the letter. `today` is the UTC day.
    pub fn letter(
        &self,
        connection: &Connection,
        press: &Press,
        base_url: &str,
        period: Period,
        today: NaiveDate,
    ) -> anyhow::Result<Letter> {
        let filter = Filter {
            policy_domains: Some(self.policy_domains.clone()).filter(|domains| !domains.is_empty()),
            trust: self.trust.clone(),
            ..Filter::new(period.range())
        };
        let figures = Figures::ask(connection, &filter, period, today)?;
        let addressee = Addressee {
            name: self.name.clone(),
            policy_domains: self.policy_domains.clone(),
            base_url: base_url.to_owned(),
        };
        press.letter(&figures, &addressee).context("cannot write the digest")
    }
}

/// The editions an order means: the one of this name; all of the period's kind; or one about everything where `to` is given or
/// none is configured.
pub fn editions(
    config: &Config,
    name: Option<&str>,
    kind: Option<Kind>,
    to: &[String],
) -> anyhow::Result<Vec<Edition>> {
    let digests = config.digests()?;
    let mut found: Vec<Edition> = match name {
        Some(name) => {
            let named = digests.iter().find(|digest| digest.name() == name);
            let known: Vec<&str> = digests.iter().map(Digest::name).collect();
            match named {
                Some(digest) => vec![Edition::of(digest)],
                None if known.is_empty() => bail!("no digest {name:?}: no [[digest]] is configured"),
                None => bail!("no digest {name:?} is configured; there are {}", known.join(", ")),
            }
        }
        None if !to.is_empty() => Vec::new(),
        None => {
            let wanted = kind.unwrap_or(Kind::Week);
            digests.iter().map(Edition::of).filter(|edition| edition.kind == wanted).collect()
        }
    };
    if found.is_empty() {
        found.push(Edition::by_hand(kind.unwrap_or(Kind::Week), Vec::new()));
    }
    if !to.is_empty() {
        found.iter_mut().for_each(|edition| edition.to = to.to_vec());
    }
    Ok(found)
}

pub fn kind(cadence: Cadence) -> Kind {
    match cadence {
        Cadence::Daily => Kind::Day,
        Cadence::Weekly => Kind::Week,
        Cadence::Monthly => Kind::Month,
    }
}
