//! What the stored data and the machine say at one moment, as plain values. Report days are UTC days. Days under maintenance
//! and reports that are not credible enough are left out already, as are sessions that count elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use crate::explain::MailEffect;

/// Policy domain and organisation key.
pub type DomainAndOrganisation = (String, String);

/// Everything an evaluation looks at besides the alerts that stand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertFacts {
    pub troubles: Vec<FailureFact>,
    /// The days on which each pair in `troubles` was reported on, over the days that were looked at.
    pub reported: BTreeMap<DomainAndOrganisation, BTreeSet<NaiveDate>>,
    /// The same, only where sessions took place under an MTA-STS policy.
    pub reported_under_sts: BTreeMap<DomainAndOrganisation, BTreeSet<NaiveDate>>,
    /// By policy domain the MX hosts and wildcards in the policies that senders hold, of reports that are proven or imported.
    /// Looked up only where a trouble is about an MX host.
    pub mx_seen: BTreeMap<String, BTreeSet<String>>,
    pub shares: Vec<FailureShare>,
    /// Nothing was ever noted as known: this is the first evaluation.
    pub first: bool,
    /// Days of which any report is stored; looked up only where a trouble is unknown.
    pub learned_days: u64,
    /// Organisations with enough report days to have a rhythm.
    pub senders: Vec<SenderRhythm>,
    /// Keys of known reporters; their news come first.
    pub known: BTreeSet<String>,
    /// Keys of organisations on probation: nobody knows them, and they have not reported for a week. They add to what fires, and make
    /// nothing fire by themselves.
    pub newcomers: BTreeSet<String>,
    /// By policy domain the last day on which a report that does not count says that sessions went well.
    pub claimed_clear: BTreeMap<String, NaiveDate>,
    pub arrivals: Arrivals,
    pub intake: Intake,
    /// The health registry; `None` where it is not looked at, as in a backtest.
    pub parts: Option<Vec<SourceHealth>>,
    /// Bytes free on the disk of the data directory; `None` where it is not looked at.
    pub disk_free_bytes: Option<u64>,
    /// Why the store can take nothing now, in words; `None` where it can, or is not looked at.
    pub store_trouble: Option<String>,
    /// Submissions that were acknowledged and cannot be counted.
    pub set_aside: usize,
}

/// What one organisation reports to fail at one policy domain with one result type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailureFact {
    pub policy_domain: String,
    /// Organisation key.
    pub organisation: String,
    pub organisation_name: Option<String>,
    pub result_type: String,
    /// Receiving MX hostname, lower case, for the result types about its certificate; else `None`.
    pub mx_host: Option<String>,
    /// Receiving MX hostnames of any result type, lower case: a few of them.
    pub mx_hosts: BTreeSet<String>,
    /// What became of the mail, by the policies these sessions were under.
    pub mails: BTreeSet<MailEffect>,
    /// One reason code the sender gave.
    pub reason: Option<String>,
    /// Failed sessions by report day; never empty.
    pub days: BTreeMap<NaiveDate, i64>,
    /// The trust of the most credible report of it, as a number: nothing less credible ends it.
    pub credible: i32,
    /// This organisation was never seen to fail like this at this policy domain before these days, and it was not noted.
    pub unknown: bool,
}

/// What a share of failed sessions is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Of {
    PolicyDomain,
    Organisation,
    ResultType,
}

/// How many of the sessions failed lately, and in the four weeks before.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureShare {
    pub of: Of,
    /// Policy domain, organisation key or result type.
    pub key: String,
    /// Of an organisation.
    pub name: Option<String>,
    pub now: SessionCount,
    pub before: SessionCount,
    /// Report days in the window.
    pub days: u64,
    /// First and last day of the window with a failed session.
    pub first_day: Option<NaiveDate>,
    pub last_day: Option<NaiveDate>,
    /// The last day that was reported on at all.
    pub reported_day: NaiveDate,
    /// Of an organisation that is no newcomer: the one with the largest share of its own, where it has sessions enough.
    pub worst: Option<Worst>,
}

/// One organisation's own share at a policy domain.
#[derive(Debug, Clone, PartialEq)]
pub struct Worst {
    /// Organisation key.
    pub organisation: String,
    pub now: SessionCount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionCount {
    pub failed: i64,
    /// Failed and successful sessions.
    pub sessions: i64,
}

/// When one organisation reports.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SenderRhythm {
    /// Organisation key.
    pub organisation: String,
    pub name: Option<String>,
    /// Report days of the last 60 days.
    pub days: BTreeSet<NaiveDate>,
    /// Seconds after the end of the range within which nine of ten days' first reports have come; `None` where all were imported.
    pub lateness_s: Option<i64>,
}

/// When reports came in, from anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrivals {
    pub last_at: Option<DateTime<Utc>>,
    /// UTC days with an arrival among the fourteen up to the last one.
    pub days: u64,
    /// When the last time of more than thirty hours without any arrival ended, within the last 60 days.
    pub back_at: Option<DateTime<Utc>>,
}

/// What came in within the last 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intake {
    pub stored: u64,
    /// Without conflicts.
    pub quarantined: u64,
    pub conflicts: u64,
    pub conflict_at: Option<DateTime<Utc>>,
    /// Names of organisations whose reports collided, at most three.
    pub conflict_organisations: Vec<String>,
}

/// A source, as the health registry shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceHealth {
    pub name: String,
    /// It works.
    pub well: bool,
    /// It does not work since then; neither this nor `well`: not known yet.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it last had to ask a sender to come again later.
    pub later_at: Option<DateTime<Utc>>,
    /// What it says of itself.
    pub words: String,
}

impl SessionCount {
    /// 0 to 1.
    pub fn share(self) -> f64 {
        if self.sessions <= 0 { 0.0 } else { self.failed as f64 / self.sessions as f64 }
    }
}

impl Of {
    pub const ALL: [Of; 3] = [Of::PolicyDomain, Of::Organisation, Of::ResultType];

    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Of::PolicyDomain => "policy_domain",
            Of::Organisation => "organisation",
            Of::ResultType => "result_type",
        }
    }

    pub fn from_name(name: &str) -> Option<Of> {
        Of::ALL.into_iter().find(|of| of.as_str() == name)
    }
}
