//! What became of the reports, counted.

use std::collections::BTreeMap;

use super::Item;
use crate::ingest::control::Word;

/// Reports by outcome; a file with several reports counts each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub files: u64,
    pub stored: u64,
    pub duplicate: u64,
    pub ignored: u64,
    /// By fault code.
    pub quarantined: BTreeMap<String, u64>,
    /// By fault code.
    pub refused: BTreeMap<String, u64>,
}

impl Tally {
    pub fn add(&mut self, item: &Item) {
        self.files += 1;
        for told in &item.told {
            let code = || told.code.clone().unwrap_or_default();
            match told.outcome {
                Word::Stored => self.stored += 1,
                Word::Duplicate => self.duplicate += 1,
                Word::Ignored => self.ignored += 1,
                Word::Quarantined => *self.quarantined.entry(code()).or_default() += 1,
                Word::Refused => *self.refused.entry(code()).or_default() += 1,
                // An import ends with the first busy answer and does not count it.
                Word::Busy => {}
            }
        }
    }

    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }

    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Whether the operator has something to look at.
    pub fn has_problems(&self) -> bool {
        !self.quarantined.is_empty() || !self.refused.is_empty()
    }
}
