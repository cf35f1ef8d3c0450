//! Reports from mailboxes, read over IMAP4rev1 (RFC 3501): one task for each account.
//!
//! ```text
//! connect     TCP, TLS or STARTTLS (RFC 8314)
//!   └ login        password, or access token by XOAUTH2
//!       └ poll         new mails: fetch, hand on ── Accept ── then move, mark or note
//!           └ wait           IDLE (RFC 2177), or a look every `poll_s`
//! ```
//!
//! The client is our own: `async-imap` makes room for any literal up to 512 MiB as soon as it is announced, takes a lost
//! connection or a NO in the middle of SEARCH, FETCH and STORE for their end, and its parser panics on `INTERNALDATE NIL`.

mod backoff;
mod check;
mod connect;
mod dispose;
mod folder_name;
mod kept;
mod login;
mod memory;
mod notes;
mod poll;
mod reply;
mod session;
mod trouble;
mod wire;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{sync::watch, task::JoinHandle};

pub use check::check;
pub use kept::KeptResponse;
pub use memory::Memory;
pub use poll::Caught;
pub use trouble::ImapTrouble;

use crate::{
    clock::Clock,
    config::Imap,
    health::{Component, HealthRegistry},
    submission::Accept,
    tls::{self, AuthoritiesError},
};
use backoff::ImapBackoff;
use notes::MailboxNotes;
use session::{ImapSession, Woken};
use wire::ImapTimeouts;

/// How long a mailbox may take to stop before it is left alone. Nothing is lost by that.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Reads one mailbox.
pub struct Collector {
    account: Imap,
    /// What the notes on this mailbox go by: another mailbox under the same name begins anew.
    key: String,
    mail_wire_max_bytes: usize,
    accept: Arc<dyn Accept>,
    memory: Arc<dyn Memory>,
    clock: Clock,
    part: Component,
    notes: MailboxNotes,
    timing: Timing,
}

/// The mailbox at work. Dropping it ends the work as `stop` does, without waiting for it.
pub struct RunningImap {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// How long things may take, and how long is waited in between.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    /// For a name, a connection, a handshake or a token.
    connect: Duration,
    timeouts: ImapTimeouts,
    logout: Duration,
    /// The first pause after a failure, and the longest.
    pause: (Duration, Duration),
    /// Between two looks at the folder, whatever the server tells.
    poll: Duration,
}

/// Why an account cannot be read. Each says what to set.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    #[error("`host` of the mailbox {name}: {reason}")]
    Host { name: String, reason: String },
    #[error("the mailbox {name}: {reason}")]
    Authorities { name: String, reason: AuthoritiesError },
}

/// Tells whether to stop.
#[derive(Debug, Clone)]
pub(crate) struct ImapStop(watch::Receiver<bool>);

impl Collector {
    /// Looks at what can be known without the network. `mail_wire_max_bytes` is the largest mail that is read.
    pub fn new(
        account: Imap,
        mail_wire_max_bytes: usize,
        accept: Arc<dyn Accept>,
        memory: Arc<dyn Memory>,
        clock: Clock,
        health: &HealthRegistry,
    ) -> Result<Collector, ImapError> {
        let name = || account.name.clone();
        connect::server_name(&account.host).map_err(|reason| ImapError::Host { name: name(), reason })?;
        if let Some(ca) = &account.ca {
            tls::read_authorities(ca).map_err(|reason| ImapError::Authorities { name: name(), reason })?;
        }
        let key = format!("{} {}@{}:{}", account.name, account.user, account.host, connect::port(&account));
        let part = health.part(format!("imap {}", account.name));
        let (notes, timing) = (MailboxNotes::default(), Timing::new(Duration::from_secs(account.poll_s.max(1))));
        Ok(Collector { account, key, mail_wire_max_bytes, accept, memory, clock, part, notes, timing })
    }

