//! The commands that are used, on a connection that is logged in.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::{Pin, pin},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    Timing, connect, folder_name, login,
    reply::{Fetched, ImapReply, ReplyWord},
    trouble::ImapTrouble,
    wire::{ImapConnection, REPLY_MAX_BYTES, Stream, UIDS_MAX_BYTES},
};
use crate::config::{ClientTls, Imap};

/// Bytes of a FETCH response besides the mail.
const FETCH_OVERHEAD_BYTES: usize = 64 * 1024;
/// Address translators forget a connection that says nothing for long; RFC 2177 allows 29 minutes.
const IDLE_LONGEST: Duration = Duration::from_secs(9 * 60);

pub(crate) struct ImapSession {
    wire: ImapConnection,
    capabilities: BTreeSet<String>,
    logout: Duration,
}

/// A folder after SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selected {
    pub uid_validity: u32,
    pub read_only: bool,
}

/// What became of a mail that was to leave its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Gone,
    /// It is marked as deleted: the server cannot remove one mail alone.
    Marked,
    /// The server does not even mark it.
    Kept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    Mail,
    Time,
    Stop,
}

/// What a server tells of several mails before they are fetched.
#[derive(Debug, Default)]
pub(crate) struct MailboxFacts {
    pub of: BTreeMap<u32, Fetched>,
    /// An answer made no sense or had no size, so that a mail without facts may still be there.
    pub garbled: bool,
}

impl ImapSession {
    /// Connects, secures the connection and logs in.
    pub(crate) async fn open(account: &Imap, timing: &Timing) -> Result<ImapSession, ImapTrouble> {
        let timeouts = timing.timeouts.command;
        timeout(timeouts, ImapSession::open_within_timeouts(account, timing))
            .await
            .unwrap_or(Err(ImapTrouble::Deadline(timeouts)))
    }

    async fn open_within_timeouts(account: &Imap, timing: &Timing) -> Result<ImapSession, ImapTrouble> {
        let secret = login::secret(account, timing.connect).await?;
        let tcp = connect::connect(account, timing.connect).await?;
        let stream: Stream = match account.tls {
            ClientTls::Implicit => connect::handshake(tcp, account, timing.connect).await?,
            ClientTls::StartTls | ClientTls::Off => Box::new(tcp),
        };
        let mut wire = ImapConnection::new(stream, timing.timeouts);
        let mut known = greeted(&mut wire).await?;
        if account.tls == ClientTls::StartTls {
            // A greeting of PREAUTH leaves no room for STARTTLS (RFC 9051 §11.1): who is in between could send it.
            if known {
                return Err(ImapTrouble::PreAuth);
            }
            wire.run("STARTTLS", |_| {}).await?;
            let stream = connect::handshake(wire.into_stream()?, account, timing.connect).await?;
            wire = ImapConnection::new(stream, timing.timeouts);
            known = false;
        }
        // What was announced before TLS counts for nothing, so it was not asked for (RFC 3501 §6.2.1).
        let mut session = ImapSession { wire, capabilities: BTreeSet::new(), logout: timing.logout };
        session.ask_capabilities().await?;
        if !known {
            let capabilities = &session.capabilities;
            login::log_in(&mut session.wire, &account.user, &secret, |name| capabilities.contains(name)).await?;
            session.ask_capabilities().await?;
        }
        Ok(session)
    }

    /// Opens the folder, anew each time: what is told then is all that is believed.
    pub(crate) async fn select(&mut self, folder: &str) -> Result<Selected, ImapTrouble> {
        self.wire.forget_folder();
        let mut uid_validity = None;
        let command = ["SELECT", &folder_name::quoted(folder)].join(" ");
        let done = self.wire.run(&command, |reply| {
            if let ImapReply::Status(status) = reply {
                let value = status.code_value("UIDVALIDITY").and_then(|value| value.parse().ok());
                uid_validity = value.or(uid_validity);
            }
        });
        match done.await {
            Ok(done) => {
                self.wire.take_news();
                let uid_validity = uid_validity.ok_or_else(|| ImapTrouble::NoUidValidity(folder.to_owned()))?;
                Ok(Selected { uid_validity, read_only: done.code_value("READ-ONLY").is_some() })
            }
            Err(ImapTrouble::Refused { text, .. }) => Err(self.no_folder(folder, text).await),
            Err(error) => Err(error),
        }
    }

