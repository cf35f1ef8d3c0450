mod dovecot;
mod fake;
mod hostile;
mod mailbox;
mod secure;
mod serving;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::*;
use crate::{
    config::ClientTls,
    fault::{Fault, FaultCode, FaultPlace},
    health::{ComponentState, Health},
    submission::{Accepting, Busy, Outcome, Receipt, Submission},
};

const LIMIT_BYTES: usize = 1_000;

/// What happened, in its order: `accepted …` here, the commands of a fake server there.
type Log = Arc<Mutex<Vec<String>>>;

/// Judges mail by the words in it, and keeps what it was given.
#[derive(Default)]
struct Judge {
    taken: Mutex<Vec<Submission>>,
    seen: Mutex<BTreeSet<Vec<u8>>>,
    /// Words that the judge puts off.
    busy: Mutex<Option<Busy>>,
    /// The mails with a receipt.
    receipts: Log,
    log: Log,
}

impl Accept for Judge {
    fn accept(&self, submission: Submission) -> Accepting {
        let text = String::from_utf8_lossy(&submission.bytes).into_owned();
        let fault = |code| Fault::new(code, "a test", FaultPlace::Whole);
        let busy = self.busy.lock().unwrap().filter(|_| text.contains("busy"));
        let outcome = match busy {
            Some(busy) => Outcome::Busy(busy),
            None if text.contains("ignored") => Outcome::Ignored(fault(FaultCode::NotTlsrpt)),
            None if text.contains("broken") => {
                Outcome::Quarantined { entry: Uuid::nil(), fault: fault(FaultCode::BadJson) }
            }
            None if self.seen.lock().unwrap().insert(submission.bytes.clone()) => Outcome::Stored(Uuid::nil()),
            None => Outcome::Duplicate(Uuid::nil()),
        };
        self.taken.lock().unwrap().push(submission);
        let (log, receipts) = (Arc::clone(&self.log), Arc::clone(&self.receipts));
        Box::pin(async move {
            // The receipt comes later than the submission, as with a real store.
            tokio::task::yield_now().await;
            log.lock().unwrap().push("accepted".to_owned());
            receipts.lock().unwrap().push(text);
            Receipt::new(vec![outcome])
        })
    }
}

impl Judge {
    /// The mails that were handed on, as text.
    fn texts(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|taken| String::from_utf8_lossy(&taken.bytes).into_owned()).collect()
    }
}

#[derive(Default)]
struct Notebook {
    settled: Mutex<BTreeMap<(String, u32), BTreeSet<u32>>>,
    broken: Mutex<bool>,
}

impl Memory for Notebook {
    fn settled(&self, _: &str, folder: &str, uid_validity: u32) -> BoxFuture<'static, Result<BTreeSet<u32>, String>> {
        let found = self.settled.lock().unwrap().get(&(folder.to_owned(), uid_validity)).cloned();
        Box::pin(async move { Ok(found.unwrap_or_default()) })
    }

    fn settle(&self, _: &str, folder: &str, uid_validity: u32, uids: &[u32]) -> BoxFuture<'static, Result<(), String>> {
        if *self.broken.lock().unwrap() {
            return Box::pin(async { Err("the disk is gone".to_owned()) });
        }
        let mut settled = self.settled.lock().unwrap();
        settled.retain(|(name, validity), _| name != folder || *validity == uid_validity);
        settled.entry((folder.to_owned(), uid_validity)).or_default().extend(uids);
        Box::pin(async { Ok(()) })
    }
}

impl Notebook {
    fn of(&self, folder: &str, uid_validity: u32) -> Vec<u32> {
        let settled = self.settled.lock().unwrap();
        settled.get(&(folder.to_owned(), uid_validity)).into_iter().flatten().copied().collect()
    }
}

/// Everything around a collector, which can be made several times.
#[derive(Default)]
struct World {
    judge: Arc<Judge>,
    notebook: Arc<Notebook>,
    health: HealthRegistry,
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn account(port: u16) -> Imap {
    Imap {
        name: "reports".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: ClientTls::Off,
        user: "user".to_owned(),
        password: Some("secret".to_owned()),
        ..Imap::default()
    }
}

impl World {
    fn collector(&self, account: Imap) -> Collector {
        let (accept, memory) = (Arc::clone(&self.judge) as Arc<dyn Accept>, Arc::clone(&self.notebook));
        let mut collector =
            Collector::new(account, LIMIT_BYTES, accept, memory, Clock::fixed(now()), &self.health).unwrap();
        // A test does not wait between attempts.
        collector.timing.pause = (Duration::ZERO, Duration::ZERO);
        collector
    }

    fn health(&self) -> Health {
        self.health.all().remove(0).1
    }
}
