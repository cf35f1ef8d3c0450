//! Delivers what waits in the outbox: at least once, never again after its success was written down, until it is given up.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};
use uuid::Uuid;

use super::{
    MAIL,
    channel_sender::{ChannelSender, SenderContext},
    drafts::drafts,
    failure::DeliveryFailure,
    mail::Mailer,
    plan::{BusyQueues, DeliveryPolicy, QueueKey, plan, queue_key},
};
use crate::{
    alerts::notice::{Draft, Notice, Payload},
    clock::Clock,
    config::{ChannelKind, Config, ConfigError},
    health::{Component, HealthRegistry},
    limits::NOTIFY_SHUTDOWN_DEADLINE_S,
    store::{
        Store, StoreError,
        tables::outbox::{self, OutboxState, Sent, Waiting},
    },
};

/// The longest wait: a clock that is set is noticed.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The wait where the store cannot be read or written.
const STORE_PAUSE: Duration = Duration::from_secs(30);
/// All mail goes the same way, so it counts as one.
const MAIL_GROUP: &str = "";

/// Takes what is due from the outbox and delivers it.
pub struct Dispatcher {
    store: Store,
    clock: Clock,
    channel_senders: BTreeMap<String, ChannelSender>,
    mailer: Mailer,
    /// Their places on the health page, by channel.
    parts: BTreeMap<String, Component>,
    /// Which channels fail now and why; of mail, for which recipient.
    failing: Mutex<BTreeMap<QueueKey, String>>,
    /// What came of a delivery and could not be written down yet.
    unwritten: Mutex<BTreeMap<Uuid, Result<(), Failed>>>,
    poke: Arc<Notify>,
}

/// A failed attempt as it is written down.
#[derive(Debug, Clone)]
enum Failed {
    TryAgain { words: String, at: DateTime<Utc> },
    GiveUp { words: String },
}

/// What is under way.
#[derive(Default)]
struct InFlight<F> {
    running: FuturesUnordered<F>,
    busy: BusyQueues,
}

struct Ended {
    queue_key: QueueKey,
    group: String,
    written: Result<(), StoreError>,
}

impl Dispatcher {
    /// Checks the configuration and opens every channel; nothing is sent yet. Links lead below `base`.
    pub fn new(
        config: &Config,
        base: &str,
        store: Store,
        clock: Clock,
        health: &HealthRegistry,
    ) -> Result<Dispatcher, ConfigError> {
        let sender_context = SenderContext::of(config, base);
        let mut channel_senders = BTreeMap::new();
        for channel in config.channels()? {
            let channel_sender = ChannelSender::open(channel, &sender_context)?;
            channel_senders.insert(channel_sender.channel.name().to_owned(), channel_sender);
        }
        let by_mail = (!config.digest.is_empty()).then(|| MAIL.to_owned());
        let mut parts = BTreeMap::new();
        for name in channel_senders.keys().cloned().chain(by_mail) {
            let part = health.channel(&name);
            part.starting("nothing was sent since the start");
            parts.insert(name, part);
        }
        Ok(Dispatcher {
            store,
            clock,
            channel_senders,
            mailer: Mailer::of(config)?,
            parts,
            failing: Mutex::default(),
            unwritten: Mutex::default(),
            poke: Arc::default(),
        })
    }

    /// Tells the dispatcher that something was put into the outbox.
    pub fn poke(&self) -> Arc<Notify> {
        Arc::clone(&self.poke)
    }

    /// Delivers until told to stop; what is under way then is given a moment to end.
    pub async fn run(&self, mut stopped: watch::Receiver<bool>) {
        let mut in_flight = InFlight { running: FuturesUnordered::new(), busy: BusyQueues::default() };
        // Nothing is begun before then, as its end could not be written down.
        let mut not_before: Option<Instant> = None;
        loop {
            let pause = match not_before.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(pause) if !pause.is_zero() => pause,
                _ => match self.start(&mut in_flight, |waiting| self.attempt(waiting)).await {
                    Ok(None) => PAUSE_MAX,
                    Ok(Some(next_at)) => (next_at - self.clock.now()).to_std().unwrap_or_default().min(PAUSE_MAX),
                    Err(error) => {
                        tracing::warn!(%error, "the outbox cannot be read: notices wait");
                        STORE_PAUSE
                    }
                },
            };
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                Some(ended) = in_flight.running.next() => {
                    if self.end(&mut in_flight, ended).is_err() {
                        not_before = Some(Instant::now() + STORE_PAUSE);
                    }
                }
                () = self.poke.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let rest = async {
            while let Some(ended) = in_flight.running.next().await {
                let _ = self.end(&mut in_flight, ended);
            }
        };
        // What does not end in time was not written down as delivered, and goes out again after the next start.
        let _ = timeout(Duration::from_secs(NOTIFY_SHUTDOWN_DEADLINE_S), rest).await;
    }

