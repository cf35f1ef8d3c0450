//! Where a mail goes after its receipt: another folder, away, or nowhere but into the notes.

use super::{Collector, notes::MailFate, poll::MailboxPoll, session::Left, trouble::ImapTrouble};

enum Whereabouts {
    /// In the folder, and to be noted as settled.
    Stays,
    Gone,
    /// In the folder, to be moved at the next look.
    Later,
}

impl Collector {
    /// Puts a mail where it belongs. Until that is done it waits, so that it is not fetched again for it.
    pub(crate) async fn dispose(
        &mut self,
        poll: &mut MailboxPoll<'_>,
        uid: u32,
        fate: MailFate,
    ) -> Result<(), ImapTrouble> {
        self.notes.waiting.insert(uid, fate);
        let whereabouts = if poll.read_only { Whereabouts::Stays } else { self.put(poll, uid, fate).await? };
        match whereabouts {
            Whereabouts::Later => return Ok(()),
            Whereabouts::Gone => {}
            Whereabouts::Stays => {
                let (account, folder) = (&self.key, &self.account.folder);
                let noted = self.memory.settle(account, folder, poll.uid_validity, &[uid]).await;
                noted.map_err(ImapTrouble::Memory)?;
            }
        }
        self.notes.settle(uid);
        Ok(())
    }

    async fn put(&self, poll: &mut MailboxPoll<'_>, uid: u32, fate: MailFate) -> Result<Whereabouts, ImapTrouble> {
        let (folder, flags) = match fate {
            MailFate::Done => (&self.account.done, "\\Seen"),
            MailFate::Ignored => (&self.account.ignored, ""),
            MailFate::Failed => (&self.account.failed, "\\Flagged \\Seen"),
        };
        let left = match folder {
            Some(folder) if poll.blocked.contains(folder) => return Ok(Whereabouts::Later),
            Some(folder) => match poll.session.put(uid, folder).await {
                Err(ImapTrouble::Refused { command, try_create, text }) => {
                    // One refusal is enough for this poll; the mails wait.
                    poll.blocked.insert(folder.clone());
                    let complaint = match try_create {
                        true => poll.session.no_folder(folder, text).await,
                        false => ImapTrouble::Refused { command: format!("{command} to {folder:?}"), try_create, text },
                    };
                    poll.caught.complaint = Some(complaint.to_string());
                    return Ok(Whereabouts::Later);
                }
                left => left?,
            },
            None if fate == MailFate::Done && self.account.delete => poll.session.delete(uid).await?,
            None if flags.is_empty() => return Ok(Whereabouts::Stays),
            None => {
                match poll.session.flag(uid, flags).await {
                    // The mark is a courtesy; what counts is in the notes.
                    Err(ImapTrouble::Refused { text, .. }) => {
                        poll.caught.remark = Some(format!("the server does not let mails be marked: {text}"));
                    }
                    marked => marked?,
                }
                return Ok(Whereabouts::Stays);
            }
        };
        let remark = match left {
            Left::Gone => return Ok(Whereabouts::Gone),
            Left::Marked => "the server cannot remove one mail alone, so mails stay, marked as deleted",
            Left::Kept => "the server does not let mails be removed, so they stay",
        };
        poll.caught.remark = Some(remark.to_owned());
        Ok(Whereabouts::Stays)
    }
}
