use std::{
    fs,
    io::Write,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    sync::Arc,
};

use chrono::DateTime;
use tokio::sync::watch;

use super::*;
use crate::{
    control::{Control, ControlClient},
    limits::Limits,
    pipeline::{Pipeline, fixtures::signatures},
    store::{Store, StoreSettings},
    verify::Served,
};

mod containers;
mod order;
mod piped;
mod served;

fn clock() -> Clock {
    Clock::fixed(DateTime::from_timestamp(1_700_000_000, 0).unwrap())
}

fn pipeline(data: &Path, limits: Limits) -> Arc<Pipeline> {
    let settings = StoreSettings { memory_max_bytes: 256 << 20, threads: 1, ..StoreSettings::default() };
    let store = Store::open(data, &settings).expect("a new store opens");
    Pipeline::new(limits, Served::default(), signatures(""), store).unwrap()
}

fn report(id: &str, sessions: u32) -> Vec<u8> {
    format!(
        r#"{{"organization-name":"Sender","contact-info":"tls@example.net","report-id":"{id}",
        "date-range":{{"start-datetime":"2023-11-13T00:00:00Z","end-datetime":"2023-11-13T23:59:59Z"}},
        "policies":[{{"policy":{{"policy-type":"no-policy-found","policy-domain":"example.com"}},
        "summary":{{"total-successful-session-count":{sessions},"total-failure-session-count":0}}}}]}}"#
    )
    .into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Path below the root, outcome, code.
type Line = (String, &'static str, String);

fn run(sink: &mut ImportSink, root: &Path, paths: &[&str]) -> (Vec<Line>, ImportTally) {
    let mut lines = Vec::new();
    let mut tally = ImportTally::default();
    let paths = paths.iter().map(|path| root.join(path)).collect();
    import(ImportRequest { paths, trusted_input: false }, sink, &clock(), &AtomicBool::new(false), |item| {
        tally.add(item);
        let path = item.path.strip_prefix(root).unwrap_or(&item.path).display().to_string();
        for reported in &item.outcomes {
            lines.push((path.clone(), reported.outcome.as_str(), reported.code.clone().unwrap_or_default()));
        }
    })
    .expect("runs to its end");
    (lines, tally)
}

fn line(path: &str, outcome: &'static str, code: &str) -> Line {
    (path.to_owned(), outcome, code.to_owned())
}

/// A directory with something of everything.
fn mixed() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("in/b/.git")).unwrap();
    fs::write(root.join("in/a.json"), report("a", 1)).unwrap();
    fs::write(root.join("in/b/1.json.gz"), gzip(&report("b1", 1))).unwrap();
    fs::write(root.join("in/b/2 without a name"), [b"\xef\xbb\xbf\r\n ", &report("b2", 1)[..]].concat()).unwrap();
    fs::write(root.join("in/b/3-conflict.json"), report("a", 2)).unwrap();
    fs::write(root.join("in/b/4-duplicate.gz"), gzip(&report("a", 1))).unwrap();
    fs::write(root.join("in/b/5-bad.json"), b"{").unwrap();
    fs::write(root.join("in/b/.hidden.json"), report("hidden", 1)).unwrap();
    fs::write(root.join("in/c.txt"), "Dear all,").unwrap();
    fs::write(root.join("in/empty"), "").unwrap();
    fs::write(root.join("in/huge.json"), vec![b'{'; 3_000]).unwrap();
    fs::write(root.join("in/huge.bin"), vec![0; 3_000]).unwrap();
    symlink("../in", root.join("in/loop")).unwrap();
    symlink("nowhere", root.join("in/broken")).unwrap();
    symlink("../outside.json", root.join("in/link.json")).unwrap();
    fs::write(root.join("outside.json"), report("outside", 1)).unwrap();
    directory
}

fn expected_of_mixed() -> Vec<Line> {
    vec![
        line("in/a.json", "stored", ""),
        line("in/b/.git", "ignored", ""),
        line("in/b/.hidden.json", "ignored", ""),
        line("in/b/1.json.gz", "stored", ""),
        line("in/b/2 without a name", "stored", ""),
        line("in/b/3-conflict.json", "quarantined", "conflict"),
        line("in/b/4-duplicate.gz", "duplicate", ""),
        line("in/b/5-bad.json", "quarantined", "bad-json"),
        line("in/broken", "refused", "unreadable"),
        line("in/c.txt", "ignored", ""),
        line("in/empty", "ignored", ""),
        line("in/huge.bin", "ignored", ""),
        line("in/huge.json", "refused", "too-large-wire"),
        line("in/link.json", "ignored", ""),
        line("in/loop", "ignored", ""),
    ]
}

fn small_limits() -> Limits {
    Limits { report_wire_max_bytes: 2_000, ..Limits::default() }
}

#[test]
fn a_directory_is_walked_in_order_and_run_again_ends_the_same() {
    let directory = mixed();
    let socket = UnixListener::bind(directory.path().join("in/socket")).unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut sink = ImportSink::Local(pipeline(data.path(), small_limits()));
    let (lines, tally) = run(&mut sink, directory.path(), &["in"]);
    let mut expected = expected_of_mixed();
    expected.push(line("in/socket", "ignored", ""));
    assert_eq!(lines, expected);
    assert_eq!((tally.inputs, tally.stored, tally.duplicate, tally.ignored), (16, 3, 1, 8));
    assert_eq!((tally.quarantined_total(), tally.refused_total()), (2, 2));
    assert!(tally.has_problems());

    let (_, again) = run(&mut sink, directory.path(), &["in"]);
    assert_eq!((again.stored, again.duplicate, again.quarantined_total()), (0, 4, 2));
    drop(socket);
}

