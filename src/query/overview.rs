//! Everything the overview is made of, asked in one go.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use duckdb::Connection;

use super::{
    Filter,
    breakdown::{self, Breakdown, breakdown},
    causes::{FailureCause, causes},
    claims::{Claims, claims},
    daily::{Day, daily},
    failures::{self, failures},
    policy_fetch::{Outages, policy_fetch},
    reported::{Reported, reported},
    shares::{SessionShares, shares},
    span::{Span, span},
};

/// MX hosts listed on the overview.
const HOSTS_SHOWN: usize = 10;

pub struct OverviewFigures {
    pub filter: Filter,
    pub span: Option<Span>,
    pub reported: Reported,
    pub shares: SessionShares,
    pub shares_before: SessionShares,
    pub days: BTreeMap<NaiveDate, Day>,
    pub organisations: Breakdown,
    pub domains: Breakdown,
    pub causes: Vec<FailureCause>,
    pub outages: Outages,
    pub hosts: failures::FailurePage,
    /// What is only claimed, beside all of this.
    pub claims: Option<Claims>,
}

impl OverviewFigures {
    pub fn ask(connection: &Connection, filter: &Filter, today: NaiveDate) -> duckdb::Result<OverviewFigures> {
        let now = shares(connection, filter)?;
        let fails = now.once.failed > 0;
        Ok(OverviewFigures {
            filter: filter.clone(),
            span: span(connection, today)?,
            reported: reported(connection, filter)?,
            shares_before: shares(connection, &filter.with_range(filter.range.previous()))?,
            days: daily(connection, filter)?,
            organisations: breakdown(connection, filter, breakdown::BreakdownBy::Organisation)?,
            domains: breakdown(connection, filter, breakdown::BreakdownBy::PolicyDomain)?,
            causes: if fails { causes(connection, filter)? } else { Vec::new() },
            outages: policy_fetch(connection, filter, filter.range.first(), today)?,
            hosts: if fails {
                failures(connection, filter, failures::FailureOrder::ReceivingMxHostname, HOSTS_SHOWN, None)?
            } else {
                failures::FailurePage::default()
            },
            claims: claims(connection, filter)?,
            shares: now,
        })
    }

    /// What kind of page this is.
    pub fn state(&self) -> &'static str {
        match (self.span, self.reported.reports, self.shares.once.failed) {
            (None, _, _) => "empty",
            // What is only claimed may be all there is.
            (_, 0, _) => "silent",
            (_, _, 0) => "fine",
            _ => "failing",
        }
    }
}
