//! A Maildir that is watched: mail that is delivered to `new` is handed on and moved to `cur`, with the flag that tells a
//! person who opens the mailbox what became of it. Nothing is deleted.
//!
//! The directory is looked at every few seconds. A mail is moved after its receipt only, so that after a crash it is taken
//! again and recognised. Nobody else may move mail out of `new`: what a mail program has opened is not seen here any more.

mod spool;

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    io,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;

use crate::{
    backoff::doubled,
    clock::Clock,
    config,
    health::{Component, HealthRegistry},
    submission::{Accept, Busy, Channel, Hints, MAIL, Outcome, Receipt, Submission},
    text::visible_path,
};
use spool::{Read, Spool, SpoolFile};

/// The longest pause while nothing can be read or stored.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// When a mail whose key cannot be looked up is tried again; doubled each time.
const KEY_PAUSE_MIN: Duration = Duration::from_secs(60);
const KEY_PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// One watched Maildir.
pub struct Watch {
    spool: Arc<Spool>,
    poll: Duration,
    accept: Arc<dyn Accept>,
    clock: Clock,
    part: Component,
    /// Mails that stay in `new` although they were looked at, by name.
    held: BTreeMap<OsString, Held>,
    /// Looks in a row that ended because nothing can be read or stored.
    stalled: u32,
    /// What was last told of as wrong, so that it is logged once.
    trouble: Option<String>,
    stopping: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Held {
    /// Its outcome is known, and it could not be moved.
    Judged(&'static str),
    /// The key of its signature could not be looked up.
    Later { at: DateTime<Utc>, pause: Duration },
}

/// What one look at the directory came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaildirLook {
    /// Mails that were moved to `cur`.
    pub moved: usize,
    /// Mails that stay in `new`.
    pub waiting: usize,
    /// When to look again.
    pub pause: Duration,
}

/// A Maildir that is watched until it is stopped.
pub struct Watching {
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Touches nothing yet: a directory that is missing may come.
    pub fn open(
        config: &config::Maildir,
        mail_wire_max_bytes: usize,
        accept: Arc<dyn Accept>,
        clock: Clock,
        health: &HealthRegistry,
    ) -> Watch {
        Watch {
            part: health.part(format!("maildir {}", visible_path(&config.path))),
            spool: Arc::new(Spool { path: config.path.clone(), mail_max_bytes: mail_wire_max_bytes }),
            poll: Duration::from_secs(config.poll_s),
            accept,
            clock,
            held: BTreeMap::new(),
            stalled: 0,
            trouble: None,
            stopping: watch::Sender::new(false),
        }
    }

