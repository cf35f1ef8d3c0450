//! `tlsight check-sums`.

use std::{fmt::Write as _, process::ExitCode};

use clap::Args;

use super::{Common, ask};
use crate::{
    config::Environment,
    jobs::admin::{self, CheckSumsOrder},
    store::tables::day_sums::{DIFFERENCES_MAX, SumsCheck},
};

#[derive(Debug, Args)]
pub(super) struct CheckSums {
    /// Make all sums anew first
    #[arg(long)]
    rebuild: bool,
}

pub(super) fn run(common: &Common, order: &CheckSums) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let found: SumsCheck = ask::ask(config, admin::CHECK_SUMS, &CheckSumsOrder { rebuild: order.rebuild })?;
    if common.json {
        println!("{}", serde_json::to_string(&found)?);
    } else {
        print!("{}", as_text(&found));
    }
    Ok(if found.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_text(found: &SumsCheck) -> String {
    let days = |count: u64| if count == 1 { "1 day".to_owned() } else { format!("{count} days") };
    let mut text = match (found.differences.len(), found.days) {
        (0, 0) => "No sums are made yet.\n".to_owned(),
        (0, count) => format!("The sums of {} are those of their reports.\n", days(count)),
        (_, count) => format!("Of the sums of {} these are not those of their reports:\n", days(count)),
    };
    for difference in &found.differences {
        let _ = writeln!(text, "  {} {} {}: {}", difference.day, difference.table, difference.key, difference.numbers);
    }
    // Of each table and stretch of days only the first ones are listed, each with how many there are.
    if found.differences.iter().any(|difference| difference.total > DIFFERENCES_MAX) {
        text.push_str("  … and more: only the first are listed.\n");
    }
    if found.pending > 0 {
        let _ = writeln!(
            text,
            "Of {} something changed since the sums were made: there the reports themselves answer.",
            days(found.pending)
        );
    }
    if !found.differences.is_empty() {
        text.push_str("The reports are what counts. `tlsight check-sums --rebuild` makes all sums anew of them.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tables::day_sums::SumDifference;

    fn found_one() -> SumDifference {
        SumDifference {
            table: "day_report".into(),
            day: "2026-11-22".into(),
            key: "example.net dkim".into(),
            numbers: "reports 3, by the rows 2".into(),
            total: 1,
        }
    }

    #[test]
    fn what_was_found_is_told_with_what_to_do() {
        let none = SumsCheck::default();
        assert_eq!(as_text(&none), "No sums are made yet.\n");
        let good = SumsCheck { days: 2, pending: 1, differences: Vec::new() };
        let text = as_text(&good);
        assert!(
            text.starts_with("The sums of 2 days are those of their reports.\nOf 1 day something changed"),
            "{text}"
        );
        let text = as_text(&SumsCheck { differences: vec![found_one()], ..good });
        assert!(text.contains("  2026-11-22 day_report example.net dkim: reports 3, by the rows 2\n"), "{text}");
        assert!(text.ends_with("makes all sums anew of them.\n") && !text.contains("and more"), "{text}");
        let many = SumDifference { total: 21, ..found_one() };
        assert!(as_text(&SumsCheck { differences: vec![many], ..SumsCheck::default() }).contains("and more"));
    }
}
