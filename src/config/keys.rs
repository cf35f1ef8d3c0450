//! The keys there are, with what their doc comments say of them.

use std::sync::LazyLock;

use super::Config;
use crate::setting::{Field, Kind, Setting};

/// Begins the line of a doc comment that shows a value.
const EXAMPLE: &str = "Example: ";

/// Letters that may differ before a key is taken for another word.
const SLIPS_MAX: usize = 4;

/// One `[section]`, the root first.
#[derive(Debug)]
pub(super) struct ConfigSection {
    /// `""` for the root.
    pub name: &'static str,
    /// `[[name]]`: may stand several times.
    pub repeated: bool,
    pub doc: Vec<&'static str>,
    pub keys: Vec<ConfigKey>,
}

#[derive(Debug)]
pub(super) struct ConfigKey {
    pub name: &'static str,
    pub doc: Vec<&'static str>,
    /// What the `Example:` line says, TOML.
    pub example: Option<&'static str>,
    /// The value is text: an environment variable needs no quotes, even where it looks like a number.
    pub text: bool,
}

/// All sections in the order of `Config`.
pub(super) fn sections() -> &'static [ConfigSection] {
    static SECTIONS: LazyLock<Vec<ConfigSection>> = LazyLock::new(read_sections);
    &SECTIONS
}

pub(super) fn section(name: &str) -> Option<&'static ConfigSection> {
    sections().iter().find(|section| section.name == name)
}

impl ConfigSection {
    pub(super) fn key(&self, name: &str) -> Option<&ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// The known path that an unknown one most probably means. The last segment decides, so that a key in the wrong section
/// is found as well.
pub(super) fn nearest(path: &str) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let known = sections().iter().flat_map(|section| {
        let own = (!section.name.is_empty()).then(|| section.name.to_owned());
        own.into_iter().chain(section.keys.iter().map(|key| section.path(key.name)))
    });
    let tolerated = (last(path).chars().count() / 3).clamp(1, SLIPS_MAX);
    // Where several sections have the very key, the first of them is as good as any.
    let whole = |of_last: usize, candidate: &str| if of_last == 0 { 0 } else { distance(path, candidate) };
    known
        .enumerate()
        .map(|(index, candidate)| (distance(&last(path), &last(&candidate)), index, candidate))
        .filter(|(of_last, _, _)| *of_last <= tolerated)
        .min_by_key(|(of_last, index, candidate)| (*of_last, whole(*of_last, candidate), *index))
        .map(|(_, _, candidate)| candidate)
}

/// Levenshtein's distance in characters. Paths are cut, so that a huge key costs nothing.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(100).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn read_sections() -> Vec<ConfigSection> {
    let Kind::Section { fields, .. } = Config::KIND else { return Vec::new() };
    let mut sections = vec![ConfigSection { name: "", repeated: false, doc: Vec::new(), keys: Vec::new() }];
    let mut root = Vec::new();
    for field in fields {
        match field.kind {
            Kind::Section { doc, fields, repeated } => sections.push(ConfigSection {
                name: field.name,
                repeated,
                doc: trimmed(if field.doc.is_empty() { doc } else { field.doc }).collect(),
                keys: fields.iter().map(key).collect(),
            }),
            Kind::Text | Kind::Value => root.push(key(field)),
        }
    }
    sections[0].keys = root;
    sections
}

fn key(field: &Field) -> ConfigKey {
    ConfigKey {
        name: field.name,
        doc: trimmed(field.doc).filter(|line| !line.starts_with(EXAMPLE)).collect(),
        example: trimmed(field.doc).find_map(|line| line.strip_prefix(EXAMPLE)),
        text: matches!(field.kind, Kind::Text),
    }
}

fn trimmed(doc: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    doc.iter().map(|line| line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_keys_are_those_of_the_structs() {
        let default = toml::Table::try_from(Config::default()).expect("the defaults are TOML");
        for section in sections().iter().filter(|section| !section.repeated) {
            let table = match section.name {
                "" => &default,
                name => default[name].as_table().expect("a section is a table"),
            };
            for name in table.keys() {
                let known = section.key(name).is_some() || (section.name.is_empty() && super::section(name).is_some());
                assert!(known, "`{name}` of [{}] is not known", section.name);
            }
            for key in &section.keys {
                assert!(table.contains_key(key.name) || key.example.is_some(), "{} needs an Example: line", key.name);
                assert!(!key.doc.is_empty(), "{} has no doc comment", section.path(key.name));
            }
        }
        assert!(section("domain").is_some_and(|domain| domain.repeated && domain.key("token_file").is_some()));
        assert!(section("limits").is_some_and(|limits| limits.key("report_wire_max_bytes").is_some()));
    }

    #[test]
    fn a_slip_and_a_wrong_section_are_recognised() {
        assert_eq!(nearest("public.listenn").as_deref(), Some("public.listen"));
        assert_eq!(nearest("listen").as_deref(), Some("public.listen"));
        assert_eq!(nearest("publik").as_deref(), Some("public"));
        assert_eq!(nearest("domains").as_deref(), Some("domain"));
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(&"x".repeat(100_000)), None);
    }
}