#[test]
fn the_server_is_handed_the_same_files_with_the_same_end() {
    let directory = mixed();
    let data = tempfile::tempdir().unwrap();
    let pipeline = pipeline(data.path(), small_limits());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (stop, stopped) = watch::channel(false);
    let control = {
        let _inside = runtime.enter();
        Control::bind(data.path()).expect("bound")
    };
    let task = runtime.spawn(control.run(pipeline, Arc::new(()), clock(), stopped));
    let client = ControlClient::connect(data.path()).expect("no error").expect("answers");
    let mut sink = ImportSink::Server(Box::new(client));
    let (lines, _) = run(&mut sink, directory.path(), &["in"]);
    assert_eq!(lines, expected_of_mixed());
    stop.send(true).unwrap();
    runtime.block_on(task).expect("stops");

    let request = ImportRequest { paths: vec![directory.path().join("in")], trusted_input: false };
    let result = import(request, &mut sink, &clock(), &AtomicBool::new(false), |_| {});
    assert!(matches!(result, Err(ImportStop::Control(_))), "the server is gone: {result:?}");
}

#[test]
fn links_are_followed_within_what_was_named_and_not_out_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("tree/b/.kept")).unwrap();
    fs::create_dir_all(root.join("tree-beside")).unwrap();
    fs::write(root.join("tree-beside/beside.json"), report("beside", 1)).unwrap();
    fs::write(root.join("tree/b/.kept/within.json"), report("within", 1)).unwrap();
    symlink("b/.kept", root.join("tree/a")).unwrap();
    symlink("../b/.kept/within.json", root.join("tree/b/file.json")).unwrap();
    symlink("/", root.join("tree/c")).unwrap();
    symlink("../tree-beside", root.join("tree/d")).unwrap();
    symlink("../tree-beside/beside.json", root.join("tree/e.json")).unwrap();
    symlink("loop-2", root.join("tree/loop-1")).unwrap();
    symlink("loop-1", root.join("tree/loop-2")).unwrap();
    symlink(".", root.join("tree/self")).unwrap();
    symlink("tree", root.join("named")).unwrap();
    let expected = |named: &str| {
        let line = |path: &str, outcome, code| line(&format!("{named}/{path}"), outcome, code);
        vec![
            line("a/within.json", "stored", ""),
            line("b/.kept", "ignored", ""),
            line("b/file.json", "duplicate", ""),
            line("c", "ignored", ""),
            line("d", "ignored", ""),
            line("e.json", "ignored", ""),
            line("loop-1", "refused", "unreadable"),
            line("loop-2", "refused", "unreadable"),
            line("self", "ignored", ""),
        ]
    };
    for named in ["tree", "named"] {
        let data = tempfile::tempdir().unwrap();
        let mut sink = ImportSink::Local(pipeline(data.path(), Limits::default()));
        assert_eq!(run(&mut sink, root, &[named]).0, expected(named));
    }
    let mut reported = Vec::new();
    walk::walk(&[root.join("tree")], &mut |found| {
        if let walk::FoundFile::Settled { path, outcome } = found {
            reported.push((path.file_name().unwrap().to_owned(), outcome.detail.unwrap_or_default()));
        }
        true
    });
    let reason = |name: &str| reported.iter().find(|(path, _)| path == name).expect("it is told").1.clone();
    assert_eq!(reason("c"), "a link out of the named directory, to /: name that too");
}

#[test]
fn named_files_are_always_tried() {
    let directory = mixed();
    let data = tempfile::tempdir().unwrap();
    let mut sink = ImportSink::Local(pipeline(data.path(), small_limits()));
    let (lines, _) =
        run(&mut sink, directory.path(), &["in/c.txt", "in/b/.hidden.json", "in/empty", "in/none", "outside.json"]);
    assert_eq!(
        lines,
        [
            line("in/c.txt", "refused", "not-json"),
            line("in/b/.hidden.json", "stored", ""),
            line("in/empty", "refused", "empty"),
            line("in/none", "refused", "unreadable"),
            line("outside.json", "stored", ""),
        ]
    );
}

#[test]
fn an_interrupted_import_ends_with_whole_batchs() {
    let directory = tempfile::tempdir().unwrap();
    for n in 0..5_000 {
        fs::write(directory.path().join(format!("{n:05}.json")), report(&n.to_string(), 1)).unwrap();
    }
    let data = tempfile::tempdir().unwrap();
    let mut sink = ImportSink::Local(pipeline(data.path(), Limits::default()));
    let interrupted = AtomicBool::new(false);
    let mut seen = 0;
    let request = ImportRequest { paths: vec![directory.path().to_owned()], trusted_input: false };
    let result = import(request, &mut sink, &clock(), &interrupted, |_| {
        seen += 1;
        interrupted.store(true, Ordering::Relaxed);
    });
    assert!(matches!(result, Err(ImportStop::Interrupted)));
    assert!((1..=BATCH_INPUTS).contains(&seen), "{seen}");

    let (_, tally) = run(&mut sink, directory.path(), &["."]);
    assert_eq!((tally.stored, tally.duplicate), (5_000 - seen as u64, seen as u64));
}
