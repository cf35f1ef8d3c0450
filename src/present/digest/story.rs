//! What a digest tells: sentences, sections of lines with a link behind each, figures of the trend. Neither text nor HTML.

use serde::Serialize;

use super::{Addressee, sections};
use crate::{
    present::{
        filters,
        week::{self, Figures, Phase},
        words,
    },
    query::shares::Sessions,
};

/// Policy types with a line of their own.
const TYPES_SHOWN: usize = 4;
const DOMAINS_NAMED: usize = 5;

#[derive(Debug, Serialize)]
pub(super) struct Story {
    pub(super) subject: String,
    /// `Week 47, 16–22 Nov 2026`.
    pub(super) title: String,
    /// `98.7 %`, or empty.
    pub(super) share: String,
    /// The verdict; goes on after the share where there is one.
    pub(super) sentence: String,
    pub(super) fine: bool,
    pub(super) more: Vec<String>,
    /// One line is all there is to say.
    pub(super) quiet: bool,
    pub(super) sections: Vec<Section>,
    pub(super) types: Vec<Type>,
    /// The same numbers as the pictures, for who does not see them.
    pub(super) trend_words: String,
    pub(super) failed_words: String,
    /// How many reports, from whom, how complete.
    pub(super) proof: Vec<Item>,
    /// The page that says the same.
    pub(super) url: String,
    pub(super) foot: Vec<String>,
}

/// Lines under one head, most important first.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) alarming: bool,
    pub(super) note: String,
    pub(super) lines: Vec<Item>,
    /// What is not listed, and where it is.
    pub(super) rest: Option<Item>,
}

#[derive(Debug, Serialize)]
pub(super) struct Item {
    /// Who or what.
    pub(super) head: String,
    /// What about it, with its numbers; follows the head without a blank.
    pub(super) text: String,
    /// Smaller print: what it means.
    pub(super) notes: Vec<String>,
    pub(super) url: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Type {
    pub(super) name: String,
    pub(super) sessions: String,
    pub(super) share: String,
    pub(super) before: String,
    pub(super) url: String,
}

/// Makes addresses that lead to the pages.
pub(super) struct Links<'a> {
    pub(super) figures: &'a Figures,
    pub(super) base_url: &'a str,
}

impl Links<'_> {
    /// A page about the period, with what else is asked of it.
    pub(super) fn to(&self, path: &str, more: &[(&str, &str)]) -> String {
        self.within(self.figures.filter.range, path, more)
    }

    /// The same about other days.
    pub(super) fn within(&self, range: crate::query::Range, path: &str, more: &[(&str, &str)]) -> String {
        let (from, to) = (range.first().to_string(), range.last().to_string());
        let trust = self.figures.filter.trust.as_deref();
        let pairs = [("from", from.as_str()), ("to", to.as_str())]
            .into_iter()
            .chain(more.iter().copied())
            .chain(trust.map(|trust| ("trust", trust)));
        format!("{}{}", self.base_url, filters::address(path, pairs))
    }

    pub(super) fn page(&self) -> String {
        let path = format!("/weeks/{}", self.figures.period.name());
        let trust = self.figures.filter.trust.as_deref();
        format!("{}{}", self.base_url, filters::address(&path, trust.map(|trust| ("trust", trust)).into_iter()))
    }
}

pub(super) fn tell(figures: &Figures, addressee: &Addressee) -> Story {
    let links = Links { figures, base_url: &addressee.base_url };
    let verdict = week::verdict(figures);
    let sections = sections::sections(figures, &links);
    let quiet = figures.is_quiet() && figures.reported.reports > 0 && figures.phase == Phase::Over;
    let title = figures.period.title();
    Story {
        subject: subject(figures, addressee),
        share: verdict.share,
        sentence: verdict.sentence,
        fine: verdict.fine,
        more: verdict.more,
        quiet,
        types: types(figures, &links),
        trend_words: trend_words(figures),
        failed_words: failed_words(figures),
        proof: sections::proof(figures, &links),
        url: links.page(),
        foot: foot(addressee, figures),
        sections,
        title,
    }
}

