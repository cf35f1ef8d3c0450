//! How many sessions there were, and what became of them.

use chrono::{Datelike, NaiveDate, Weekday};

use super::{
    senders::{DemoSender, Dialect, Honours},
    sites::DemoSite,
    stories::{self, DemoFailure, TrafficKind, TrafficShare},
};
use crate::demo::random::Random;

/// One policy of a report, before it is written in a dialect.
#[derive(Debug)]
pub(super) struct PolicyDraft {
    pub kind: TrafficKind,
    /// False where the sender could not fetch the policy.
    pub fetched: bool,
    /// The MX host that the policy the sender has cached names instead of the present ones.
    pub stale_mx: Option<&'static str>,
    pub successful: u64,
    pub failed: u64,
    pub details: Vec<DetailDraft>,
}

#[derive(Debug)]
pub(super) struct DetailDraft {
    pub result_type: &'static str,
    pub reason_code: Option<&'static str>,
    pub sending_address: &'static str,
    /// Name and address of the MX host.
    pub receiving: Option<(&'static str, &'static str)>,
    pub count: u64,
}

/// The policies of one day's report; `None` where there was no mail, so no report.
pub(super) fn policies(
    sender: &DemoSender,
    site: &DemoSite,
    day: NaiveDate,
    to: NaiveDate,
    random: &mut Random,
) -> Option<Vec<PolicyDraft>> {
    if (to - day).num_days().unsigned_abs() > sender.since_days {
        return None;
    }
    let sessions = sessions(sender, site, day, random);
    if sessions == 0 {
        return None;
    }
    let dane = site.dane && sender.honours != Honours::Sts;
    let sts = sender.honours != Honours::Dane;
    let mut policies = Vec::new();
    if dane {
        policies.extend(split(TrafficKind::Tlsa, sender, site, (day, to), sessions, random));
    }
    // RFC 8461 §2: MTA-STS never overrides DANE, so who honours both reports what was applied. Microsoft reports both.
    if sts && (!dane || sender.dialect == Dialect::Microsoft) {
        policies.extend(split(TrafficKind::Sts, sender, site, (day, to), sessions, random));
        policies.rotate_left(usize::from(dane));
    }
    (!policies.is_empty()).then_some(policies)
}

fn sessions(sender: &DemoSender, site: &DemoSite, day: NaiveDate, random: &mut Random) -> u64 {
    let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let of_the_day = if weekend { sender.weekend } else { 100 };
    // Parts per million: volume × percent × percent × 70 to 130 percent.
    let parts = sender.volume * site.weight * of_the_day * random.between(70, 130);
    let whole = parts / 1_000_000;
    whole + u64::from(random.below(1_000_000) < parts % 1_000_000)
}

fn split(
    kind: TrafficKind,
    sender: &DemoSender,
    site: &DemoSite,
    (day, to): (NaiveDate, NaiveDate),
    sessions: u64,
    random: &mut Random,
) -> Vec<PolicyDraft> {
    let clean =
        PolicyDraft { kind, fetched: true, stale_mx: None, successful: sessions, failed: 0, details: Vec::new() };
    let Some(trouble) = stories::trouble(kind, sender, site, day, to) else { return vec![clean] };
    let failed = match trouble.share {
        TrafficShare::Percent(percent) => (sessions * percent * random.between(85, 100)).div_ceil(10_000).min(sessions),
        TrafficShare::UpTo(most) => random.below(most + 1).min(sessions) * u64::from(random.chance(40)),
    };
    if failed == 0 {
        return vec![clean];
    }
    let details = details(sender, site, &trouble, failed, random);
    if trouble.result_type == "sts-policy-fetch-error" {
        // Sessions with the policy and sessions without it are two entries.
        let without = PolicyDraft { fetched: false, successful: 0, failed, details, ..clean };
        let with = PolicyDraft { successful: sessions - failed, details: Vec::new(), ..clean };
        return if with.successful > 0 { vec![with, without] } else { vec![without] };
    }
    vec![PolicyDraft { stale_mx: trouble.stale_mx, successful: sessions - failed, failed, details, ..clean }]
}

/// Spreads the failed sessions over the sender's addresses.
fn details(
    sender: &DemoSender,
    site: &DemoSite,
    trouble: &DemoFailure,
    failed: u64,
    random: &mut Random,
) -> Vec<DetailDraft> {
    let connected = trouble.result_type != "sts-policy-fetch-error";
    let named = |name: &str| site.mx.iter().find(|host| host.name == name);
    let mut left = failed;
    let mut details = Vec::new();
    for (index, address) in sender.addresses.iter().enumerate() {
        let last = index + 1 == sender.addresses.len();
        let count =
            if last { left } else { random.between(0, left.min(2 * failed / sender.addresses.len() as u64 + 1)) };
        if count == 0 {
            continue;
        }
        left -= count;
        let host = trouble.mx.and_then(named).or_else(|| random.pick(site.mx));
        details.push(DetailDraft {
            result_type: trouble.result_type,
            reason_code: trouble.reason_code,
            sending_address: address,
            receiving: host.filter(|_| connected).map(|host| (host.name, host.address)),
            count,
        });
    }
    details
}
