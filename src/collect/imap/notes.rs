//! What is known of the mails in the folder between two looks at it.

use std::collections::{BTreeMap, BTreeSet};

use super::{memory::Memory, trouble::ImapTrouble};

/// Where a mail belongs after its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailFate {
    /// Its reports are stored.
    Done,
    /// It is no TLS report.
    Ignored,
    /// It was quarantined, refused or is too large.
    Failed,
}

/// Notes on one folder under one UIDVALIDITY.
#[derive(Debug, Default)]
pub(super) struct MailboxNotes {
    uid_validity: Option<u32>,
    /// Needs no second look. Those that stay in the folder are in the `Memory` as well.
    pub settled: BTreeSet<u32>,
    /// The receipt is there, but the mail is not yet where it belongs.
    pub waiting: BTreeMap<u32, MailFate>,
    /// The server announced a larger mail than may be read.
    pub oversized: BTreeSet<u32>,
    /// How often a mail could not be fetched. Such mails come last, so that one of them does not keep the others away.
    strikes: BTreeMap<u32, u32>,
}

impl MailboxNotes {
    /// Begins anew where the UIDVALIDITY is another one than before.
    pub(super) async fn enter(
        &mut self,
        memory: &dyn Memory,
        account: &str,
        folder: &str,
        uid_validity: u32,
    ) -> Result<(), ImapTrouble> {
        if self.uid_validity == Some(uid_validity) {
            return Ok(());
        }
        let settled = memory.settled(account, folder, uid_validity).await.map_err(ImapTrouble::Memory)?;
        if let Some(old) = self.uid_validity {
            tracing::info!(
                account,
                folder,
                old,
                new = uid_validity,
                "the mailbox has a new UIDVALIDITY and is read anew"
            );
        }
        *self = MailboxNotes { uid_validity: Some(uid_validity), settled, ..MailboxNotes::default() };
        Ok(())
    }

    /// Forgets the mails that have left the folder.
    pub(super) fn keep_only(&mut self, present: &BTreeSet<u32>) {
        self.settled.retain(|uid| present.contains(uid));
        self.waiting.retain(|uid, _| present.contains(uid));
        self.oversized.retain(|uid| present.contains(uid));
        self.strikes.retain(|uid, _| present.contains(uid));
    }

    /// The mails to be read, in the order to do so.
    pub(super) fn due(&self, present: &BTreeSet<u32>) -> Vec<u32> {
        let known = |uid: &&u32| self.settled.contains(uid) || self.waiting.contains_key(uid);
        let mut due: Vec<u32> = present.iter().filter(|uid| !known(uid)).copied().collect();
        due.sort_by_key(|uid| (self.strikes.get(uid).copied().unwrap_or(0), *uid));
        due
    }

    pub(super) fn strike(&mut self, uid: u32) {
        let strikes = self.strikes.entry(uid).or_default();
        *strikes = strikes.saturating_add(1);
    }

    /// The mail needs no second look.
    pub(super) fn settle(&mut self, uid: u32) {
        self.waiting.remove(&uid);
        self.settled.insert(uid);
    }
}
