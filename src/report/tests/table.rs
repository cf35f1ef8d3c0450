//! `docs/deviations.md` against the code.

use std::{collections::BTreeMap, fs, path::Path};

use super::fixtures;
use crate::report::Deviation;

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
    for (code, fixture) in rows() {
        let reports = fixtures::read(&fixtures::root().join(&fixture)).unwrap();
        let deviation = Deviation::from_code(&code).unwrap();
        let shown = reports.iter().flatten().any(|report| report.deviations.contains(deviation));
        assert!(shown, "{code} in {fixture}");
    }
}
