//! What a digest tells: sentences, sections of lines with a link behind each, figures of the trend. Neither text nor HTML.

use serde::Serialize;

use super::{DigestRecipient, sections};
use crate::{
    links,
    period::{Period, PeriodKind, Phase},
    query::{Range, shares::Sessions, week::PeriodFigures},
    share,
    submission::{Trust, TrustFilter},
    summary,
    text::visible_lines,
    wording,
};

/// Policy types with a line of their own.
const TYPES_SHOWN: usize = 4;
const DOMAINS_NAMED: usize = 5;
/// Characters.
const NAME_MAX: usize = 72;
const QUOTE_MAX: usize = 240;
const SENTENCE_MAX: usize = 600;
const SUBJECT_DOMAIN_MAX: usize = 48;

#[derive(Debug, Serialize)]
pub(crate) struct DigestContent {
    pub(crate) subject: String,
    /// `Week 47, 16–22 Nov 2026`.
    pub(crate) title: String,
    /// `day`, `week`, `month`.
    pub(crate) unit: &'static str,
    /// `98.7 %`, or empty.
    pub(crate) share: String,
    /// The verdict; goes on after the share where there is one.
    pub(crate) sentence: String,
    pub(crate) fine: bool,
    pub(crate) more: Vec<String>,
    /// One line is all there is to say.
    pub(crate) quiet: bool,
    pub(crate) sections: Vec<DigestSection>,
    pub(crate) types: Vec<Type>,
    /// What the pictures show, as a table for the text part.
    pub(crate) trend: DigestTrend,
    /// The same numbers for who does not see the pictures.
    pub(crate) trend_words: String,
    pub(crate) failed_words: String,
    /// How many reports, from whom, how complete.
    pub(crate) proof: Vec<DigestItem>,
    /// The page that says the same.
    pub(crate) url: String,
    pub(crate) foot: Vec<String>,
}

/// Lines under one head, most important first.
#[derive(Debug, Serialize)]
pub(crate) struct DigestSection {
    pub(crate) title: String,
    pub(crate) alarming: bool,
    pub(crate) note: String,
    pub(crate) lines: Vec<DigestItem>,
    /// What is not listed, and where it is.
    pub(crate) rest: Option<DigestItem>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct DigestItem {
    /// Who or what.
    pub(crate) head: String,
    /// What about it, with its numbers; follows the head without a blank.
    pub(crate) text: String,
    /// To copy, a line each.
    pub(crate) commands: Vec<String>,
    /// Smaller print: what it means.
    pub(crate) notes: Vec<String>,
    pub(crate) url: String,
}

/// A value for each period, oldest first; the rows have as many as there are labels.
#[derive(Debug, Default, Serialize)]
pub(crate) struct DigestTrend {
    pub(crate) labels: Vec<String>,
    /// Policy type and its secure share in percent.
    pub(crate) secure: Vec<(String, Vec<String>)>,
    pub(crate) failed: Vec<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) sessions: String,
    pub(crate) share: String,
    pub(crate) before: String,
    pub(crate) url: String,
}

/// Makes addresses that lead to the pages.
pub(crate) struct Links<'a> {
    pub(crate) figures: &'a PeriodFigures,
    pub(crate) base_url: &'a str,
    /// The pages can be asked about one domain, not about a set.
    policy_domain: Option<&'a str>,
}

impl Links<'_> {
    /// A page about the period, with what else is asked of it.
    pub(crate) fn to(&self, path: &str, more: &[(&str, &str)]) -> String {
        self.within(self.figures.period, path, more)
    }

    /// The same about another period.
    pub(crate) fn within(&self, period: Period, path: &str, more: &[(&str, &str)]) -> String {
        match period.kind() {
            PeriodKind::Week => self.address(path, vec![("week".to_owned(), period.name())], more),
            PeriodKind::Day | PeriodKind::Month => self.over(period.range(), path, more),
        }
    }

    /// The same about any days.
    pub(crate) fn over(&self, range: Range, path: &str, more: &[(&str, &str)]) -> String {
        if self.figures.period.kind() == PeriodKind::Week && range == self.figures.period.range() {
            return self.to(path, more);
        }
        let days = vec![("from".to_owned(), range.first().to_string()), ("to".to_owned(), range.last().to_string())];
        self.address(path, days, more)
    }

    /// The page that tells what the digest tells: of days and months it is the overview.
    pub(crate) fn page(&self) -> String {
        let period = self.figures.period;
        match period.kind() {
            PeriodKind::Week => self.address(&format!("/weeks/{}", period.name()), Vec::new(), &[]),
            PeriodKind::Day | PeriodKind::Month => self.to("/", &[]),
        }
    }

    fn address(&self, path: &str, days: Vec<(String, String)>, more: &[(&str, &str)]) -> String {
        let names_a_domain = more.iter().any(|(name, _)| *name == "policy_domain");
        let domain = self.policy_domain.filter(|_| !names_a_domain).map(|domain| ("policy_domain", domain));
        let names_a_trust = more.iter().any(|(name, _)| *name == "trust");
        let trust = self.figures.filter.trust;
        let trust = (trust != TrustFilter::Counted && !names_a_trust).then(|| ("trust", trust.as_str()));
        let days = days.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs = days.chain(domain).chain(more.iter().copied()).chain(trust);
        format!("{}{}", self.base_url, links::address(path, pairs))
    }
}

