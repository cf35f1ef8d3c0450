//! What an import says on standard output: each file that needs a word while it goes, then the sums.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::{Value, json};

use crate::{
    control::{OutcomeWord, ReportedOutcome},
    import::{ImportItem, ImportStop, ImportTally},
    submission::ByDomain,
    text::{visible, visible_path},
};

/// Domains named in the sum; JSON has up to ten times as many.
const FOREIGN_SHOWN: usize = 20;

/// Written as it comes, so that an import of a million files holds none of them in memory.
pub(super) enum Listing<W> {
    Text(W),
    Json { out: W, items: u64 },
}

impl<W: Write> Listing<W> {
    pub(super) fn text(out: W) -> Listing<W> {
        Listing::Text(out)
    }

    pub(super) fn json(out: W) -> Listing<W> {
        Listing::Json { out, items: 0 }
    }

    /// A line for each report that was not stored. Duplicates, and mails of another kind, have one in JSON only: they need
    /// nobody's attention, and a mailbox may hold many.
    pub(super) fn item(&mut self, item: &ImportItem) -> io::Result<()> {
        let several = item.outcomes.len() > 1;
        for (element, reported) in item.outcomes.iter().enumerate() {
            let element = several.then_some(element);
            match self {
                _ if reported.outcome == OutcomeWord::Stored => {}
                Listing::Text(_) if reported.outcome == OutcomeWord::Duplicate => {}
                Listing::Text(_) if reported.outcome == OutcomeWord::Ignored && reported.code.is_some() => {}
                Listing::Text(out) => write_line(out, item, element, reported)?,
                Listing::Json { out, items } => {
                    out.write_all(if *items == 0 { b"{\"items\":[\n" } else { b",\n" })?;
                    serde_json::to_writer(&mut *out, &as_json(item, element, reported))?;
                    *items += 1;
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, tally: &ImportTally, stop: Option<&ImportStop>) -> io::Result<()> {
        match self {
            Listing::Text(out) => write_sums(out, tally, stop)?,
            Listing::Json { out, items } => {
                out.write_all(if *items == 0 { b"{\"items\":[" } else { b"\n]" })?;
                if *items == 0 {
                    out.write_all(b"]")?;
                }
                let stopped = json!(stop.map(ToString::to_string));
                let foreign = tally.foreign.foremost(10 * FOREIGN_SHOWN);
                let foreign = json!(foreign.domains.into_iter().collect::<BTreeMap<_, _>>());
                writeln!(
                    out,
                    ",\"stored\":{},\"duplicate\":{},\"quarantined\":{},\"refused\":{},\"ignored\":{},\"deferred\":{},\
                     \"refused_domains\":{foreign},\"stopped\":{stopped}}}",
                    tally.stored,
                    tally.duplicate,
                    tally.quarantined_total(),
                    tally.refused_total(),
                    tally.ignored,
                    tally.deferred,
                )?;
            }
        }
        match self {
            Listing::Text(out) | Listing::Json { out, .. } => out.flush(),
        }
    }
}

fn write_line(
    out: &mut impl Write,
    item: &ImportItem,
    element: Option<usize>,
    reported: &ReportedOutcome,
) -> io::Result<()> {
    let element = element.map(|element| format!(" report {element}")).unwrap_or_default();
    let reason =
        [reported.code.as_deref(), reported.detail.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let word = if reported.is_deferred() { "deferred" } else { reported.outcome.as_str() };
    writeln!(out, "{word:<11}  {}{element}  {}", visible_path(&item.path), visible(&reason))
}

/// The path as it is where it is text, so that a program can open it.
fn as_json(item: &ImportItem, element: Option<usize>, reported: &ReportedOutcome) -> Value {
    let path = item.path.to_str().map_or_else(|| visible_path(&item.path), str::to_owned);
    let mut value = json!({
        "path": path,
        "outcome": reported.outcome.as_str(),
        "code": reported.code,
        "detail": reported.detail,
    });
    if let (Some(element), Value::Object(members)) = (element, &mut value) {
        members.insert("element".to_owned(), json!(element));
    }
    value
}

fn write_sums(out: &mut impl Write, tally: &ImportTally, stop: Option<&ImportStop>) -> io::Result<()> {
    writeln!(out)?;
    writeln!(out, "stored       {:>9}", tally.stored)?;
    writeln!(out, "duplicate    {:>9}", tally.duplicate)?;
    write_by_code(out, "quarantined", tally.quarantined_total(), &tally.quarantined)?;
    write_by_code(out, "refused", tally.refused_total(), &tally.refused)?;
    write_by_code(out, "ignored", tally.ignored, &tally.ignored_mail)?;
    // What is no mail has no code.
    let files = tally.ignored.saturating_sub(tally.ignored_mail.values().sum());
    if files > 0 && files < tally.ignored {
        let files_are = if files == 1 { "other file" } else { "other files" };
        writeln!(out, "             {files:>9}  {files_are}")?;
    }
    if !tally.foreign.is_empty() {
        writeln!(out)?;
        writeln!(
            out,
            "Refused for domains that are not served: {}. Add [[domain]] for yours.",
            foreign(&tally.foreign)
        )?;
    }
    if tally.deferred > 0 {
        writeln!(out, "deferred     {:>9}", tally.deferred)?;
        writeln!(out)?;
        writeln!(
            out,
            "Deferred: the keys of some signatures cannot be looked up now. Run the same command again later: what is stored \
             is recognised."
        )?;
    }
    if let Some(stop) = stop {
        writeln!(out)?;
        writeln!(
            out,
            "Ended early after {} inputs: {stop}. Run the same command again: what is stored is recognised.",
            tally.inputs
        )?;
    }
    Ok(())
}

/// The domains with the most refused reports, and how many others there are.
fn foreign(refused: &ByDomain) -> String {
    let shown = refused.foremost(FOREIGN_SHOWN);
    let named: Vec<String> =
        shown.domains.iter().map(|(domain, count)| format!("{} {count}", visible(domain))).collect();
    format!("{}{}", named.join(", "), shown.rest())
}

fn write_by_code(out: &mut impl Write, word: &str, total: u64, codes: &BTreeMap<String, u64>) -> io::Result<()> {
    writeln!(out, "{word:<11}  {total:>9}")?;
    for (code, count) in codes {
        writeln!(out, "             {count:>9}  {}", visible(code))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

    use super::*;

    fn reported(outcome: OutcomeWord, code: Option<&str>, detail: Option<&str>) -> ReportedOutcome {
        ReportedOutcome {
            outcome,
            uuid: None,
            code: code.map(str::to_owned),
            detail: detail.map(str::to_owned),
            domains: Vec::new(),
        }
    }

    fn foreign(domain: &str) -> ReportedOutcome {
        let reported = reported(OutcomeWord::Refused, Some("foreign-domain"), Some("not served here"));
        ReportedOutcome { domains: vec![domain.to_owned()], ..reported }
    }

    fn items() -> Vec<ImportItem> {
        vec![
            ImportItem { path: PathBuf::from("a.json"), outcomes: vec![reported(OutcomeWord::Stored, None, None)] },
            ImportItem { path: PathBuf::from("b.json"), outcomes: vec![reported(OutcomeWord::Duplicate, None, None)] },
            ImportItem {
                path: PathBuf::from(OsStr::from_bytes(b"evil\x1b[31m\n\xff.gz")),
                outcomes: vec![
                    reported(OutcomeWord::Stored, None, None),
                    reported(OutcomeWord::Quarantined, Some("bad-date"), Some("\u{1b}[2J is no date (at /x)")),
                ],
            },
            ImportItem {
                path: PathBuf::from("d"),
                outcomes: vec![reported(OutcomeWord::Refused, Some("not-json"), Some("no"))],
            },
            ImportItem {
                path: PathBuf::from("d2"),
                outcomes: vec![foreign("a.example"), foreign("b\u{1b}.example"), foreign("b\u{1b}.example")],
            },
            ImportItem {
                path: PathBuf::from("e.txt"),
                outcomes: vec![reported(OutcomeWord::Ignored, None, Some("hidden"))],
            },
            ImportItem {
                path: PathBuf::from("f.mbox#1"),
                outcomes: vec![reported(OutcomeWord::Ignored, Some("not-tlsrpt"), Some("spam"))],
            },
            ImportItem {
                path: PathBuf::from("f.mbox#2"),
                outcomes: vec![reported(OutcomeWord::Busy, Some("key-lookup"), Some("not now"))],
            },
        ]
    }

    fn listed(mut listing: Listing<Vec<u8>>, items: &[ImportItem], stop: Option<&ImportStop>) -> String {
        let mut tally = ImportTally::default();
        for item in items {
            tally.add(item);
            listing.item(item).unwrap();
        }
        listing.finish(&tally, stop).unwrap();
        match listing {
            Listing::Text(out) | Listing::Json { out, .. } => String::from_utf8(out).unwrap(),
        }
    }

    #[test]
    fn people_see_what_was_not_stored_and_no_escapes() {
        insta::assert_snapshot!(listed(Listing::text(Vec::new()), &items(), Some(&ImportStop::Interrupted)));
    }

    #[test]
    fn programs_read_one_object() {
        let text = listed(Listing::json(Vec::new()), &items(), None);
        insta::assert_json_snapshot!(serde_json::from_str::<Value>(&text).expect("valid JSON"));
        let empty = listed(Listing::json(Vec::new()), &[], Some(&ImportStop::Busy("the disk is full".to_owned())));
        let empty: Value = serde_json::from_str(&empty).expect("valid JSON");
        assert_eq!(empty["items"], json!([]));
        assert_eq!(empty["stopped"], "the disk is full");
    }
}