    /// A folder is not there, with those that are.
    pub(crate) async fn no_folder(&mut self, folder: &str, text: String) -> ImapTrouble {
        let there = self.folders().await.unwrap_or_default();
        ImapTrouble::Folder { folder: folder.to_owned(), text, there }
    }

    async fn folders(&mut self) -> Result<Vec<String>, ImapTrouble> {
        let mut there = BTreeSet::new();
        let each = |reply| {
            if let ImapReply::Data(data) = reply {
                there.extend(data.listed().map(|name| super::reply::shown(&folder_name::decode(&name))));
            }
        };
        self.wire.run("LIST \"\" \"*\"", each).await?;
        Ok(there.into_iter().collect())
    }

    /// The mails in the folder, without those that somebody marked as deleted.
    pub(crate) async fn search(&mut self) -> Result<BTreeSet<u32>, ImapTrouble> {
        let mut uids = BTreeSet::new();
        let each = |reply| {
            if let ImapReply::Data(data) = reply {
                uids.extend(data.search().into_iter().flatten());
            }
        };
        self.wire.run_within("UID SEARCH UNDELETED", UIDS_MAX_BYTES, each).await?;
        Ok(uids)
    }

    /// Size and date of these mails; one that is gone is left out.
    pub(crate) async fn facts(&mut self, uids: &[u32]) -> Result<MailboxFacts, ImapTrouble> {
        let set: Vec<String> = uids.iter().map(u32::to_string).collect();
        let mut facts = MailboxFacts::default();
        let each = |reply| {
            let ImapReply::Data(data) = reply else { return };
            let is_fetch = data.numbered().is_some_and(|(_, word)| word == "FETCH");
            // Servers tell of changed flags in between, with other UIDs or none.
            match data.fetched() {
                None => facts.garbled |= is_fetch,
                Some(Fetched { uid: Some(uid), size_bytes, .. }) if uids.contains(&uid) && size_bytes.is_none() => {
                    facts.garbled = true;
                }
                Some(fetched) => {
                    if let Some(uid) = fetched.uid.filter(|uid| uids.contains(uid)) {
                        facts.of.insert(uid, fetched);
                    }
                }
            }
        };
        match self.wire.run(&format!("UID FETCH {} (UID RFC822.SIZE INTERNALDATE)", set.join(",")), each).await {
            // Exchange says NO when it cannot read one of them, and tells of the others all the same.
            Err(ImapTrouble::Refused { .. }) if !facts.of.is_empty() => Ok(facts),
            done => done.map(|_| facts),
        }
    }

    /// The whole mail, byte for byte, not marked as seen by that. `None` where the server has none. A mail of more than
    /// `max_bytes` is `Trouble::TooLarge`, after which the connection is of no use.
    pub(crate) async fn body(&mut self, uid: u32, max_bytes: usize) -> Result<Option<Vec<u8>>, ImapTrouble> {
        let mut body = None;
        let each = |reply| {
            let ImapReply::Data(data) = reply else { return };
            if let Some(Fetched { uid: Some(fetched), body: Some(bytes), .. }) = data.fetched()
                && fetched == uid
            {
                body = Some(bytes);
            }
        };
        let reply_max_bytes = max_bytes.saturating_add(FETCH_OVERHEAD_BYTES);
        self.wire.run_within(&format!("UID FETCH {uid} (UID BODY.PEEK[])"), reply_max_bytes, each).await?;
        Ok(body)
    }

    /// Sets flags, such as `\Seen`.
    pub(crate) async fn flag(&mut self, uid: u32, flags: &str) -> Result<(), ImapTrouble> {
        self.wire.run(&format!("UID STORE {uid} +FLAGS.SILENT ({flags})"), |_| {}).await.map(drop)
    }

    /// Moves the mail to another folder, which is not created. A folder that takes no mail is `Trouble::Refused`.
    pub(crate) async fn put(&mut self, uid: u32, folder: &str) -> Result<Left, ImapTrouble> {
        let target = folder_name::quoted(folder);
        if self.can("MOVE") {
            self.wire.run(&format!("UID MOVE {uid} {target}"), |_| {}).await?;
            return Ok(Left::Gone);
        }
        self.wire.run(&format!("UID COPY {uid} {target}"), |_| {}).await?;
        self.delete(uid).await
    }

