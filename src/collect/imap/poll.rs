//! One look at the folder: what is new is fetched, handed on and, after its receipt, put where it belongs.
//!
//! Nothing is moved, marked or noted before the receipt, which means committed. A crash in between costs a second look, and the
//! store knows the report again.

use std::collections::BTreeSet;

use super::{
    Collector, ImapStop,
    notes::MailFate,
    reply::Fetched,
    session::{ImapSession, MailboxFacts},
    trouble::ImapTrouble,
};
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    submission::{Busy, Channel, Hints, MAIL, Outcome, Receipt, Submission},
};

/// Mails whose size and date are asked for at once.
const FACTS_PER_COMMAND: usize = 50;

/// How the folder stands after a look at it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caught {
    /// Mails in the folder that need no second look.
    pub settled: usize,
    /// Mails that are still to be read, or to be put where they belong.
    pub left: usize,
    /// Works, but not quite as configured.
    pub remark: Option<String>,
    /// Something for the operator to mend. The rest of the mail is taken all the same.
    pub complaint: Option<String>,
}

/// What is true for one poll.
pub(crate) struct MailboxPoll<'a> {
    pub session: &'a mut ImapSession,
    pub uid_validity: u32,
    pub read_only: bool,
    /// Folders that took no mail in this poll.
    pub blocked: BTreeSet<String>,
    pub caught: Caught,
}

impl Collector {
    /// Takes what is new. Ends early, between two mails, when `stop` says so.
    pub(crate) async fn catch_up(&mut self, session: &mut ImapSession, stop: &ImapStop) -> Result<Caught, ImapTrouble> {
        let selected = session.select(&self.account.folder).await?;
        let (memory, folder) = (self.memory.as_ref(), &self.account.folder);
        self.notes.enter(memory, &self.key, folder, selected.uid_validity).await?;
        let present = session.search().await?;
        self.notes.keep_only(&present);
        let (uid_validity, read_only) = (selected.uid_validity, selected.read_only);
        let mut poll =
            MailboxPoll { session, uid_validity, read_only, blocked: BTreeSet::new(), caught: Caught::default() };
        if read_only {
            poll.caught.remark = Some("the folder is read-only, so nothing is moved or marked".to_owned());
        }
        for (uid, fate) in self.notes.waiting.clone() {
            if stop.is_set() {
                break;
            }
            self.dispose(&mut poll, uid, fate).await?;
        }
        let due = self.notes.due(&present);
        if !due.is_empty() {
            self.part.well(self.clock.now(), format!("reading {} mails", due.len()));
        }
        for uids in due.chunks(FACTS_PER_COMMAND) {
            if stop.is_set() {
                break;
            }
            let facts = poll.session.facts(uids).await?;
            self.take_batch(&mut poll, uids, facts, stop).await?;
        }
        let settled = self.notes.settled.intersection(&present).count();
        Ok(Caught { settled, left: self.notes.due(&present).len() + self.notes.waiting.len(), ..poll.caught })
    }

    async fn take_batch(
        &mut self,
        poll: &mut MailboxPoll<'_>,
        uids: &[u32],
        mut facts: MailboxFacts,
        stop: &ImapStop,
    ) -> Result<(), ImapTrouble> {
        for uid in uids {
            if stop.is_set() {
                break;
            }
            match facts.of.remove(uid) {
                Some(facts) => self.take(poll, *uid, facts).await?,
                None if facts.garbled => self.not_fetched(poll, *uid, "the server tells no size that makes sense")?,
                // It has gone in the meantime.
                None => {}
            }
        }
        Ok(())
    }

    async fn take(&mut self, poll: &mut MailboxPoll<'_>, uid: u32, facts: Fetched) -> Result<(), ImapTrouble> {
        let max_bytes = self.mail_wire_max_bytes;
        let size_bytes = facts.size_bytes.unwrap_or(0);
        if self.notes.oversized.contains(&uid) || size_bytes > max_bytes as u64 {
            return self.refuse_large(poll, uid, size_bytes).await;
        }
        let body = match poll.session.body(uid, max_bytes).await {
            Ok(Some(body)) => body,
            Ok(None) => return self.not_fetched(poll, uid, "the server sends something else"),
            Err(ImapTrouble::Refused { text, .. }) => return self.not_fetched(poll, uid, &text),
            Err(error) => {
                // RFC822.SIZE was wrong. The connection is lost with the rest of the mail; next time it is not asked for.
                if let ImapTrouble::TooLarge { .. } = error {
                    self.notes.oversized.insert(uid);
                }
                self.notes.strike(uid);
                return Err(error);
            }
        };
        if body.len() > max_bytes {
            return self.refuse_large(poll, uid, body.len() as u64).await;
        }
        let receipt = self.hand_on(poll.uid_validity, uid, body, facts).await;
        self.part.count(&receipt);
        match receipt.overall() {
            Outcome::Stored(_) | Outcome::Duplicate(_) => self.dispose(poll, uid, MailFate::Done).await,
            Outcome::Ignored(_) => self.dispose(poll, uid, MailFate::Ignored).await,
            Outcome::Quarantined { .. } | Outcome::Refused(_) => self.dispose(poll, uid, MailFate::Failed).await,
            // Tried again at the next look; meanwhile it stays as it is.
            Outcome::Busy(Busy::KeyLookup) => Ok(()),
            Outcome::Busy(busy) => Err(ImapTrouble::Busy(*busy)),
        }
    }

    async fn hand_on(&self, uid_validity: u32, uid: u32, bytes: Vec<u8>, facts: Fetched) -> Receipt {
        let received_at = self.clock.now();
        let hints = Hints {
            media_type: Some(MAIL.to_owned()),
            source: Some(format!("imap {}/{} {uid_validity}/{uid}", self.account.name, self.account.folder)),
            mailed_at: facts.internal_date.filter(|date| *date <= received_at),
            ..Hints::default()
        };
        let submission = Submission { bytes, channel: Channel::Imap, peer: None, received_at, hints };
        self.accept.accept(submission).await
    }

    async fn refuse_large(&mut self, poll: &mut MailboxPoll<'_>, uid: u32, bytes: u64) -> Result<(), ImapTrouble> {
        let max_bytes = self.mail_wire_max_bytes;
        tracing::warn!(account = self.account.name, uid, bytes, max_bytes, "a mail is too large and was not read");
        let detail = format!("the mail has more than {max_bytes} bytes, see `limits.mail_wire_max_bytes`");
        let fault = Fault::new(FaultCode::TooLargeWire, detail, FaultPlace::Whole);
        self.part.count(&Receipt::new(vec![Outcome::Refused(fault)]));
        self.dispose(poll, uid, MailFate::Failed).await
    }

    fn not_fetched(&mut self, poll: &mut MailboxPoll<'_>, uid: u32, why: &str) -> Result<(), ImapTrouble> {
        self.notes.strike(uid);
        poll.caught.complaint = Some(format!("mail {uid} in {:?} cannot be read: {why}", self.account.folder));
        Ok(())
    }
}