    /// Delivers everything that is due now; ends when nothing is. What failed is due later.
    pub async fn deliver_due(&self) -> Result<(), StoreError> {
        let mut in_flight = InFlight { running: FuturesUnordered::new(), busy: BusyQueues::default() };
        loop {
            self.start(&mut in_flight, |waiting| self.attempt(waiting)).await?;
            let Some(ended) = in_flight.running.next().await else { return Ok(()) };
            if let Err(error) = self.end(&mut in_flight, ended) {
                // The others have begun and are to be written down.
                while let Some(ended) = in_flight.running.next().await {
                    let _ = self.end(&mut in_flight, ended);
                }
                return Err(error);
            }
        }
    }

    /// Delivers notices without the outbox, while it cannot be written: to each channel and recipient that is not in `done`,
    /// where those who have got it are put.
    pub async fn deliver_at_once(&self, notices: &[Notice], done: &mut BTreeSet<QueueKey>) {
        let now = self.clock.now();
        let drafts = self.channel_senders.values().flat_map(|channel_sender| drafts(&channel_sender.channel, notices));
        let deliveries = drafts.filter(|draft| !done.contains(&(draft.channel.clone(), draft.recipient.clone()))).map(
            async |draft: Draft| {
                let Draft { channel, recipient, payload, .. } = draft;
                let (Payload::Notices(notices), Some(channel_sender)) = (payload, self.channel_senders.get(&channel))
                else {
                    return None;
                };
                match channel_sender.deliver(&self.mailer, &notices, &recipient, Uuid::new_v4(), now, now).await {
                    Ok(_) => Some((channel, recipient)),
                    Err(failure) => {
                        tracing::warn!(channel, error = failure.words, "what is urgent was not delivered: tried again");
                        None
                    }
                }
            },
        );
        done.extend(futures_util::future::join_all(deliveries).await.into_iter().flatten());
    }

    /// Begins what can begin now. When there will be more.
    async fn start<F: Future<Output = Ended>>(
        &self,
        in_flight: &mut InFlight<F>,
        attempt: impl Fn(Waiting) -> F,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let waiting = self.store.read(outbox::waiting).await?;
        let plan = plan(waiting, &in_flight.busy, |channel| self.delivery_policy(channel), self.clock.now());
        for waiting in plan.now {
            in_flight.busy.begin(&queue_key(&waiting), &self.delivery_policy(&waiting.channel).group);
            in_flight.running.push(attempt(waiting));
        }
        Ok(plan.next_at)
    }

    fn end<F>(&self, in_flight: &mut InFlight<F>, ended: Ended) -> Result<(), StoreError> {
        in_flight.busy.end(&ended.queue_key, &ended.group);
        if let Err(error) = &ended.written {
            tracing::warn!(%error, channel = ended.queue_key.0, "what came of a notice cannot be written down: it waits");
        }
        ended.written
    }

    fn delivery_policy(&self, channel: &str) -> DeliveryPolicy {
        match self.channel_senders.get(channel).map(|channel_sender| channel_sender.channel.kind) {
            Some(ChannelKind::Mail) => DeliveryPolicy { group: MAIL_GROUP.to_owned(), in_order: false },
            Some(kind) => DeliveryPolicy { group: channel.to_owned(), in_order: kind.traits().keeps_state },
            None if channel == MAIL => DeliveryPolicy { group: MAIL_GROUP.to_owned(), in_order: false },
            None => DeliveryPolicy { group: channel.to_owned(), in_order: false },
        }
    }