/// What matters most, first, and short: it is read in a list.
fn subject(figures: &Figures, addressee: &Addressee) -> String {
    let of = match addressee.policy_domains.as_slice() {
        [one] => format!("{one}, "),
        _ => String::new(),
    };
    let title = figures.period.title();
    let once = figures.shares.once;
    let mut domains: Vec<String> = figures.ongoing_outages().map(|outage| outage.policy_domain.clone()).collect();
    domains.sort();
    domains.dedup();
    let what = match (domains.as_slice(), once) {
        _ if figures.reported.reports == 0 => "no TLS reports".to_owned(),
        ([], Sessions { failed: 0, .. }) => "TLS all secure".to_owned(),
        ([], once) => format!("TLS {} secure", words::share_cut(once.successful, once.total())),
        ([one], _) => format!("MTA-STS policy of {one} cannot be fetched"),
        (several, _) => format!("{} MTA-STS policies cannot be fetched", several.len()),
    };
    let new = match figures.pairs.totals.new {
        0 => String::new(),
        _ if figures.is_first() => String::new(),
        new => format!(", {}", words::counted(new, "new failure", "new failures")),
    };
    format!("{what}{new} – {of}{title}")
}

fn types(figures: &Figures, links: &Links<'_>) -> Vec<Type> {
    let row = |(name, sessions): &(String, Sessions)| {
        let before = figures.shares_before.by_policy_type.iter().find(|(other, _)| other == name);
        Type {
            name: filters::visible(name).into_owned(),
            sessions: words::thousands(sessions.total()),
            share: words::share_cut(sessions.successful, sessions.total()),
            before: before.map_or("–".to_owned(), |(_, before)| words::share_cut(before.successful, before.total())),
            url: links.to("/reports", &[("policy_type", name)]),
        }
    };
    figures.shares.by_policy_type.iter().take(TYPES_SHOWN).map(row).collect()
}

/// Policy type and its secure share in each period of the trend.
pub(super) fn shares(figures: &Figures) -> Vec<(String, Vec<Option<f64>>)> {
    let share = |sessions: &Sessions| match sessions.total() {
        0 => None,
        total => Some(sessions.successful as f64 / total as f64),
    };
    figures
        .trend
        .by_policy_type
        .iter()
        .take(TYPES_SHOWN)
        .map(|(name, row)| (filters::visible(name).into_owned(), row.iter().map(share).collect()))
        .collect()
}

fn trend_words(figures: &Figures) -> String {
    let rows = figures.trend.by_policy_type.iter().take(TYPES_SHOWN).map(|(name, row)| {
        let shares: Vec<String> = row
            .iter()
            .map(|sessions| words::share_cut(sessions.successful, sessions.total()).replace(" %", ""))
            .collect();
        format!("{} {}", filters::visible(name), shares.join(" "))
    });
    rows.collect::<Vec<_>>().join("; ")
}

fn failed_words(figures: &Figures) -> String {
    let counts = figures.trend.once.iter().map(|sessions| words::thousands(sessions.failed));
    counts.collect::<Vec<_>>().join(" ")
}

fn foot(addressee: &Addressee, figures: &Figures) -> Vec<String> {
    let domains = match addressee.policy_domains.len() {
        0 => "all policy domains".to_owned(),
        _ => words::listed(&addressee.policy_domains, DOMAINS_NAMED),
    };
    let reports = match figures.filter.trust.as_deref() {
        Some("trusted") => "reports that not just anybody can have sent (dkim, token, import)".to_owned(),
        Some(trust) => format!("reports of the trust {trust}"),
        None => "all reports, also those anybody can have posted".to_owned(),
    };
    let origin = match &addressee.name {
        Some(name) => {
            format!("Sent by tlsight as the digest “{name}”; its recipients and times are in the configuration.")
        }
        None => "Sent by tlsight, because somebody asked for it by hand.".to_owned(),
    };
    vec![format!("About {domains}, from {reports}. Days are UTC, as in the reports."), origin]
}
