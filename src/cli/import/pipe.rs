//! `tlsight import -`: one mail from a mail server, which reads the exit code and may put what is printed into a bounce.

use std::{
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    process::ExitCode,
};

use super::{open, print::Listing};
use crate::{
    cli::Common,
    clock::Clock,
    config::Environment,
    control::{OutcomeWord, ReportedOutcome},
    import::{self, ImportItem, ImportTally, UNREADABLE},
    text::visible,
};

/// Codes of sysexits.h, as mail servers understand them of a command.
const OK: u8 = 0;
/// `EX_DATAERR`: the mail is wrong, and will be.
const REFUSED: u8 = 65;
/// `EX_TEMPFAIL`: the mail stays in the queue and comes again.
pub(crate) const LATER: u8 = 75;

/// Never an error: a mail server would take the exit code of one for the end of the mail. Whatever is wrong here, with the
/// configuration too, is a reason to come again.
pub(super) fn run(common: &Common, trusted_input: bool) -> ExitCode {
    let taken = panic::catch_unwind(AssertUnwindSafe(|| take(common, trusted_input)));
    let taken = taken.unwrap_or_else(|_| Err(anyhow::anyhow!("tlsight itself failed on this input")));
    let code = match taken {
        Ok(reported) => {
            // The mail is taken, whether or not somebody reads that.
            let _ = print(common, &reported);
            status(&reported)
        }
        Err(error) => {
            eprintln!("tlsight: {}", one_line(&format!("{error:#}")));
            LATER
        }
    };
    ExitCode::from(code)
}

fn take(common: &Common, trusted_input: bool) -> anyhow::Result<Vec<ReportedOutcome>> {
    let config = common.config(&Environment::of_process())?;
    let (mut sink, local) = open(&config)?;
    let reported = import::import_piped(io::stdin(), trusted_input, &mut sink, &Clock::system());
    if let Some(local) = local {
        local.close()?;
    }
    Ok(reported?)
}

/// What the mail server is to do. Its sender must not hear of a quarantine, and not that something else than a report was
/// sent here; a mail of which anything was kept is not sent back.
fn status(reported: &[ReportedOutcome]) -> u8 {
    let any = |word: OutcomeWord| reported.iter().any(|reported| reported.outcome == word);
    let cut_off = reported.iter().any(|reported| reported.code.as_deref() == Some(UNREADABLE));
    if reported.is_empty() || cut_off || any(OutcomeWord::Busy) {
        LATER
    } else if any(OutcomeWord::Refused)
        && !any(OutcomeWord::Stored)
        && !any(OutcomeWord::Duplicate)
        && !any(OutcomeWord::Quarantined)
    {
        REFUSED
    } else {
        OK
    }
}

fn print(common: &Common, reported: &[ReportedOutcome]) -> io::Result<()> {
    let mut out = io::stdout();
    if !common.json {
        return writeln!(out, "{}", line(reported));
    }
    let item = ImportItem { path: PathBuf::from("-"), outcomes: reported.to_vec() };
    let mut tally = ImportTally::default();
    tally.add(&item);
    let mut listing = Listing::json(out);
    listing.item(&item)?;
    listing.finish(&tally, None)
}

/// The outcomes in one line, those with the same words once.
fn line(reported: &[ReportedOutcome]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for reported in reported {
        let words = [Some(reported.outcome.as_str()), reported.code.as_deref(), reported.detail.as_deref()];
        let part = words.into_iter().flatten().collect::<Vec<_>>().join(": ");
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    one_line(&parts.join("; "))
}

fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 400;
    let text = text.lines().collect::<Vec<_>>().join("; ");
    visible(&text.chars().take(MAX_CHARS).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(outcome: OutcomeWord, code: Option<&str>) -> ReportedOutcome {
        ReportedOutcome { outcome, uuid: None, code: code.map(str::to_owned), detail: None, domains: Vec::new() }
    }

    #[test]
    fn the_mail_server_hears_what_to_do() {
        use OutcomeWord::{Busy, Duplicate, Ignored, Quarantined, Refused, Stored};
        for (words, code) in [
            (&[Stored][..], 0),
            (&[Duplicate], 0),
            (&[Ignored], 0),
            (&[Quarantined], 0),
            (&[Refused], 65),
            (&[Refused, Ignored], 65),
            (&[Refused, Stored], 0),
            (&[Quarantined, Refused], 0),
            (&[Busy], 75),
            (&[Stored, Busy], 75),
            (&[Refused, Busy], 75),
            (&[], 75),
        ] {
            let outcomes: Vec<ReportedOutcome> = words.iter().map(|word| reported(*word, None)).collect();
            assert_eq!(status(&outcomes), code, "{words:?}");
        }
        assert_eq!(status(&[reported(Refused, Some(UNREADABLE))]), 75, "the pipe broke");
        assert_eq!(status(&[reported(Busy, Some("key-lookup"))]), 75);
    }

    #[test]
    fn it_hears_it_in_one_line() {
        let refused = ReportedOutcome {
            detail: Some("no\nend\u{1b}".to_owned()),
            ..reported(OutcomeWord::Refused, Some("not-json"))
        };
        assert_eq!(line(&[refused.clone(), refused]), "refused: not-json: no; end‹U+001B›");
        assert_eq!(
            line(&[
                reported(OutcomeWord::Stored, None),
                reported(OutcomeWord::Stored, None),
                reported(OutcomeWord::Busy, None)
            ]),
            "stored; busy"
        );
        assert!(
            line(&[ReportedOutcome { detail: Some("x".repeat(9_999)), ..reported(OutcomeWord::Busy, None) }]).len()
                < 500
        );
    }
}
