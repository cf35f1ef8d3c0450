//! `docs/deviations.md` against the code.

use std::{collections::BTreeMap, fs, path::Path};

use super::fixtures;
use crate::{
    decode::mail,
    limits::Limits,
    report::{Deviation, Deviations},
};

/// What only the whole way shows: these are set after the signature was judged.
const IN_PIPELINE: (&str, [&str; 3]) =
    ("in `src/pipeline/tests", ["submitter-mismatch", "dkim-late", "token-other-domain"]);

/// Code to fixture, as the page has them.
fn rows() -> BTreeMap<String, String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deviations.md");
    let page = fs::read_to_string(page).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{line}");
        let earlier = rows.insert(cells[0].trim_matches('`').to_owned(), cells[4].trim_matches('`').to_owned());
        assert_eq!(earlier, None, "{line}");
    }
    rows
}

#[test]
fn the_page_lists_every_deviation_and_no_other() {
    let mut listed: Vec<String> = rows().into_keys().collect();
    let mut known: Vec<String> = Deviation::ALL.iter().map(|deviation| deviation.as_str().to_owned()).collect();
    listed.sort();
    known.sort();
    assert_eq!(listed, known);
}

#[test]
fn every_fixture_named_there_shows_its_deviation() {
    let (elsewhere, codes) = IN_PIPELINE;
    for (code, fixture) in rows() {
        assert_eq!(fixture == elsewhere, codes.contains(&code.as_str()), "{code} in {fixture}");
        if fixture == elsewhere {
            continue;
        }
        let deviation = Deviation::from_name(&code).unwrap();
        let shown = deviations(&fixture).iter().any(|deviations| deviations.contains(deviation));
        assert!(shown, "{code} in {fixture}");
    }
}

/// Of each report in a fixture, or of each part of a mail.
fn deviations(fixture: &str) -> Vec<Deviations> {
    if fixture.ends_with(".eml") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mails").join(fixture);
        let mail = mail::open(&fs::read(path).unwrap(), &Limits::default()).unwrap();
        return mail.parts.into_iter().map(|part| part.deviations).collect();
    }
    let reports = fixtures::read(&fixtures::root().join(fixture)).unwrap();
    reports.into_iter().flatten().map(|report| report.deviations).collect()
}
