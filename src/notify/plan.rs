//! Which entries are taken up next. Channels and recipients do not wait for each other; for one of them, one entry at a time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    limits::{NOTIFY_AT_ONCE_MAX, NOTIFY_RETRY_LONGEST_S},
    store::tables::outbox::Waiting,
};

/// Nothing waits longer, be it for another attempt or for the end of an hour with too many notices. Twice that time, as clocks
/// are put right by seconds all the time.
const WAIT_MAX: TimeDelta = TimeDelta::seconds(2 * NOTIFY_RETRY_LONGEST_S);

/// Channel and recipient.
pub(super) type QueueKey = (String, String);

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct BusyQueues {
    queues: BTreeSet<QueueKey>,
    /// How many of each group: a channel, or all of mail.
    groups: BTreeMap<String, usize>,
}

/// How the entries of a channel are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryPolicy {
    pub group: String,
    /// One that waits for another attempt holds up those behind it.
    pub in_order: bool,
}

/// What can be done now, and when there will be more to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DispatchPlan {
    pub now: Vec<Waiting>,
    pub next_at: Option<DateTime<Utc>>,
}

impl BusyQueues {
    pub(super) fn begin(&mut self, queue_key: &QueueKey, group: &str) {
        self.queues.insert(queue_key.clone());
        *self.groups.entry(group.to_owned()).or_default() += 1;
    }

    pub(super) fn end(&mut self, queue_key: &QueueKey, group: &str) {
        self.queues.remove(queue_key);
        if let Some(count) = self.groups.get_mut(group) {
            *count = count.saturating_sub(1);
        }
    }
}

pub(super) fn queue_key(waiting: &Waiting) -> QueueKey {
    (waiting.channel.clone(), waiting.recipient.clone())
}

/// `waiting` in the order it was put in. What waits only for something that is under way is not planned for: its end is
/// reason enough to plan again.
pub(super) fn plan(
    waiting: Vec<Waiting>,
    busy: &BusyQueues,
    delivery_policy: impl Fn(&str) -> DeliveryPolicy,
    now: DateTime<Utc>,
) -> DispatchPlan {
    let mut taken = busy.queues.clone();
    let mut groups = busy.groups.clone();
    let mut plan = DispatchPlan { now: Vec::new(), next_at: None };
    for waiting in waiting {
        let queue_key = queue_key(&waiting);
        if taken.contains(&queue_key) {
            continue;
        }
        let DeliveryPolicy { group, in_order } = delivery_policy(&waiting.channel);
        // What would wait longer than anything does was put in when the clock was ahead.
        if waiting.next_attempt_at > now && waiting.next_attempt_at <= now + WAIT_MAX {
            plan.next_at = Some(plan.next_at.map_or(waiting.next_attempt_at, |at| at.min(waiting.next_attempt_at)));
            if in_order {
                taken.insert(queue_key);
            }
            continue;
        }
        let at_once = groups.entry(group).or_default();
        if *at_once < NOTIFY_AT_ONCE_MAX {
            *at_once += 1;
            taken.insert(queue_key);
            plan.now.push(waiting);
        } else if in_order {
            taken.insert(queue_key);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn waiting(number: u128, channel: &str, recipient: &str, due: i64) -> Waiting {
        let next_attempt_at = at(due);
        Waiting { uuid: Uuid::from_u128(number), channel: channel.into(), recipient: recipient.into(), next_attempt_at }
    }

    fn delivery_policy(channel: &str) -> DeliveryPolicy {
        DeliveryPolicy { group: channel.to_owned(), in_order: channel == "pagerduty" }
    }

    fn planned(all: Vec<Waiting>, busy: &BusyQueues) -> (Vec<u128>, Option<i64>) {
        let plan = plan(all, busy, delivery_policy, at(100));
        (plan.now.iter().map(|entry| entry.uuid.as_u128()).collect(), plan.next_at.map(|at| at.timestamp()))
    }

    #[test]
    fn one_at_a_time_for_each_channel_and_recipient() {
        let all = || {
            vec![
                waiting(1, "webhook", "", 100),
                waiting(2, "webhook", "", 100),
                waiting(3, "mail", "a", 50),
                waiting(4, "mail", "b", 100),
                waiting(5, "slack", "", 101),
            ]
        };
        assert_eq!(planned(all(), &BusyQueues::default()), (vec![1, 3, 4], Some(101)));
        let mut busy = BusyQueues::default();
        busy.begin(&("webhook".into(), String::new()), "webhook");
        assert_eq!(planned(all(), &busy), (vec![3, 4], Some(101)));
        busy.end(&("webhook".into(), String::new()), "webhook");
        assert_eq!(planned(all(), &busy), (vec![1, 3, 4], Some(101)));
    }

    #[test]
    fn what_waits_for_another_attempt_holds_up_only_where_order_matters() {
        let all = |channel| vec![waiting(1, channel, "alert", 130), waiting(2, channel, "alert", 90)];
        assert_eq!(planned(all("webhook"), &BusyQueues::default()), (vec![2], Some(130)));
        assert_eq!(planned(all("pagerduty"), &BusyQueues::default()), (vec![], Some(130)));
    }

    #[test]
    fn what_was_put_in_while_the_clock_was_ahead_does_not_wait_for_that_time() {
        let all = vec![waiting(1, "webhook", "", 100 + 3_600), waiting(2, "pagerduty", "a", 100 + 86_400 * 365)];
        assert_eq!(planned(all, &BusyQueues::default()), (vec![2], Some(3_700)));
    }

    #[test]
    fn there_is_a_bound_on_what_is_under_way() {
        let all = (0..50).map(|number| waiting(number, "pagerduty", &number.to_string(), 1)).collect();
        assert_eq!(planned(all, &BusyQueues::default()), ((0..NOTIFY_AT_ONCE_MAX as u128).collect(), None));
    }
}
