//! `tlsight repair`.

use std::{fmt::Write, process::ExitCode, sync::Arc};

use anyhow::Context;

use super::{Common, open};
use crate::{
    config::{Config, Environment},
    pipeline::Pipeline,
    store::{self, Arrival, GroupBounds, RepairReport},
    submission::{Busy, Hints, Outcome, Receipt, Submission, Trust},
};

/// Bodies in one transaction.
const BATCH: usize = 256;

/// What became of the bodies that were found behind the damage.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct TakenIn {
    stored: u64,
    known: u64,
    other: u64,
    /// Why some could not be stored now.
    busy: Option<Busy>,
}

pub(super) fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let mut report = store::repair(&config.data)
        .with_context(|| format!("cannot repair the database in {}", config.data.display()))?;
    let salvaged = std::mem::take(&mut report.salvaged);
    let taken_in = if salvaged.is_empty() { TakenIn::default() } else { take_in(&config, salvaged)? };
    if let Some(kept) = store::finish_repair(&config.data)? {
        let files = report.copies.iter_mut().filter(|file| file.parent().is_some_and(|parent| !parent.is_dir()));
        files.for_each(|file| *file = kept.join(file.file_name().unwrap_or_default()));
    }
    if common.json {
        println!("{}", as_json(&report, taken_in));
    } else {
        print!("{}", as_text(&report, taken_in));
    }
    // Something may be lost where a commit was cut and could not be read again: that needs a look.
    Ok(if report.salvage_failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Takes the bodies in like any others. They keep their time, their channel and, while their token is valid, their trust.
fn take_in(config: &Config, salvaged: Vec<Arrival>) -> anyhow::Result<TakenIn> {
    let local = open::open(config, GroupBounds::ALONE)?;
    let taken_in = submit(&local.pipeline, salvaged);
    local.close()?;
    taken_in
}

fn submit(pipeline: &Arc<Pipeline>, salvaged: Vec<Arrival>) -> anyhow::Result<TakenIn> {
    let mut taken_in = TakenIn::default();
    let mut salvaged = salvaged.into_iter().peekable();
    while salvaged.peek().is_some() {
        let batch: Vec<_> = salvaged
            .by_ref()
            .take(BATCH)
            .map(|arrival| pipeline.prepare(submission(arrival, pipeline), None))
            .collect();
        pipeline.store_blocking(batch).iter().for_each(|receipt| taken_in.add(receipt));
    }
    match taken_in.busy {
        None => Ok(taken_in),
        Some(busy) => Err(anyhow::Error::new(busy).context("not all salvaged reports could be stored: repair again")),
    }
}

fn submission(arrival: Arrival, pipeline: &Pipeline) -> Submission {
    // The secret itself is not stored, only the domains it covers.
    let covers = |domains: &Vec<String>| {
        let mut tokens = pipeline.served().tokens.keys();
        tokens.find(|token| pipeline.served().token_domains(token).as_ref() == Some(domains)).cloned()
    };
    Submission {
        channel: arrival.channel,
        peer: arrival.peer,
        received_at: arrival.received_at,
        hints: Hints {
            token: arrival.token_domains.as_ref().and_then(covers),
            media_type: arrival.media_type,
            content_encoding: arrival.content_encoding,
            source: arrival.source,
            // Mail that counted by the operator's word still does.
            trusted_input: arrival.trust == Trust::Import,
            mailed_at: arrival.origin.mailed_at,
            judged: Some(Box::new(arrival.origin)),
        },
        bytes: arrival.bytes,
    }
}

impl TakenIn {
    fn add(&mut self, receipt: &Receipt) {
        for outcome in &receipt.0 {
            match outcome {
                Outcome::Stored(_) => self.stored += 1,
                Outcome::Duplicate(_) => self.known += 1,
                Outcome::Quarantined { .. } | Outcome::Refused(_) | Outcome::Ignored(_) => self.other += 1,
                Outcome::Busy(busy) => self.busy = Some(*busy),
            }
        }
    }
}

fn as_json(report: &RepairReport, taken_in: TakenIn) -> serde_json::Value {
    serde_json::json!({
        "damaged": !report.copies.is_empty(),
        "mended": report.mended,
        "copies": report.copies,
        "cut_bytes": report.cut_bytes,
        "commits_kept": report.commits_kept,
        "commits_cut": report.commits_cut,
        "salvaged_stored": taken_in.stored,
        "salvaged_known": taken_in.known,
        "salvaged_other": taken_in.other,
        "salvage_failed": report.salvage_failed,
        "journal_damaged": report.journal_damaged,
        "journal_salvaged": report.journal_salvaged,
    })
}

fn as_text(report: &RepairReport, taken_in: TakenIn) -> String {
    if report.copies.is_empty() {
        return "Nothing is damaged.\n".to_owned();
    }
    let mut text = String::from("Something was damaged. It is kept as it was found:\n");
    for copy in &report.copies {
        let _ = writeln!(text, "  {}", copy.display());
    }
    if report.journal_salvaged + report.journal_damaged > 0 {
        let _ = writeln!(
            text,
            "The journal was damaged in {} {}; {} submissions in it are whole and were taken in: {} reports were stored, {} were there already, \
             {} went to the quarantine or were refused.",
            report.journal_damaged,
            if report.journal_damaged == 1 { "place" } else { "places" },
            report.journal_salvaged,
            taken_in.stored,
            taken_in.known,
            taken_in.other
        );
    }
    if report.commits_cut == 0 {
        if report.journal_damaged == 0 {
            text.push_str("The damage is undone, nothing was lost.\n");
        }
        return text;
    }
    let _ = writeln!(
        text,
        "{} whole commits were kept; {} from the damaged one on were cut ({} bytes).",
        report.commits_kept, report.commits_cut, report.cut_bytes
    );
    match &report.salvage_failed {
        Some(why) => {
            let _ = writeln!(text, "Behind the damage nothing could be read ({why}): it is in the copies only.");
        }
        None => {
            let _ = writeln!(
                text,
                "Of the reports found behind the damage {} were stored again, {} were there already, {} went to the \
                 quarantine or were refused.",
                taken_in.stored, taken_in.known, taken_in.other
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told() {
        assert_eq!(as_text(&RepairReport::default(), TakenIn::default()), "Nothing is damaged.\n");
        let report = RepairReport {
            copies: vec!["/d/copy".into()],
            commits_kept: 3,
            commits_cut: 2,
            cut_bytes: 99,
            ..RepairReport::default()
        };
        let text = as_text(&report, TakenIn { stored: 5, known: 1, other: 0, busy: None });
        assert!(text.contains("3 whole commits were kept; 2 from the damaged one on were cut (99 bytes)."), "{text}");
        assert!(text.contains("5 were stored again, 1 were there already"), "{text}");
        let journal = RepairReport { journal_damaged: 1, journal_salvaged: 7, commits_cut: 0, ..report };
        let text = as_text(&journal, TakenIn { stored: 6, known: 1, other: 0, busy: None });
        assert!(
            text.contains("damaged in 1 place; 7 submissions in it are whole") && !text.contains("undone"),
            "{text}"
        );
        let mut report = RepairReport { commits_cut: 2, journal_damaged: 0, journal_salvaged: 0, ..journal };
        report.salvage_failed = Some("no".to_owned());
        assert!(as_text(&report, TakenIn::default()).contains("it is in the copies only"));
        assert_eq!(as_json(&report, TakenIn::default())["salvage_failed"], "no");
    }
}
