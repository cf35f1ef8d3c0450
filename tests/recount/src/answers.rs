//! The answers of one server, held against the figures of its reports.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::{
    compare::Tally,
    failures::{self, Narrow},
    filter::Filter,
    groups,
    http::{Client, Result},
    model::Report,
    overview::overview,
    week::week,
};

pub enum Question {
    Overview(Filter),
    Week(Filter),
    Failures { filter: Filter, by: &'static str, narrow: Narrow, limit: usize },
    Csv { filter: Filter, by: &'static str, narrow: Narrow },
    Reports { filter: Filter, narrow: Narrow, failed: bool, limit: usize },
}

/// What is counted of a server: its reports, what it could not read, and its day.
pub struct World {
    pub reports: Vec<Report>,
    /// The code and the last arrival of each input that is kept, not counted.
    pub quarantine: Vec<(String, NaiveDate)>,
    pub today: NaiveDate,
}

impl World {
    fn quarantined(&self, from: NaiveDate, to: NaiveDate) -> (usize, Vec<Value>) {
        let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
        for (code, _) in self.quarantine.iter().filter(|(_, day)| from <= *day && *day <= to) {
            *codes.entry(code).or_default() += 1;
        }
        let mut codes: Vec<_> = codes.into_iter().collect();
        codes.sort_by(|(a, left), (b, right)| right.cmp(left).then(a.cmp(b)));
        let total = codes.iter().map(|(_, inputs)| inputs).sum();
        (total, codes.into_iter().map(|(code, inputs)| json!({"code": code, "inputs": inputs})).collect())
    }

    /// One question, asked and computed.
    pub fn hold(&self, client: &mut Client, question: &Question) -> Result<Tally> {
        let mut tally = Tally::default();
        match question {
            Question::Overview(filter) => {
                let place = format!("/api/v1/overview?{}", filter.query());
                let mut ours = overview(&self.reports, filter, self.today);
                ours["quarantined"] = json!(self.quarantine.len());
                let mut theirs = client.json(&place)?;
                // Which names read like those of others is not computed here.
                for item in theirs["organisations"].as_array_mut().into_iter().flatten() {
                    item.as_object_mut().map(|item| item.remove("taken_for"));
                }
                tally.json(&place, &ours, &theirs);
            }
            Question::Week(filter) => {
                let place = format!(
                    "/api/v1/weeks/{}?{}",
                    groups::week_name(filter.from),
                    filter.narrowing().trim_start_matches('&')
                );
                let mut ours = week(&self.reports, filter, self.today);
                let (total, codes) = self.quarantined(filter.from, filter.to);
                let mut theirs = client.json(&place)?;
                if codes.len() > theirs["quarantined"]["codes"].as_array().map_or(0, Vec::len) {
                    // Only the most frequent codes are told.
                    theirs["quarantined"]["codes"] = json!(codes);
                }
                ours["quarantined"] = json!({"total": total, "codes": codes});
                // Which policies changed is not counted here; a week in which one did is not quiet.
                let changed = theirs["policy_changes"]["items"].as_array().is_some_and(|items| !items.is_empty());
                theirs.as_object_mut().map(|theirs| theirs.remove("policy_changes"));
                ours["quiet"] = json!(ours["quiet"] == true && !changed);
                tally.json(&place, &ours, &theirs);
            }
            Question::Failures { filter, by, narrow, limit } => {
                let place = format!("/api/v1/failures?by={by}&{}{}", filter.query(), narrow.query());
                let ours = failures::failures(&self.reports, filter, by, narrow);
                let asked = format!("{place}&limit={limit}");
                let first = client.json(&asked)?;
                tally.same(&format!("{place} .total"), &Some(ours.len() as u64), &first["total"].as_u64());
                let sum = ours.iter().filter_map(|item| item["failed_sessions"].as_u64()).sum();
                tally.same(&format!("{place} .failed_sessions"), &Some(sum), &first["failed_sessions"].as_u64());
                tally.json(&place, &json!(ours), &json!(client.items(&asked)?));
            }
            Question::Csv { filter, by, narrow } => {
                let place = format!("/failures.csv?by={by}&{}{}", filter.query(), narrow.query());
                tally.same(
                    &place,
                    &csv(by, &failures::failures(&self.reports, filter, by, narrow)),
                    &client.text(&place)?,
                );
            }
            Question::Reports { filter, narrow, failed, limit } => {
                self.list(client, &mut tally, filter, narrow, *failed, *limit)?;
            }
        }
        if tally.differ > 0 {
            let filter = question.filter();
            let involved: Vec<_> = self.reports.iter().filter(|report| filter.matching(report).is_some()).collect();
            let some: Vec<_> =
                involved.iter().take(6).map(|report| format!("{} ({})", report.uuid, report.report_id)).collect();
            for told in &mut tally.told {
                told.push_str(&format!("\n    of {} reports: {}", involved.len(), some.join(", ")));
            }
        }
        Ok(tally)
    }

    fn list(
        &self,
        client: &mut Client,
        tally: &mut Tally,
        filter: &Filter,
        narrow: &Narrow,
        failed: bool,
        limit: usize,
    ) -> Result<()> {
        let only = if failed { "&failed=true" } else { "" };
        let place = format!("/api/v1/reports?{}{}{only}", filter.query(), narrow.query());
        let mut ours = failures::list(&self.reports, filter, narrow, failed);
        ours.sort_by(|a, b| (b.day, &b.uuid).cmp(&(a.day, &a.uuid)));
        let asked = format!("{place}&limit={limit}");
        tally.same(&format!("{place} .total"), &Some(ours.len() as u64), &client.json(&asked)?["total"].as_u64());
        let mut theirs = client.items(&asked)?;
        let days: Vec<_> = theirs.iter().map(|item| item["day"].as_str().unwrap_or_default().to_owned()).collect();
        tally.same(&format!("{place} (newest day first)"), &true, &days.is_sorted_by(|a, b| a >= b));
        theirs.sort_by_key(|item| std::cmp::Reverse((item["day"].to_string(), item["uuid"].to_string())));
        let known: BTreeMap<&str, &Report> = self.reports.iter().map(|report| (report.uuid.as_str(), report)).collect();
        let ours: Vec<Value> = ours
            .iter()
            .map(|item| {
                let report = known[item.uuid.as_str()];
                json!({"uuid": item.uuid, "day": item.day.to_string(), "successful": item.sessions.ok, "failed": item.sessions.bad,
                    "organisation": report.name, "organisation_key": report.organisation, "trust": report.trust})
            })
            .collect();
        let shown = ["uuid", "day", "successful", "failed", "organisation", "organisation_key", "trust"];
        let theirs: Vec<Value> = theirs
            .iter()
            .map(|item| shown.iter().map(|name| ((*name).to_owned(), item[name].clone())).collect())
            .collect();
        tally.json(&place, &json!(ours), &json!(theirs));
        Ok(())
    }
}

impl Question {
    pub fn filter(&self) -> &Filter {
        match self {
            Question::Overview(filter)
            | Question::Week(filter)
            | Question::Failures { filter, .. }
            | Question::Csv { filter, .. }
            | Question::Reports { filter, .. } => filter,
        }
    }
}

fn csv(by: &str, items: &[Value]) -> String {
    let fields = ["failed_sessions", "previous_failed_sessions", "reports", "organisations", "first_day", "last_day"];
    let mut text = format!("{by},{}\r\n", fields.join(","));
    for item in items {
        let key = item["key"].as_str().unwrap_or_default();
        // Cells that a spreadsheet would run.
        let key = if key.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{key}") } else { key.to_owned() };
        let key = if key.contains([',', '"', '\n', '\r']) { format!("\"{}\"", key.replace('"', "\"\"")) } else { key };
        let cells = fields.map(|field| match &item[field] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        text.push_str(&format!("{key},{}\r\n", cells.join(",")));
    }
    text
}
