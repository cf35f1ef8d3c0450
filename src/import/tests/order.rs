//! Containers keep their place in the order, whatever the batches are.

use std::io::Cursor;

use ::zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

fn archive(prefix: &str, members: usize) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for member in 0..members {
        writer.start_file(format!("{member:05}.json"), SimpleFileOptions::default()).unwrap();
        writer.write_all(&report(&format!("{prefix}{member}"), 1)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::write(root.join("a.json"), report("a", 1)).unwrap();
    fs::write(root.join("b.zip"), archive("b", BATCH_INPUTS + 10)).unwrap();
    fs::write(root.join("c.zip"), archive("c", 2)).unwrap();
    fs::write(root.join("d.json"), report("b7", 1)).unwrap();
    fs::write(root.join("e.zip"), archive("e", 1)).unwrap();
    directory
}

fn expected() -> Vec<Line> {
    let mut lines = vec![line("a.json", "stored", "")];
    lines.extend((0..BATCH_INPUTS + 10).map(|n| line(&format!("b.zip!{n:05}.json"), "stored", "")));
    lines.extend((0..2).map(|n| line(&format!("c.zip!{n:05}.json"), "stored", "")));
    lines.extend([line("d.json", "duplicate", ""), line("e.zip", "stored", "")]);
    lines
}

#[test]
fn what_is_in_an_archive_comes_where_it_stands() {
    let directory = directory();
    let data = tempfile::tempdir().unwrap();
    let mut sink = ImportSink::Local(pipeline(data.path(), Limits::default()));
    let (lines, tally) = run(&mut sink, directory.path(), &["."]);
    assert_eq!(lines, expected());
    assert_eq!(tally.inputs as usize, BATCH_INPUTS + 15);
}

#[test]
fn an_interrupted_import_stops_inside_an_archive() {
    let directory = directory();
    let data = tempfile::tempdir().unwrap();
    let mut sink = ImportSink::Local(pipeline(data.path(), Limits::default()));
    let interrupted = AtomicBool::new(false);
    let mut seen = 0;
    let request = ImportRequest {
        paths: vec![directory.path().join("b.zip"), directory.path().join("c.zip")],
        trusted_input: false,
    };
    let result = import(request, &mut sink, &clock(), &interrupted, |_| {
        seen += 1;
        interrupted.store(true, Ordering::Relaxed);
    });
    assert!(matches!(result, Err(ImportStop::Interrupted)));
    assert_eq!(seen, BATCH_INPUTS);
}
