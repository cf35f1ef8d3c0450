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
    control::{Told, Word},
    import::{self, Item, Tally, UNREADABLE},
    text::visible,
};

/// Codes of sysexits.h, as mail servers understand them of a command.
const OK: u8 = 0;
/// `EX_DATAERR`: the mail is wrong, and will be.
const REFUSED: u8 = 65;
/// `EX_TEMPFAIL`: the mail stays in the queue and comes again.
pub const LATER: u8 = 75;

/// Never an error: a mail server would take the exit code of one for the end of the mail. Whatever is wrong here, with the
/// configuration too, is a reason to come again.
pub fn run(common: &Common, vouched: bool) -> ExitCode {
    let taken = panic::catch_unwind(AssertUnwindSafe(|| take(common, vouched)));
    let taken = taken.unwrap_or_else(|_| Err(anyhow::anyhow!("tlsight itself failed on this input")));
    let code = match taken {
        Ok(told) => {
            // The mail is taken, whether or not somebody reads that.
            let _ = print(common, &told);
            status(&told)
        }
        Err(error) => {
            eprintln!("tlsight: {}", one_line(&format!("{error:#}")));
            LATER
        }
    };
    ExitCode::from(code)
}

fn take(common: &Common, vouched: bool) -> anyhow::Result<Vec<Told>> {
    let config = common.config(&Environment::of_process())?;
    let (mut sink, local) = open(&config)?;
    let told = import::import_piped(io::stdin(), vouched, &mut sink, &Clock::system());
    if let Some(local) = local {
        local.close()?;
    }
    Ok(told?)
}

/// What the mail server is to do. Its sender must not hear of a quarantine, and not that something else than a report was
/// sent here; a mail of which anything was kept is not sent back.
fn status(told: &[Told]) -> u8 {
    let any = |word: Word| told.iter().any(|told| told.outcome == word);
    let cut_off = told.iter().any(|told| told.code.as_deref() == Some(UNREADABLE));
    if told.is_empty() || cut_off || any(Word::Busy) {
        LATER
    } else if any(Word::Refused) && !any(Word::Stored) && !any(Word::Duplicate) && !any(Word::Quarantined) {
        REFUSED
    } else {
        OK
    }
}

fn print(common: &Common, told: &[Told]) -> io::Result<()> {
    let mut out = io::stdout();
    if !common.json {
        return writeln!(out, "{}", line(told));
    }
    let item = Item { path: PathBuf::from("-"), told: told.to_vec() };
    let mut tally = Tally::default();
    tally.add(&item);
    let mut listing = Listing::json(out);
    listing.item(&item)?;
    listing.finish(&tally, None)
}

/// The outcomes in one line, those with the same words once.
fn line(told: &[Told]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for told in told {
        let words = [Some(told.outcome.as_str()), told.code.as_deref(), told.detail.as_deref()];
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

    fn told(outcome: Word, code: Option<&str>) -> Told {
        Told { outcome, uuid: None, code: code.map(str::to_owned), detail: None, domains: Vec::new() }
    }

    #[test]
    fn the_mail_server_hears_what_to_do() {
        use Word::{Busy, Duplicate, Ignored, Quarantined, Refused, Stored};
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
            let told: Vec<Told> = words.iter().map(|word| told(*word, None)).collect();
            assert_eq!(status(&told), code, "{words:?}");
        }
        assert_eq!(status(&[told(Refused, Some(UNREADABLE))]), 75, "the pipe broke");
        assert_eq!(status(&[told(Busy, Some("key-lookup"))]), 75);
    }

    #[test]
    fn it_hears_it_in_one_line() {
        let refused = Told { detail: Some("no\nend\u{1b}".to_owned()), ..told(Word::Refused, Some("not-json")) };
        assert_eq!(line(&[refused.clone(), refused]), "refused: not-json: no; end‹U+001B›");
        assert_eq!(line(&[told(Word::Stored, None), told(Word::Stored, None), told(Word::Busy, None)]), "stored; busy");
        assert!(line(&[Told { detail: Some("x".repeat(9_999)), ..told(Word::Busy, None) }]).len() < 500);
    }
}
