//! The binary as an operator runs it: start, post, look, import, stop.

use std::{fs, io::Write, path::Path};

use flate2::{Compress, Compression, FlushCompress};
use serde_json::Value;

use crate::{
    crash::report,
    server::{Server, all_report_ids, tlsight},
};

/// What refusing a bomb may cost above the idle process.
const BOMB_COST_MAX_BYTES: u64 = 64 * 1024 * 1024;

#[test]
fn a_report_is_stored_shown_and_there_after_a_stop() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Server::start(&data);
    let first = server.post(&report("one"));
    assert_eq!(first.status, 201, "{}", first.text());
    let uuid = first.json()["report"].as_str().unwrap().to_owned();
    assert_eq!(first.json()["outcome"], "stored");
    let second = server.post(&report("one"));
    assert_eq!((second.status, second.json()["report"].as_str()), (200, Some(uuid.as_str())));

    let shown = server.get(&format!("/api/v1/reports/{uuid}"));
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert_eq!(shown.json()["report_id"], "one");
    let raw = server.get(&format!("/api/v1/reports/{uuid}/raw"));
    assert_eq!(raw.body, report("one"), "the original bytes");
    let page = server.get(&format!("/reports/{uuid}"));
    assert!(page.text().contains("certificate-expired"));

    assert!(server.stop().success());
    assert!(!data.join("tlsight.duckdb.wal").exists(), "a stop leaves no log behind");
    assert_eq!(all_report_ids(&Server::start(&data)), ["one"]);
}

#[test]
fn who_is_known_is_printed_with_what_proves_it_and_an_operator_adds_others() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("tlsight.toml");
    let own = "[[reporter]]\nkey = \"sender.example\"\nname = \"Sender\"\nsigning_domains = [\"sender.example\"]\n\
               networks = [\"192.0.2.0/24\"]\n";
    fs::write(&config, own).unwrap();
    let asked = |arguments: &[&str]| {
        let output = tlsight().arg("reporters").args(arguments).arg("--config").arg(&config).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = asked(&[]);
    assert!(text.contains("google.com  Google Inc.\n  signed by  google.com"), "{text}");
    assert!(text.contains("sender.example  Sender  (your configuration)\n"), "{text}");
    assert!(text.contains("posts      192.0.2.0/24"), "{text}");
    let items: Value = serde_json::from_str(&asked(&["--json"])).unwrap();
    let of = |key: &str| items["items"].as_array().unwrap().iter().find(|item| item["key"] == key).unwrap().clone();
    assert_eq!(
        (&of("google.com")["from"], &of("sender.example")["from"]),
        (&"shipped".into(), &"configuration".into())
    );

    fs::write(&config, "[[reporter]]\nkey = \"not a domain\"\nname = \"X\"\nsigning_domains = [\"x\"]\n").unwrap();
    let output = tlsight().arg("reporters").arg("--config").arg(&config).output().unwrap();
    assert!(!output.status.success(), "a key that is no domain");
}

#[test]
fn import_hands_the_files_to_a_running_server() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let files = directory.path().join("files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("a.json.gz"), report("a")).unwrap();
    fs::write(files.join("b.json.gz"), report("b")).unwrap();
    fs::write(files.join("broken.json"), "{").unwrap();
    let server = Server::start(&data);
    server.post(&report("a"));

    let summary = import(&data, &files, 1);
    assert_eq!((&summary["stored"], &summary["duplicate"], &summary["quarantined"]), (&1.into(), &1.into(), &1.into()));
    let codes: Vec<&Value> = summary["items"].as_array().unwrap().iter().map(|item| &item["code"]).collect();
    assert!(codes.contains(&&Value::from("bad-json")), "{summary}");
    assert_eq!(all_report_ids(&server).len(), 2);
    assert!(server.stop().success());

    // The same without the server: nothing is new.
    let again = import(&data, &files, 1);
    assert_eq!((&again["stored"], &again["duplicate"]), (&0.into(), &2.into()));
}

#[test]
fn only_its_own_user_reads_what_it_makes_and_a_directory_open_to_others_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let import = |data: &Path| {
        let file = directory.path().join("r.json.gz");
        fs::write(&file, report("a")).unwrap();
        let mut command = tlsight();
        command.arg("import").arg("--data").arg(data).arg(&file).stderr(std::process::Stdio::piped());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let new = directory.path().join("new");
    assert!(!import(&new).contains("is open to every user"));
    let open = directory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let shown = import(&open);
    assert!(shown.contains("is open to every user of this machine (mode 0755)"), "{shown}");
    let check = |data: &Path| {
        let output = tlsight().args(["config", "check", "--data"]).arg(data).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("is open to every user of this machine (mode 0755)")
    };
    assert_eq!((check(&open), check(&new)), (true, false));
    assert_eq!(mode(&new), 0o700);
    for data in [&new, &open] {
        for entry in fs::read_dir(data).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
        }
    }
}

#[test]
fn one_directory_has_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let _first = Server::start(&data);
    let mut second = tlsight();
    second.args(["serve", "--public", "127.0.0.1:0", "--private", "127.0.0.1:0", "--data"]).arg(&data);
    let output = second.stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(data.to_str().unwrap()), "names the directory: {said}");
}

#[test]
fn the_pages_stay_on_loopback_unless_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = tlsight();
    command.args(["serve", "--public", "off", "--private", "0.0.0.0:0", "--data"]).arg(directory.path().join("data"));
    let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("private.allow_remote"));
}

#[test]
fn a_gzip_bomb_is_refused_and_costs_little() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    assert_eq!(server.post(&report("warm")).status, 201);
    let idle = server.peak_memory_bytes();
    let answer = server.post(&bomb());
    assert_eq!((answer.status, answer.json()["code"].as_str()), (413, Some("too-large-unpacked")), "{}", answer.text());
    let cost = server.peak_memory_bytes() - idle;
    assert!(cost < BOMB_COST_MAX_BYTES, "refusing it cost {cost} bytes");
    assert_eq!(server.post(&report("after")).status, 201);
}

/// Ten gigabytes of zeros in ten megabytes: one deflated mebibyte, ten thousand times.
fn bomb() -> Vec<u8> {
    let mut deflated = Vec::with_capacity(4096);
    let zeros = vec![0; 1024 * 1024];
    Compress::new(Compression::best(), false).compress_vec(&zeros, &mut deflated, FlushCompress::Full).unwrap();
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..10_000 {
        bomb.write_all(&deflated).unwrap();
    }
    bomb
}

fn import(data: &Path, files: &Path, exit: i32) -> Value {
    let output = tlsight().args(["import", "--json", "--data"]).arg(data).arg(files).output().unwrap();
    assert_eq!(output.status.code(), Some(exit));
    serde_json::from_slice(&output.stdout).unwrap()
}
