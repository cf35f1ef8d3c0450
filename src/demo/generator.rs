//! Invented reports as real senders write them, the same for the same seed: for the demo, for benches and for tests.
//!
//! `days` tells eight weeks of stories about three domains (`stories`), in the dialects of the senders (`senders`,
//! `dialect`). `scale` makes any number of plain reports, each for itself, so that threads can share the work.

mod dialect;
mod faults;
mod proof;
mod scale;
mod senders;
mod sites;
mod stories;
mod traffic;

use std::io::Write;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use flate2::{Compression, GzBuilder};

pub use scale::Scale;
pub use senders::SENDERS;
pub use sites::{DemoSite, SITES};

use super::random::Random;
use crate::submission::{Channel, Hints, MAIL, Origin, Submission};
use senders::{DemoSender, DemoTransport};

/// One report as it arrives.
#[derive(Debug, Clone)]
pub struct Generated {
    pub bytes: Vec<u8>,
    /// The beginning of the mail it comes in.
    pub envelope: Option<String>,
    /// `Content-Type` as the sender gives it; `None` for what comes by mail.
    pub media_type: Option<&'static str>,
    pub received_at: DateTime<Utc>,
    /// `organization-name`.
    pub organisation: String,
    /// The recipient domain.
    pub domain: String,
    /// UTC day the report is about.
    pub day: NaiveDate,
    pub channel: Channel,
    /// Token of the URL it is posted to.
    pub token: Option<&'static str>,
    /// What its signature or its address would prove.
    pub proven: Option<Origin>,
    /// File name as in RFC 8460 §5.1, for what comes as a file.
    pub file_name: String,
}

impl Generated {
    pub fn submission(self) -> Submission {
        Submission {
            bytes: match &self.envelope {
                Some(envelope) => proof::mail(envelope, &self.bytes),
                None => self.bytes,
            },
            channel: self.channel,
            peer: None,
            received_at: self.received_at,
            hints: Hints {
                media_type: self.envelope.map(|_| MAIL).or(self.media_type).map(str::to_owned),
                token: self.token.map(str::to_owned),
                source: (self.channel == Channel::Import).then_some(self.file_name),
                judged: self.proven.map(Box::new),
                ..Hints::default()
            },
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Generator {
    seed: u64,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator { seed }
    }

    /// The demo's reports about the days from `from` to `to`, both included, in the order they arrive. The stories are
    /// told by their distance from `to`.
    pub fn days(self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = Generated> {
        from.iter_days().take_while(move |day| *day <= to).flat_map(move |day| {
            let mut arrivals = self.day(day, to);
            arrivals.sort_by(|a, b| (a.received_at, &a.file_name).cmp(&(b.received_at, &b.file_name)));
            arrivals
        })
    }

    /// Plain reports in any number.
    pub fn scale(self, scale: Scale) -> impl Iterator<Item = Generated> {
        (0..scale.reports).map(move |index| self.scaled(&scale, index))
    }

    /// The report of `scale` with this index, made without those before it.
    pub fn scaled(self, scale: &Scale, index: u64) -> Generated {
        scale.report(self.seed, index)
    }

    fn day(self, day: NaiveDate, to: NaiveDate) -> Vec<Generated> {
        let mut arrivals = Vec::new();
        for (sender_index, sender) in SENDERS.iter().enumerate() {
            for (site_index, site) in SITES.iter().enumerate() {
                let parts = [sender_index as u64, site_index as u64, u64::from(day.to_epoch_days().unsigned_abs())];
                let mut random = Random::derived(self.seed, &parts);
                let Some(policies) = traffic::policies(sender, site, day, to, &mut random) else { continue };
                let json = dialect::write(sender, site, day, &policies, &mut random);
                let report = arrive(sender, site, day, &json, &mut random);
                // Two `rua` addresses, or a retry after an answer that got lost: the same report again.
                if random.chance(2) {
                    let received_at = report.received_at + TimeDelta::minutes(random.between(5, 300) as i64);
                    arrivals.push(Generated { received_at, ..report.clone() });
                }
                arrivals.push(report);
            }
        }
        arrivals.extend(faults::arrivals(day, to));
        arrivals
    }
}

fn arrive(sender: &DemoSender, site: &DemoSite, day: NaiveDate, json: &[u8], random: &mut Random) -> Generated {
    let (first, last) = sender.arrives_h;
    let minutes = random.between(u64::from(first) * 60, u64::from(last) * 60);
    let midnight = (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc();
    let (from, to) = (day.and_time(NaiveTime::MIN).and_utc().timestamp(), midnight.timestamp() - 1);
    let file_name = format!("{}!{}!{from}!{to}!{:04x}.json", sender.domain, site.domain, random.below(0x1_0000));
    let gzipped = !matches!(sender.way, DemoTransport::PostPlain);
    let document = if gzipped { gzip(json, &file_name) } else { json.to_vec() };
    Generated {
        bytes: document,
        envelope: (sender.way == DemoTransport::Mail).then(|| proof::envelope(sender, site, &file_name)),
        media_type: match sender.way {
            DemoTransport::Mail => None,
            DemoTransport::Post => Some("application/tlsrpt+gzip"),
            DemoTransport::PostPlain => Some("application/tlsrpt+json;"),
        },
        received_at: midnight + TimeDelta::minutes(minutes as i64),
        organisation: sender.organisation.to_owned(),
        domain: site.domain.to_owned(),
        day,
        channel: if sender.way == DemoTransport::Mail { Channel::Smtp } else { Channel::Https },
        proven: proof::of(sender, midnight + TimeDelta::minutes(minutes as i64)),
        token: if sender.way == DemoTransport::Mail { None } else { site.token },
        file_name: if gzipped { file_name + ".gz" } else { file_name },
    }
}

fn gzip(json: &[u8], file_name: &str) -> Vec<u8> {
    let mut encoder = GzBuilder::new().filename(file_name).write(Vec::new(), Compression::default());
    // Writing into memory cannot fail.
    let _ = encoder.write_all(json);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests;
