//! The data directory removed, renamed, replaced while the server runs: nobody hears that a report is stored which whoever
//! starts again would not find.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    crash::report,
    server::{Server, all_report_ids, until},
};

/// A server with an acknowledged report, in a directory somebody made by hand.
fn served(directory: &Path) -> (PathBuf, Server) {
    let data = directory.join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let server = Server::start(&data);
    assert_eq!(server.post(&report("before")).status, 201);
    assert_eq!(server.get("/readyz").status, 200);
    (data, server)
}

/// A post and `/readyz` say that nothing is stored, the latter why.
fn refuses(server: &Server, why: &str) {
    let answer = server.post(&report("meanwhile"));
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("store-failed")), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    let ready = server.get("/readyz");
    let detail = ready.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(ready.status == 503 && detail.contains(why), "{} {detail}", ready.status);
    assert!(server.get("/").text().contains("Nothing can be stored."), "the overview says it");
}

fn ids(server: &Server) -> Vec<String> {
    let mut ids = all_report_ids(server);
    ids.sort();
    ids
}

#[test]
fn a_data_directory_that_is_renamed_acknowledges_nothing_and_goes_on_when_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (data, server) = served(directory.path());
    for name in ["tlsight.duckdb", "tlsight.duckdb.wal"] {
        let mode = fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let away = directory.path().join("away");
    fs::rename(&data, &away).unwrap();
    refuses(&server, "is gone");
    fs::rename(&away, &data).unwrap();
    until("the server is ready again without being asked for anything", || server.get("/readyz").status == 200);
    assert_eq!(server.post(&report("after")).status, 201);
    server.kill();
    assert_eq!(ids(&Server::start(&data)), ["after", "before"]);
}

#[test]
fn a_data_directory_that_is_removed_acknowledges_nothing_and_another_one_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (data, server) = served(directory.path());
    fs::remove_dir_all(&data).unwrap();
    refuses(&server, "is gone");
    fs::create_dir(&data).unwrap();
    refuses(&server, "is gone");

    let other = directory.path().join("other");
    let of_other = Server::start(&other);
    assert_eq!(of_other.post(&report("of another")).status, 201);
    of_other.kill();
    fs::remove_dir(&data).unwrap();
    fs::rename(&other, &data).unwrap();
    refuses(&server, "restart the server");
    assert!(server.stop().success());
    assert_eq!(ids(&Server::start(&data)), ["of another"], "the log of the other was not touched");
}

#[test]
fn a_log_that_is_empty_after_a_crash_is_told_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (data, server) = served(directory.path());
    server.kill();
    let start = |name: &str| {
        let log = directory.path().join(name);
        let file = fs::File::create(&log).unwrap();
        Server::start_with(&data, |command| command.stderr(file)).kill();
        fs::read_to_string(log).unwrap()
    };
    let shown = start("untouched");
    assert!(!shown.contains("write-ahead log"), "{shown}");
    let server = Server::start(&data);
    assert_eq!(server.post(&report("second")).status, 201);
    assert_eq!(ids(&server), ["before", "second"]);
    server.kill();
    fs::write(data.join("tlsight.duckdb.wal"), "").unwrap();
    let shown = start("emptied");
    assert!(
        shown.contains("is empty") && shown.contains("reports that were acknowledged are lost, but for"),
        "{shown}"
    );
    assert_eq!(ids(&Server::start(&data)), ["before", "second"], "the journal still held it");
}

#[test]
fn a_log_that_is_removed_is_made_good_from_what_the_server_knows() {
    let directory = tempfile::tempdir().unwrap();
    let (data, server) = served(directory.path());
    fs::remove_file(data.join("tlsight.duckdb.wal")).unwrap();
    // It may be made good before anybody could ask why.
    assert_eq!(server.post(&report("meanwhile")).status, 503);
    until("what the log held is in the database", || server.get("/readyz").status == 200);
    assert_eq!(server.post(&report("after")).status, 201);
    server.kill();
    assert_eq!(ids(&Server::start(&data)), ["after", "before"]);
}
