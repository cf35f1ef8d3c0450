//! The sums of days, counted again at the terminal.

use std::path::Path;

use crate::{
    crash::report,
    server::{Server, tlsight},
};

fn check(data: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = tlsight().arg("check-sums").args(more).arg("--data").arg(data).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn sums_are_counted_again_beside_a_server_and_without_one() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Server::start(&data);
    assert_eq!(check(&data, &[]), (Some(0), "No sums are made yet.\n".to_owned()));
    assert_eq!(server.post(&report("a")).status, 201);
    let good = (Some(0), "The sums of 1 day are those of their reports.\n".to_owned());
    assert_eq!(check(&data, &["--rebuild"]), good);
    drop(server);
    assert_eq!(check(&data, &[]), good);
    let json: serde_json::Value = serde_json::from_str(&check(&data, &["--json"]).1).unwrap();
    assert_eq!((&json["days"], &json["pending"], &json["differences"]), (&1.into(), &0.into(), &serde_json::json!([])));
}