    /// One attempt at one entry, written down at once.
    async fn attempt(&self, waiting: Waiting) -> Ended {
        let group = self.delivery_policy(&waiting.channel).group;
        Ended { written: self.attempt_one(&waiting).await, queue_key: queue_key(&waiting), group }
    }

    async fn attempt_one(&self, waiting: &Waiting) -> Result<(), StoreError> {
        let uuid = waiting.uuid;
        let unwritten = lock(&self.unwritten).get(&uuid).cloned();
        if let Some(came) = unwritten {
            return self.write_down(uuid, came).await;
        }
        let sent = match self.store.read(move |conn| outbox::entry(conn, uuid)).await {
            Ok(Some(sent)) if sent.state == OutboxState::Pending => sent,
            Ok(_) => return Ok(()),
            Err(StoreError::Duckdb(duckdb::Error::FromSqlConversionFailure(_, _, error))) => {
                let words = format!("the entry cannot be read: {error}");
                return self.write_down(uuid, Err(Failed::GiveUp { words })).await;
            }
            Err(error) => return Err(error),
        };
        let came = self.deliver(&sent).await.map(drop);
        let now = self.clock.now();
        self.tell_health(&sent, &came, now);
        let came = came.map_err(|failed| match failed {
            None => Failed::GiveUp { words: gone(&sent.channel) },
            Some(failure) => {
                let at = now + failure.pause(sent.attempts, uuid);
                tracing::warn!(
                    channel = sent.channel,
                    attempt = sent.attempts + 1,
                    error = failure.words,
                    given_up = at > sent.give_up_at,
                    "a notice was not delivered"
                );
                Failed::TryAgain { words: failure.words, at }
            }
        });
        self.write_down(uuid, came).await
    }

    /// `Err(None)`: there is no such channel.
    async fn deliver(&self, sent: &Sent) -> Result<String, Option<DeliveryFailure>> {
        let delivered = match (&sent.payload, self.channel_senders.get(&sent.channel)) {
            (Payload::Email(email), _) => {
                self.mailer.send(email, sent.uuid, sent.created_at, &sent.recipient, None).await
            }
            (Payload::Notices(notices), Some(channel_sender)) => {
                let now = self.clock.now();
                channel_sender.deliver(&self.mailer, notices, &sent.recipient, sent.uuid, sent.created_at, now).await
            }
            (Payload::Notices(_), None) => return Err(None),
        };
        delivered.map_err(Some)
    }

    async fn write_down(&self, uuid: Uuid, came: Result<(), Failed>) -> Result<(), StoreError> {
        let now = self.clock.now();
        lock(&self.unwritten).insert(uuid, came.clone());
        let change = move |conn: &duckdb::Connection| match &came {
            Ok(()) => outbox::delivered(conn, uuid, now),
            Err(Failed::TryAgain { words, at }) => outbox::failed(conn, uuid, words, *at, now),
            Err(Failed::GiveUp { words }) => outbox::give_up(conn, uuid, words, now),
        };
        self.store.change(change).await?;
        lock(&self.unwritten).remove(&uuid);
        Ok(())
    }

    fn tell_health(&self, sent: &Sent, came: &Result<(), Option<DeliveryFailure>>, now: DateTime<Utc>) {
        let Some(part) = self.parts.get(&sent.channel) else { return };
        let by_mail = self.delivery_policy(&sent.channel).group == MAIL_GROUP;
        let recipient = if by_mail { sent.recipient.clone() } else { String::new() };
        let mut failing = lock(&self.failing);
        match came {
            Ok(()) | Err(None) => drop(failing.remove(&(sent.channel.clone(), recipient))),
            Err(Some(failure)) => {
                let to = if by_mail { format!("to {recipient}: ") } else { String::new() };
                failing.insert((sent.channel.clone(), recipient), format!("{to}{}", failure.words));
            }
        }
        let words = failing.iter().find(|((channel, _), _)| *channel == sent.channel).map(|(_, words)| words.clone());
        match words {
            Some(words) => part.failing(now, words),
            None => part.well(now, "delivering"),
        }
    }
}

fn gone(channel: &str) -> String {
    format!("there is no channel {channel:?} any more")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