    /// Looks again and again. Needs a tokio runtime.
    pub fn start(mut self) -> Watching {
        let stopping = self.stopping.clone();
        let mut stopped = stopping.subscribe();
        let task = tokio::spawn(async move {
            loop {
                let MaildirLook { pause, .. } = self.look().await;
                tokio::select! {
                    biased;
                    _ = stopped.wait_for(|stop| *stop) => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
        Watching { stopping, task }
    }

    /// Takes what lies in `new`, in the order of the names, which begin with the time of delivery.
    pub async fn look(&mut self) -> MaildirLook {
        let names = self.on_disk(Spool::list).await;
        self.look_at(names).await
    }

    async fn look_at(&mut self, names: io::Result<Vec<OsString>>) -> MaildirLook {
        let mut scan = SpoolScan::default();
        match names {
            Ok(names) => self.take(names, &mut scan).await,
            Err(error) => {
                scan.trouble = Some(format!("{} cannot be read: {error}", visible_path(&self.spool.incoming())))
            }
        }
        self.stalled = if scan.halt.is_some() { self.stalled.saturating_add(1) } else { 0 };
        self.tell(&scan);
        MaildirLook { moved: scan.moved, waiting: scan.waiting, pause: self.pause() }
    }

    async fn take(&mut self, names: Vec<OsString>, scan: &mut SpoolScan) {
        // What is no longer there was moved by somebody else.
        self.held.retain(|name, _| names.binary_search(name).is_ok());
        let now = self.clock.now();
        let (mut due, mut judged) = (VecDeque::new(), Vec::new());
        for name in names {
            match self.held.get(&name) {
                Some(Held::Judged(flags)) => judged.push((name, *flags)),
                Some(Held::Later { at, .. }) if *at > now => scan.waiting += 1,
                Some(Held::Later { .. }) | None => due.push_back(name),
            }
        }
        self.settle(judged, scan).await;
        while !due.is_empty() && scan.halt.is_none() && !*self.stopping.borrow() {
            let (read, rest) = self.on_disk(move |spool| spool.read(due)).await;
            due = rest;
            let judged = self.judge(read, scan).await;
            self.settle(judged, scan).await;
        }
        scan.waiting += due.len();
    }

    /// Hands some mails on at once, so that they share a commit, and says which flags their outcomes earn.
    async fn judge(&mut self, found: Vec<SpoolFile>, scan: &mut SpoolScan) -> Vec<(OsString, &'static str)> {
        let mut judged = Vec::new();
        let mut accepting = Vec::new();
        for SpoolFile { name, read } in found {
            match read {
                Read::Mail { bytes, modified } => {
                    let submission = self.submission(&name, bytes, modified);
                    let receipt = self.accept.accept(submission);
                    accepting.push(async move { (name, receipt.await) });
                }
                Read::Gone => {}
                Read::Trouble(error) => {
                    scan.waiting += 1;
                    scan.halt = Some(format!("mail cannot be read: {error}"));
                }
                Read::Fault(fault) => {
                    let path = visible_path(&self.spool.incoming().join(&name));
                    tracing::warn!(path, reason = %fault.detail, "a mail is not read and moved to cur, flagged");
                    self.part.count(&Receipt::new(vec![Outcome::Refused(fault)]));
                    judged.push((name, spool::FLAGGED));
                }
            }
        }
        for (name, receipt) in join_all(accepting).await {
            self.part.count(&receipt);
            match receipt.overall() {
                Outcome::Stored(_) | Outcome::Duplicate(_) => judged.push((name, spool::SEEN)),
                Outcome::Ignored(_) => judged.push((name, spool::UNSEEN)),
                Outcome::Quarantined { .. } | Outcome::Refused(_) => judged.push((name, spool::FLAGGED)),
                Outcome::Busy(Busy::KeyLookup) => {
                    scan.waiting += 1;
                    self.defer(name);
                }
                Outcome::Busy(busy) => {
                    scan.waiting += 1;
                    scan.halt = Some(busy.to_string());
                }
            }
        }
        judged
    }

    fn submission(&self, name: &OsString, bytes: Vec<u8>, modified: Option<DateTime<Utc>>) -> Submission {
        let now = self.clock.now();
        Submission {
            bytes,
            channel: Channel::Maildir,
            peer: None,
            received_at: now,
            hints: Hints {
                media_type: Some(MAIL.to_owned()),
                source: Some(visible_path(&self.spool.incoming().join(name))),
                // A time to come is nobody's delivery.
                mailed_at: modified.filter(|at| *at <= now),
                ..Hints::default()
            },
        }
    }

    fn defer(&mut self, name: OsString) {
        let pause = match self.held.get(&name) {
            Some(Held::Later { pause, .. }) => pause.saturating_mul(2).min(KEY_PAUSE_MAX),
            _ => KEY_PAUSE_MIN,
        };
        let at = self.clock.now() + TimeDelta::from_std(jittered(pause)).unwrap_or_default();
        self.held.insert(name, Held::Later { at, pause });
    }

    /// Moves mails whose outcome is known.
    async fn settle(&mut self, judged: Vec<(OsString, &'static str)>, scan: &mut SpoolScan) {
        if judged.is_empty() {
            return;
        }
        let settled = self.on_disk(move |spool| {
            let settle = |(name, flags): (OsString, &'static str)| {
                let moved = spool.settle(&name, flags);
                (name, flags, moved)
            };
            judged.into_iter().map(settle).collect::<Vec<_>>()
        });
        for (name, flags, moved) in settled.await {
            match moved {
                Ok(()) => {
                    self.held.remove(&name);
                    scan.moved += 1;
                }
                Err(error) => {
                    scan.waiting += 1;
                    scan.trouble = Some(format!("mail cannot be moved to cur: {error}"));
                    self.held.insert(name, Held::Judged(flags));
                }
            }
        }
    }

    async fn on_disk<R: Send + 'static>(&self, work: impl FnOnce(&Spool) -> R + Send + 'static) -> R {
        let spool = Arc::clone(&self.spool);
        match tokio::task::spawn_blocking(move || work(&spool)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime goes down, and this task with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    fn tell(&mut self, scan: &SpoolScan) {
        let now = self.clock.now();
        let waiting = scan.waiting;
        let trouble = scan.halt.as_ref().or(scan.trouble.as_ref()).cloned();
        match &trouble {
            Some(trouble) => {
                if self.trouble.as_ref() != Some(trouble) {
                    let path = visible_path(&self.spool.path);
                    tracing::warn!(path, reason = trouble, mails = waiting, "mail stays in a Maildir");
                }
                self.part.failing(now, format!("{trouble}; mails that wait: {waiting}"));
            }
            None if waiting > 0 => self.part.well(now, format!("{}; mails that wait: {waiting}", Busy::KeyLookup)),
            None => self.part.well(now, format!("looked at every {} s", self.poll.as_secs())),
        }
        self.trouble = trouble;
    }

    fn pause(&self) -> Duration {
        match self.stalled {
            0 => self.poll,
            times => jittered(doubled(self.poll, times, PAUSE_MAX.max(self.poll))),
        }
    }
}

impl Watching {
    /// Returns when the mails under way have their receipts.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the watch of a Maildir ended early");
        }
    }
}

/// What happened in one look.
#[derive(Default)]
struct SpoolScan {
    moved: usize,
    waiting: usize,
    /// Why nothing can be read or stored now.
    halt: Option<String>,
    trouble: Option<String>,
}

/// Between three quarters and the whole of it, so that many that wait for the same do not come at once.
fn jittered(pause: Duration) -> Duration {
    let random = u32::from(Uuid::new_v4().as_bytes()[0]);
    pause - pause / 4 * random / 255
}

#[cfg(test)]
mod tests;
