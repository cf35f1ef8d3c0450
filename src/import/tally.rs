//! What became of the reports, counted.

use std::collections::BTreeMap;

use super::ImportItem;
use crate::{control::OutcomeWord, submission::ByDomain};

/// Reports, and what is none, by outcome; an input with several reports counts each of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportTally {
    /// Files, or the mails and members in them.
    pub inputs: u64,
    pub stored: u64,
    pub duplicate: u64,
    pub ignored: u64,
    /// Those of them that were looked into, by fault code: mails of another kind.
    pub ignored_mail: BTreeMap<String, u64>,
    /// Mails whose signature cannot be judged now.
    pub deferred: u64,
    /// By fault code.
    pub quarantined: BTreeMap<String, u64>,
    /// By fault code.
    pub refused: BTreeMap<String, u64>,
    /// Those of them that are about domains which are not served.
    pub foreign: ByDomain,
}

impl ImportTally {
    pub fn add(&mut self, item: &ImportItem) {
        self.inputs += 1;
        for reported in &item.outcomes {
            let code = || reported.code.clone().unwrap_or_default();
            match reported.outcome {
                OutcomeWord::Stored => self.stored += 1,
                OutcomeWord::Duplicate => self.duplicate += 1,
                OutcomeWord::Ignored => {
                    self.ignored += 1;
                    if reported.code.is_some() {
                        *self.ignored_mail.entry(code()).or_default() += 1;
                    }
                }
                OutcomeWord::Quarantined => *self.quarantined.entry(code()).or_default() += 1,
                OutcomeWord::Refused => {
                    *self.refused.entry(code()).or_default() += 1;
                    self.foreign.add(&reported.domains);
                }
                // An import ends with any other busy answer and does not count it.
                OutcomeWord::Busy => self.deferred += u64::from(reported.is_deferred()),
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