    /// Removes this one mail. EXPUNGE alone would remove others' as well, so without UIDPLUS (RFC 4315) it stays, marked.
    pub(crate) async fn delete(&mut self, uid: u32) -> Result<Left, ImapTrouble> {
        match self.flag(uid, "\\Deleted").await {
            Err(ImapTrouble::Refused { .. }) => return Ok(Left::Kept),
            marked => marked?,
        }
        if !self.can("UIDPLUS") {
            return Ok(Left::Marked);
        }
        match self.wire.run(&format!("UID EXPUNGE {uid}"), |_| {}).await {
            Err(ImapTrouble::Refused { .. }) => Ok(Left::Marked),
            removed => removed.map(|_| Left::Gone),
        }
    }

    /// Waits for mail, with IDLE where the server has it (RFC 2177), and for no longer than that in any case.
    pub(crate) async fn wait(
        &mut self,
        longest: Duration,
        stop: impl Future<Output = ()>,
    ) -> Result<Woken, ImapTrouble> {
        if self.wire.take_news() {
            return Ok(Woken::Mail);
        }
        let mut stop = pin!(stop);
        if !self.can("IDLE") {
            return Ok(pause(longest, stop).await);
        }
        let tag = self.wire.send("IDLE").await?;
        loop {
            match self.wire.reply(REPLY_MAX_BYTES).await? {
                ImapReply::Continue(_) => break,
                ImapReply::Status(status) if status.tag.as_deref() == Some(tag.as_str()) => {
                    // It has promised what it does not keep: asked at intervals from now on.
                    self.capabilities.remove("IDLE");
                    return Ok(pause(longest, stop).await);
                }
                _ => {}
            }
        }
        let until = Instant::now() + longest.min(IDLE_LONGEST);
        let woken = loop {
            if self.wire.take_news() {
                break Woken::Mail;
            }
            tokio::select! {
                () = &mut stop => break Woken::Stop,
                next = timeout_at(until, self.wire.next(REPLY_MAX_BYTES)) => match next {
                    Ok(reply) => drop(reply?),
                    Err(_) => break Woken::Time,
                },
            }
        };
        self.wire.renew_budget();
        self.wire.send_line("DONE").await?;
        self.wire.finish(&tag, "IDLE", REPLY_MAX_BYTES, |_| {}).await?;
        Ok(if self.wire.take_news() && woken == Woken::Time { Woken::Mail } else { woken })
    }

    /// Says goodbye, without insisting on an answer.
    pub(crate) async fn log_out(mut self) {
        let _ = timeout(self.logout, self.wire.run("LOGOUT", |_| {})).await;
        self.wire.shut_down().await;
    }

    fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    async fn ask_capabilities(&mut self) -> Result<(), ImapTrouble> {
        let mut capabilities = BTreeSet::new();
        let each = |reply| {
            if let ImapReply::Data(data) = reply {
                capabilities.extend(data.capabilities().into_iter().flatten());
            }
        };
        self.wire.run("CAPABILITY", each).await?;
        self.capabilities = capabilities;
        Ok(())
    }
}

async fn pause(longest: Duration, stop: Pin<&mut impl Future<Output = ()>>) -> Woken {
    tokio::select! {
        () = stop => Woken::Stop,
        () = sleep(longest) => Woken::Time,
    }
}

/// Waits for the greeting. True where the server says that we are logged in already.
async fn greeted(wire: &mut ImapConnection) -> Result<bool, ImapTrouble> {
    loop {
        match wire.reply(REPLY_MAX_BYTES).await? {
            ImapReply::Status(status) => match status.word {
                ReplyWord::Ok => return Ok(false),
                ReplyWord::PreAuth => return Ok(true),
                ReplyWord::Bye => return Err(ImapTrouble::Closed(Some(status.text))),
                ReplyWord::No | ReplyWord::Bad => return Err(ImapTrouble::Garbled(status.text)),
            },
            ImapReply::Data(_) => {}
            ImapReply::Continue(text) => return Err(ImapTrouble::Garbled(super::reply::shown(&text))),
        }
    }
}
