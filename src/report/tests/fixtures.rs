//! Walks the fixtures.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use super::dump;
use crate::{
    decode::documents,
    fault::Fault,
    limits::Limits,
    report::{Report, parse},
    submission::{Channel, Hints},
    verify::{self, Served},
};

/// All fixtures were received then.
pub(super) fn received_at() -> DateTime<Utc> {
    "2024-03-02T04:00:00Z".parse().unwrap()
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reports")
}

/// The inputs, sorted.
pub(super) fn inputs() -> Vec<PathBuf> {
    let mut inputs = Vec::new();
    for sender in fs::read_dir(root()).unwrap() {
        for file in fs::read_dir(sender.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let beside = [".expected.json", ".got", ".http", ".served"];
            if !beside.iter().any(|suffix| name.ends_with(suffix)) {
                inputs.push(path);
            }
        }
    }
    inputs.sort();
    assert!(inputs.len() > 50, "the fixtures are missing");
    inputs
}

/// What the whole way from bytes to a judged report makes of a fixture.
pub(super) fn read(path: &Path) -> Result<Vec<Result<Report, Fault>>, Fault> {
    let hints = hints(&path.with_extension("http"));
    let limits = Limits::default();
    let mut reports = Vec::new();
    for document in documents(&fs::read(path).unwrap(), &hints, &limits)? {
        match document.and_then(|document| Ok((parse(&document.json, received_at(), &limits)?, document.deviations))) {
            Ok((mut parsed, deviations)) => {
                parsed.iter_mut().flatten().for_each(|report| report.deviations.merge(&deviations));
                reports.append(&mut parsed);
            }
            Err(fault) => reports.push(Err(fault)),
        }
    }
    // What is said of one document is said of all.
    if let [Err(_)] = reports[..] {
        return Err(reports.remove(0).unwrap_err());
    }
    let served = served(&path.with_extension("served"));
    for report in &mut reports {
        let judged =
            report.as_mut().map(|report| verify::standing(report, Channel::Https, &hints, None, &served).err());
        if let Ok(Some(fault)) = judged {
            *report = Err(fault);
        }
    }
    Ok(reports)
}

fn hints(path: &Path) -> Hints {
    let mut hints = Hints::default();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let (name, value) = line.split_once(':').unwrap();
        let value = Some(value.trim().to_owned());
        match name {
            "Content-Type" => hints.media_type = value,
            "Content-Encoding" => hints.content_encoding = value,
            _ => panic!("{name} in {}", path.display()),
        }
    }
    hints
}

fn served(path: &Path) -> Served {
    let mut served = Served::default();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        served.domains.insert(words.next().unwrap(), words.collect());
    }
    served
}

#[test]
fn every_fixture_gives_what_is_expected() {
    let mut wrong = Vec::new();
    for path in inputs() {
        let got = dump::outcome(&read(&path));
        let expected = path.with_extension("expected.json");
        let got_path = path.with_extension("got");
        let is_expected = fs::read_to_string(&expected)
            .is_ok_and(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap() == got);
        if is_expected {
            let _ = fs::remove_file(got_path);
        } else {
            fs::write(&got_path, serde_json::to_string_pretty(&got).unwrap() + "\n").unwrap();
            wrong.push(got_path);
        }
    }
    assert!(wrong.is_empty(), "compare these with what is expected: {wrong:#?}");
}