    /// Begins to read, in a task of its own.
    pub fn start(self) -> RunningImap {
        let (sender, receiver) = watch::channel(false);
        let (part, clock) = (self.part.clone(), self.clock.clone());
        let task = tokio::spawn(async move {
            if AssertUnwindSafe(self.run(ImapStop(receiver))).catch_unwind().await.is_err() {
                part.failing(clock.now(), "a bug ended the reading; restart the server to read on");
            }
        });
        RunningImap { stop: sender, task }
    }

    /// Connects and takes what is there, once.
    pub async fn step(&mut self) -> Result<Caught, ImapTrouble> {
        let (_sender, receiver) = watch::channel(false);
        let mut session = ImapSession::open(&self.account, &self.timing).await?;
        let caught = self.catch_up(&mut session, &ImapStop(receiver)).await?;
        session.log_out().await;
        Ok(caught)
    }

    async fn run(mut self, mut stop: ImapStop) {
        self.part.starting(format!("connecting to {}", connect::place(&self.account)));
        let mut backoff = ImapBackoff::new(self.timing.pause);
        let mut reported = String::new();
        loop {
            let opened = tokio::select! {
                () = stop.wait() => return,
                opened = ImapSession::open(&self.account, &self.timing) => opened,
            };
            let attended = match opened {
                Ok(session) => self.attend(session, &mut stop, &mut backoff, &mut reported).await,
                Err(trouble) => Err(trouble),
            };
            match attended {
                Ok(()) => return,
                Err(trouble) => self.failing(trouble.to_string(), &mut reported),
            }
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
    }

    /// Takes mail over one connection until it fails. Ends well only when told to stop.
    async fn attend(
        &mut self,
        mut session: ImapSession,
        stop: &mut ImapStop,
        backoff: &mut ImapBackoff,
        reported: &mut String,
    ) -> Result<(), ImapTrouble> {
        loop {
            let caught = match self.catch_up(&mut session, stop).await {
                Ok(caught) => caught,
                Err(trouble) => {
                    // Where only the store has failed the server deserves a goodbye.
                    if let ImapTrouble::Busy(_) | ImapTrouble::Memory(_) = trouble {
                        session.log_out().await;
                    }
                    return Err(trouble);
                }
            };
            backoff.reset();
            self.tell(caught, reported);
            if stop.is_set() || session.wait(self.timing.poll, stop.wait()).await? == Woken::Stop {
                session.log_out().await;
                return Ok(());
            }
        }
    }

    fn tell(&self, caught: Caught, reported: &mut String) {
        match (caught.complaint, caught.remark) {
            (Some(complaint), _) => self.failing(complaint, reported),
            (None, remark) => {
                let remark = remark.map(|remark| format!("; {remark}")).unwrap_or_default();
                self.part.well(self.clock.now(), format!("waiting for mail, {} settled{remark}", caught.settled));
                if !std::mem::take(reported).is_empty() {
                    tracing::info!(account = self.account.name, "the mailbox is read again");
                }
            }
        }
    }

    /// The same trouble is logged once, however often it comes in a row.
    fn failing(&self, words: String, reported: &mut String) {
        if *reported != words {
            tracing::warn!(account = self.account.name, trouble = words, "the mailbox cannot be read as configured");
            reported.clone_from(&words);
        }
        self.part.failing(self.clock.now(), words);
    }
}

impl RunningImap {
    /// Finishes the mail at hand, says goodbye to the server and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_DEADLINE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl ImapStop {
    fn is_set(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Resolves when it is time to stop.
    async fn wait(&mut self) {
        // An error says that nobody is left who could tell, which comes to the same.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Timing {
    fn new(poll: Duration) -> Timing {
        Timing {
            connect: Duration::from_secs(30),
            timeouts: ImapTimeouts { silence: Duration::from_secs(60), command: Duration::from_secs(600) },
            logout: Duration::from_secs(3),
            pause: (Duration::from_secs(1), Duration::from_secs(300)),
            poll,
        }
    }
}

#[cfg(test)]
mod tests;
