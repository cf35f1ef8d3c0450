//! Everything the overview is made of, asked in one go.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use duckdb::Connection;

use crate::query::{
    Filter,
    breakdown::{self, Breakdown, breakdown},
    causes::{Cause, causes},
    claims::{Claims, claims},
    daily::{Day, daily},
    failures::{self, failures},
    policy_fetch::{Outages, policy_fetch},
    reported::{Reported, reported},
    shares::{Shares, shares},
    span::{Span, span},
};

/// MX hosts listed on the overview.
const HOSTS_SHOWN: usize = 10;

pub(super) struct Figures {
    pub(super) filter: Filter,
    pub(super) span: Option<Span>,
    pub(super) reported: Reported,
    pub(super) shares: Shares,
    pub(super) shares_before: Shares,
    pub(super) days: BTreeMap<NaiveDate, Day>,
    pub(super) organisations: Breakdown,
    pub(super) domains: Breakdown,
    pub(super) causes: Vec<Cause>,
    pub(super) outages: Outages,
    pub(super) hosts: failures::Page,
    /// What is only claimed, beside all of this.
    pub(super) claims: Option<Claims>,
}

impl Figures {
    pub(super) fn ask(connection: &Connection, filter: &Filter, today: NaiveDate) -> duckdb::Result<Figures> {
        let now = shares(connection, filter)?;
        let fails = now.once.failed > 0;
        Ok(Figures {
            filter: filter.clone(),
            span: span(connection, today)?,
            reported: reported(connection, filter)?,
            shares_before: shares(connection, &filter.with_range(filter.range.previous()))?,
            days: daily(connection, filter)?,
            organisations: breakdown(connection, filter, breakdown::By::Organisation)?,
            domains: breakdown(connection, filter, breakdown::By::PolicyDomain)?,
            causes: if fails { causes(connection, filter)? } else { Vec::new() },
            outages: policy_fetch(connection, filter, filter.range.first(), today)?,
            hosts: if fails {
                failures(connection, filter, failures::By::ReceivingMxHostname, HOSTS_SHOWN, None)?
            } else {
                failures::Page::default()
            },
            claims: claims(connection, filter)?,
            shares: now,
        })
    }

    /// What kind of page this is.
    pub(super) fn state(&self) -> &'static str {
        match (self.span, self.reported.reports, self.shares.once.failed) {
            (None, _, _) => "empty",
            // What is only claimed may be all there is.
            (_, 0, _) => "silent",
            (_, _, 0) => "fine",
            _ => "failing",
        }
    }
}
