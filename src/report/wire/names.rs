//! The member names of RFC 8460 §4.4 and how senders vary them.

use crate::report::{Deviation, json::Name, notes::Notes};

/// Names of one object's members.
pub(super) type Table<M> = &'static [(&'static str, M, Spelling)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Standard,
    /// Another name that senders use and the RFC's own text suggests (its schema's placeholders): taken without a word.
    Variant,
    /// Another name, noted.
    Alias,
}

/// The member of this name, and whether the name is the proper one. Without an exact match, case is ignored and `_` taken
/// for `-`.
pub(super) fn find<M: Copy>(table: Table<M>, name: &Name<'_>, notes: &mut Notes) -> Option<(M, bool)> {
    let text = name.text.as_ref();
    let exact = table.iter().find(|(known, ..)| *known == text);
    let (_, member, spelling) = exact.or_else(|| table.iter().find(|(known, ..)| is_folded(text, known)))?;
    if exact.is_none() || *spelling == Spelling::Alias {
        notes.add(Deviation::KeyAlias, name.at);
    }
    Some((*member, exact.is_some() && *spelling == Spelling::Standard))
}

fn is_folded(text: &str, known: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    text.len() == known.len() && text.bytes().map(fold).eq(known.bytes())
}
