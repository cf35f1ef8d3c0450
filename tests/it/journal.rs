//! The journal of a server that was killed: damaged, refused, repaired.

use std::{fs, process::Stdio};

use crate::{
    crash::report,
    server::{Server, all_report_ids, tlsight},
};

#[test]
fn a_damaged_journal_stops_every_start_until_it_is_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Server::start(&data);
    for id in ["a", "b", "c"] {
        assert_eq!(server.post(&report(id)).status, 201);
    }
    server.kill();
    let segment = fs::read_dir(data.join("journal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    let batches: Vec<usize> = (0..bytes.len()).step_by(8).filter(|at| bytes[*at..].starts_with(b"TLSB")).collect();
    bytes[batches[1] + 50] ^= 1;
    fs::write(&segment, bytes).unwrap();

    let input = directory.path().join("d.json.gz");
    fs::write(&input, report("d")).unwrap();
    let refused = tlsight().arg("import").arg("--data").arg(&data).arg(&input).stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("tlsight repair --data"), "{told}");

    let repaired = tlsight().arg("repair").arg("--data").arg(&data).stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&repaired.stdout).into_owned();
    let warned = String::from_utf8_lossy(&repaired.stderr).into_owned();
    assert!(!warned.contains("ERROR"), "no loss is told of that was none: {warned}");
    assert!(repaired.status.success() && told.contains("2 submissions in it are whole and were taken in"), "{told}");
    let ids = all_report_ids(&Server::start(&data));
    assert!(["a", "c"].iter().all(|id| ids.iter().filter(|found| found == id).count() == 1), "{ids:?}");
    let repaired = tlsight().arg("repair").arg("--data").arg(&data).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&repaired.stdout), "Nothing is damaged.\n");
}
