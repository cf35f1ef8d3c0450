//! What the addresses of MX hosts said lately. Many domains share a host: it is asked once for all of them, by one at a time.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    check::observed::SmtpOutcome,
    limits::{CHECK_SMTP_BUSY_KEPT_S, CHECK_SMTP_FAULT_KEPT_S, CHECK_SMTP_GOOD_KEPT_S, CHECK_SMTP_KEPT_MAX},
};

type Answer = Arc<tokio::sync::Mutex<Option<(Instant, SmtpOutcome)>>>;

/// Answers by host and address.
#[derive(Debug, Default)]
pub(super) struct SmtpMemory {
    answers: Mutex<HashMap<(String, IpAddr), Answer>>,
}

impl SmtpMemory {
    /// What this address said lately, or says now.
    pub(super) async fn or_ask(
        &self,
        host: &str,
        address: IpAddr,
        ask: impl Future<Output = SmtpOutcome>,
    ) -> SmtpOutcome {
        let answer = self.answer(host, address);
        // Who comes while it is being asked waits for that answer.
        let mut answer = answer.lock().await;
        if let Some((at, outcome)) = answer.as_ref()
            && at.elapsed() < kept(outcome)
        {
            return outcome.clone();
        }
        let outcome = ask.await;
        *answer = Some((Instant::now(), outcome.clone()));
        outcome
    }

    fn answer(&self, host: &str, address: IpAddr) -> Answer {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= CHECK_SMTP_KEPT_MAX {
            // Those that nobody waits for; they are asked again.
            answers.retain(|_, answer| Arc::strong_count(answer) > 1);
        }
        Arc::clone(answers.entry((host.to_owned(), address)).or_default())
    }

    /// Forgets what is older than this, but not whom it is better not to ask again.
    pub(super) fn forget(&self, older: Duration) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|_, answer| match answer.try_lock().as_deref() {
            Ok(Some((at, outcome))) => at.elapsed() < older || matches!(outcome, SmtpOutcome::Busy(_)),
            _ => true,
        });
    }
}

/// How long an answer stands for what the host would say now.
fn kept(outcome: &SmtpOutcome) -> Duration {
    Duration::from_secs(match outcome {
        // It said that it does not want to be asked (RFC 5321 §4.2.2: 421 closes the channel).
        SmtpOutcome::Busy(reply) if reply.starts_with("421") => CHECK_SMTP_BUSY_KEPT_S,
        SmtpOutcome::Good { .. } => CHECK_SMTP_GOOD_KEPT_S,
        _ => CHECK_SMTP_FAULT_KEPT_S,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_address_is_asked_once_for_all_who_want_to_know() {
        let (memory, asked) = (SmtpMemory::default(), AtomicUsize::new(0));
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let ask = |host: &'static str, outcome: SmtpOutcome| {
            let (memory, asked) = (&memory, &asked);
            async move {
                let say = async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    outcome
                };
                memory.or_ask(host, address, say).await
            }
        };
        let busy = || SmtpOutcome::Busy("421 later".into());
        let (one, other) = tokio::join!(ask("mx1", busy()), ask("mx1", SmtpOutcome::NoStartTls));
        assert_eq!((one, other, asked.load(Ordering::Relaxed)), (busy(), busy(), 1));
        ask("mx2", SmtpOutcome::NoStartTls).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2, "another host at the same address has another certificate");
        memory.forget(Duration::ZERO);
        ask("mx1", SmtpOutcome::NoStartTls).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2, "who said 421 is left alone");
        ask("mx2", SmtpOutcome::NoStartTls).await;
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