/// A name of a stranger: nothing in it is hidden, and it is not longer than a line.
pub(crate) fn shown(name: &str) -> String {
    cut(name, NAME_MAX)
}

/// A sentence of a stranger, or one with several of their names in it.
pub(crate) fn quoted(text: &str) -> String {
    cut(text, QUOTE_MAX)
}

/// One line of at most so many characters.
fn cut(text: &str, characters_max: usize) -> String {
    let visible = visible_lines(text);
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

pub(crate) fn tell(figures: &PeriodFigures, digest_recipient: &DigestRecipient) -> DigestContent {
    let policy_domain = match digest_recipient.policy_domains.as_slice() {
        [one] => Some(one.as_str()),
        _ => None,
    };
    let links = Links { figures, base_url: &digest_recipient.base_url, policy_domain };
    let mut verdict = summary::verdict::verdict(figures, wording::Dates::Iso);
    if figures.reported.reports == 0 && !digest_recipient.policy_domains.is_empty() {
        // How much is here of other domains is not for this reader.
        let domains = wording::listed(&digest_recipient.policy_domains, DOMAINS_NAMED);
        verdict.sentence = format!("No report about {domains} covers {}.", figures.period.iso_title());
        verdict.more.clear();
    }
    // Names of strangers stand in them.
    let sentence = cut(&verdict.sentence, SENTENCE_MAX);
    let more = verdict.more.iter().map(|sentence| cut(sentence, SENTENCE_MAX)).collect();
    let sections = sections::sections(figures, digest_recipient, &links);
    let quiet = figures.is_quiet() && figures.reported.reports > 0 && figures.phase == Phase::Over;
    let (title, trend) = (figures.period.iso_title(), trend(figures));
    let mut content = DigestContent {
        subject: subject(figures, digest_recipient),
        share: verdict.share,
        sentence,
        fine: verdict.fine,
        more,
        quiet,
        types: types(figures, &links),
        trend_words: trend
            .secure
            .iter()
            .map(|(name, shares)| format!("{name} {}", shares.join(" ")))
            .collect::<Vec<_>>()
            .join("; "),
        failed_words: trend.failed.iter().map(|failed| wording::thousands(*failed)).collect::<Vec<_>>().join(" "),
        trend,
        proof: sections::proof(figures, digest_recipient, &links),
        url: links.page(),
        foot: foot(digest_recipient, figures),
        sections,
        title,
        unit: figures.period.kind().as_str(),
    };
    content.keep_shares_together();
    content
}

impl DigestContent {
    /// A number and its percent sign stay on one line.
    fn keep_shares_together(&mut self) {
        let sections = self.sections.iter_mut().flat_map(|section| &mut section.lines).map(|line| &mut line.text);
        for text in sections.chain(&mut self.more).chain([&mut self.share, &mut self.sentence]) {
            *text = text.replace(" %", "\u{a0}%");
        }
    }
}

/// What matters most, first, and short: it is read in a list.
fn subject(figures: &PeriodFigures, digest_recipient: &DigestRecipient) -> String {
    let once = figures.shares.once;
    let ongoing = figures.outages.totals.policy_domains_ongoing;
    let domain = figures.outages.rows.iter().find(|outage| outage.ongoing).map(|outage| outage.policy_domain.as_str());
    let domain = domain.filter(|_| ongoing == 1);
    let what = match (ongoing, once) {
        _ if figures.reported.reports == 0 => "No TLS reports".to_owned(),
        (0, once) if once.total() == 0 => "TLS reports without sessions".to_owned(),
        (0, Sessions { failed: 0, .. }) => "TLS all secure".to_owned(),
        (0, once) => format!("TLS {} secure", share::secure(once.successful, once.total())),
        (several, _) => match domain {
            Some(domain) => format!("MTA-STS policy of {} cannot be fetched", cut(domain, SUBJECT_DOMAIN_MAX)),
            None => format!("{} MTA-STS policies cannot be fetched", wording::thousands(several)),
        },
    };
    // Beside a policy that cannot be fetched there is room for one thing more.
    let room = if ongoing == 0 { 2 } else { 1 };
    let subject: String =
        [what].into_iter().chain(movement(figures).into_iter().take(room)).collect::<Vec<_>>().join(", ");
    let of = match digest_recipient.policy_domains.as_slice() {
        // Said already.
        [one] if domain != Some(one.as_str()) => format!("{}, ", cut(one, SUBJECT_DOMAIN_MAX)),
        _ => String::new(),
    };
    format!("{subject} – {of}{}", figures.period.name())
}

/// What changed, in a few words each, most important first.
fn movement(figures: &PeriodFigures) -> Vec<String> {
    let (totals, silent) = (figures.pairs.totals, figures.silent.total);
    if figures.reported.reports == 0 {
        return Vec::new();
    }
    let new =
        (totals.new > 0 && !figures.is_first()).then(|| wording::counted(totals.new, "new failure", "new failures"));
    let resolved = (totals.resolved > 0).then(|| format!("{} resolved", wording::thousands(totals.resolved)));
    let silent = (silent > 0).then(|| wording::counted(silent, "sender silent", "senders silent"));
    [new, resolved, silent].into_iter().flatten().collect()
}

fn types(figures: &PeriodFigures, links: &Links<'_>) -> Vec<Type> {
    let row = |(name, sessions): &(String, Sessions)| {
        let before = figures.shares_before.by_policy_type.iter().find(|(other, _)| other == name);
        Type {
            name: shown(name),
            sessions: wording::thousands(sessions.total()),
            share: share::secure(sessions.successful, sessions.total()),
            before: before.map_or("–".to_owned(), |(_, before)| share::secure(before.successful, before.total())),
            url: links.to("/reports", &[("policy_type", name)]),
        }
    };
    figures.shares.by_policy_type.iter().take(TYPES_SHOWN).map(row).collect()
}

/// Policy type and its secure share in each period of the trend.
pub(crate) fn shares(figures: &PeriodFigures) -> Vec<(String, Vec<Option<f64>>)> {
    let share = |sessions: &Sessions| match sessions.total() {
        0 => None,
        total => Some(sessions.successful as f64 / total as f64),
    };
    figures
        .trend
        .by_policy_type
        .iter()
        .take(TYPES_SHOWN)
        .map(|(name, row)| (shown(name), row.iter().map(share).collect()))
        .collect()
}

/// The periods since the first one with sessions: what was before tells nothing.
fn trend(figures: &PeriodFigures) -> DigestTrend {
    let begun = figures.trend.once.iter().position(|sessions| sessions.total() > 0);
    let Some(begun) = begun else { return DigestTrend::default() };
    let secure = |sessions: &Sessions| share::secure(sessions.successful, sessions.total()).replace(" %", "");
    let rows = figures.trend.by_policy_type.iter().take(TYPES_SHOWN);
    DigestTrend {
        labels: figures.periods.iter().skip(begun).map(|period| period.label()).collect(),
        secure: rows.map(|(name, row)| (shown(name), row.iter().skip(begun).map(secure).collect())).collect(),
        failed: figures.trend.once.iter().skip(begun).map(|sessions| sessions.failed).collect(),
    }
}

fn foot(digest_recipient: &DigestRecipient, figures: &PeriodFigures) -> Vec<String> {
    let domains = match digest_recipient.policy_domains.len() {
        0 => "all policy domains".to_owned(),
        _ => wording::listed(&digest_recipient.policy_domains, DOMAINS_NAMED),
    };
    let filter = &figures.filter;
    let reports = match (filter.trust, filter.least) {
        (TrustFilter::Counted, _) if filter.only_claims => {
            "nothing is proven: whoever posted these reports says who sent them".to_owned()
        }
        (TrustFilter::All, _) | (TrustFilter::Counted, Trust::None) => {
            "all reports count, also those that anybody can post".to_owned()
        }
        (TrustFilter::Trusted, _) | (TrustFilter::Counted, Trust::Import) => {
            "what is proven or imported counts, not what anybody can post".to_owned()
        }
        (TrustFilter::Counted, least) => format!("reports of the trust {} or more count", least.as_str()),
        (TrustFilter::Claimed | TrustFilter::Beside, _) => "only what nobody proved counts".to_owned(),
        (TrustFilter::Exactly(trust), _) => format!("only reports of the trust {} count", trust.as_str()),
    };
    let others = match digest_recipient.policy_domains.len() {
        0 | 1 => "",
        _ => " Pages behind the links may show other policy domains as well.",
    };
    let origin = match &digest_recipient.name {
        Some(name) => {
            format!("Sent by tlsight as the digest “{name}”; its recipients and times are in the configuration.")
        }
        None => "Sent by tlsight, because an operator asked for it.".to_owned(),
    };
    vec![format!("About {domains}; {reports}. Days are UTC, as in the reports.{others}"), origin]
}
