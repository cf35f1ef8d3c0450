//! The digest as plain text: lines of at most 76 characters but for addresses, which must not be broken. They stand together at
//! the end, so that what is said can be read in one go.

use super::content::{DigestContent, DigestItem, DigestSection};
use crate::wording;

const WIDTH: usize = 76;
/// Columns of one period in the table of the trend, with the blank before it.
const PERIOD_WIDTH_MIN: usize = 5;
/// A blank at which no line ends. Names of strangers have none.
const GLUE: char = '\u{a0}';

pub(crate) fn write(content: &DigestContent) -> String {
    let mut text = Text::default();
    text.line(&content.title);
    text.line("");
    let verdict = if content.share.is_empty() {
        content.sentence.clone()
    } else {
        format!("{} {}", content.share, content.sentence)
    };
    if content.quiet {
        text.wrapped("", &[std::slice::from_ref(&verdict), &content.more].concat().join(" "));
    } else {
        text.wrapped("", &verdict);
        for sentence in &content.more {
            text.wrapped("", sentence);
        }
    }
    text.line(&content.url);
    if !content.quiet {
        for section in &content.sections {
            text.section(section);
        }
        text.types(content);
        text.trend(content);
        text.proof(content);
        text.addresses();
    }
    text.line("");
    text.line("-- ");
    for sentence in &content.foot {
        text.wrapped("", sentence);
    }
    text.lines
}

#[derive(Default)]
struct Text {
    lines: String,
    /// What the numbers in brackets stand for; the first is 1.
    addresses: Vec<String>,
}

impl Text {
    fn line(&mut self, line: &str) {
        self.lines.push_str(line);
        self.lines.push('\n');
    }

    fn head(&mut self, title: &str) {
        self.line("");
        self.line(&title.to_uppercase());
    }

    fn section(&mut self, section: &DigestSection) {
        self.head(&section.title);
        if !section.note.is_empty() {
            self.wrapped("", &section.note);
        }
        for item in &section.lines {
            self.item(item);
        }
        if let Some(rest) = &section.rest {
            self.item(rest);
        }
    }

    fn item(&mut self, item: &DigestItem) {
        let number = self.number(&item.url);
        self.wrapped("* ", &format!("{}{}{GLUE}[{number}]", item.head, item.text));
        for command in &item.commands {
            self.line(&format!("    {command}"));
        }
        for note in &item.notes {
            self.wrapped("  ", note);
        }
    }

    /// The same address keeps its number.
    fn number(&mut self, url: &str) -> usize {
        if let Some(at) = self.addresses.iter().position(|known| known == url) {
            return at + 1;
        }
        self.addresses.push(url.to_owned());
        self.addresses.len()
    }

    fn types(&mut self, content: &DigestContent) {
        if content.types.is_empty() {
            return;
        }
        self.head("Secure, by policy type");
        let width = content.types.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(11);
        self.line(&format!("{:width$}  {:>12}  {:>8}  {:>8}", "policy type", "sessions", "secure", "before"));
        for row in &content.types {
            let number = self.number(&row.url);
            let (sessions, share, before) = (&row.sessions, &row.share, &row.before);
            self.line(&format!("{:width$}  {sessions:>12}  {share:>8}  {before:>8}  [{number}]", row.name));
        }
    }

    /// As many of the last periods as a line has room for.
    fn trend(&mut self, content: &DigestContent) {
        let trend = &content.trend;
        if trend.labels.len() < 2 || content.types.is_empty() {
            return;
        }
        let rows: Vec<(&str, Vec<String>)> = [("percent secure", trend.labels.clone())]
            .into_iter()
            .chain(
                trend
                    .secure
                    .iter()
                    .map(|(name, shares)| (name.as_str(), shares.iter().map(|share| narrow(share)).collect())),
            )
            .chain([("failed", trend.failed.iter().map(|failed| wording::short(*failed)).collect())])
            .collect();
        let first = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let values = rows.iter().flat_map(|(_, values)| values);
        let wide = values.map(|value| value.chars().count() + 1).max().unwrap_or(0).max(PERIOD_WIDTH_MIN);
        let skipped = trend.labels.len().saturating_sub((WIDTH.saturating_sub(first) / wide).max(1));
        self.line("");
        for (name, values) in rows {
            let values: String = values.iter().skip(skipped).map(|value| format!("{value:>wide$}")).collect();
            self.line(&format!("{name:first$}{values}"));
        }
    }

    fn proof(&mut self, content: &DigestContent) {
        if content.proof.is_empty() {
            return;
        }
        self.head("Reports");
        for item in &content.proof {
            self.item(item);
        }
    }

    fn addresses(&mut self) {
        self.line("");
        for (at, url) in std::mem::take(&mut self.addresses).iter().enumerate() {
            self.line(&format!("[{}] {url}", at + 1));
        }
    }

    /// The first line begins with `lead`, the following ones with as many blanks.
    fn wrapped(&mut self, lead: &str, text: &str) {
        let indent = " ".repeat(lead.chars().count());
        let mut line = lead.to_owned();
        let mut empty = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let length = line.chars().count() + word.chars().count() + usize::from(!empty);
            if !empty && length > WIDTH {
                self.line(&line);
                line.clone_from(&indent);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(&word.replace(GLUE, " "));
            empty = false;
        }
        self.line(&line);
    }
}

/// `99.92` as `99.9`: still not more than it is.
fn narrow(share: &str) -> String {
    match share.split_once('.') {
        Some((whole, tenths)) => format!("{whole}.{}", tenths.get(..1).unwrap_or(tenths)),
        None => share.to_owned(),
    }
}
