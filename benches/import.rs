//! `tlsight import` of many small gzip files, and of one mbox with such reports in its mails, beside the floor: reading,
//! gunzipping and parsing the same files with serde_json on one core.
//!
//! `DUCKDB_LIB_DIR=… cargo bench --no-default-features --features server --bench import`. Number of files:
//! `TLSIGHT_BENCH_FILES` (100,000); of mails: `TLSIGHT_BENCH_MAILS` (10,000). All runs find the files in the page cache.

use std::{
    fs::{self, File},
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};

mod load;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    files(directory.path(), number("TLSIGHT_BENCH_FILES", 100_000));
    mails(directory.path(), number("TLSIGHT_BENCH_MAILS", 10_000));
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn files(directory: &Path, count: u64) {
    let reports = directory.join("reports");
    let paths = write_files(&reports, count);
    let begun = Instant::now();
    let policies: usize = paths.iter().map(|path| policies(&fs::read(path).expect("a file"))).sum();
    let floor = begun.elapsed();
    assert_eq!(policies, paths.len());
    compare("files", count, floor, &directory.join("data"), &reports);
}

fn mails(directory: &Path, count: u64) {
    let mbox = directory.join("reports.mbox");
    write_mbox(&mbox, count);
    let begun = Instant::now();
    let text = fs::read_to_string(&mbox).expect("a file");
    let policies: usize = text.split("\n\nFrom ").map(|mail| policies(&attachment(mail))).sum();
    let floor = begun.elapsed();
    assert_eq!(policies as u64, count);
    compare("mails of one mbox", count, floor, &directory.join("data-of-mails"), &mbox);
}

fn compare(what: &str, count: u64, floor: Duration, data: &Path, input: &Path) {
    let begun = Instant::now();
    // The mails carry no signature.
    let output = Command::new(env!("CARGO_BIN_EXE_tlsight"))
        .args(["import", "--trusted", "--json", "--data"])
        .arg(data)
        .arg(input)
        .output()
        .expect("the binary starts");
    let ours = begun.elapsed();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a summary");
    assert_eq!(summary["stored"], count, "{}", String::from_utf8_lossy(&output.stderr));

    let per_second = |took: Duration| count as f64 / took.as_secs_f64();
    println!("{count} {what}");
    println!("floor, one core      {:>9.0} reports/s  {floor:.2?}", per_second(floor));
    println!("tlsight import       {:>9.0} reports/s  {ours:.2?}", per_second(ours));
    println!("ratio                {:.2}", floor.as_secs_f64() / ours.as_secs_f64());
    println!("on disk              {} bytes a report", bytes_in(data) / count);
}

fn write_files(directory: &Path, count: u64) -> Vec<PathBuf> {
    (0..count)
        .map(|number| {
            let folder = directory.join(format!("{:03}", number / 1_000));
            if number.is_multiple_of(1_000) {
                fs::create_dir_all(&folder).expect("a folder");
            }
            let path = folder.join(format!("{number}.json.gz"));
            fs::write(&path, load::report(number)).expect("space on the disk");
            path
        })
        .collect()
}

/// Mails as the large senders write them, without their signatures.
fn write_mbox(path: &Path, count: u64) {
    let mut mbox = BufWriter::new(File::create(path).expect("a file"));
    for number in 0..count {
        let report = STANDARD.encode(load::report(number));
        let sender = number % 50;
        let header = format!(
            "From noreply@sender{sender}.example Thu Oct 29 04:00:00 2026\n\
             Received: from mx.sender{sender}.example by mx1.example.com; Thu, 29 Oct 2026 04:00:00 +0000\n\
             Date: Thu, 29 Oct 2026 04:00:00 +0000\n\
             From: <noreply@sender{sender}.example>\nTo: <tlsrpt@example.com>\n\
             Subject: Report Domain: example.com Submitter: sender{sender}.example Report-ID: <{number}>\n\
             TLS-Report-Domain: example.com\nTLS-Report-Submitter: sender{sender}.example\n\
             Message-ID: <{number}@sender{sender}.example>\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"b\"\n\n\
             --b\nContent-Type: text/plain\n\nThis is a TLS report.\n\
             --b\nContent-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n{ATTACHMENT}"
        );
        mbox.write_all(header.as_bytes()).expect("space on the disk");
        for line in report.as_bytes().chunks(76) {
            mbox.write_all(line).and_then(|()| mbox.write_all(b"\n")).expect("space on the disk");
        }
        mbox.write_all(b"--b--\n\n").expect("space on the disk");
    }
    mbox.flush().expect("space on the disk");
}

/// What stands before the attachment, and nowhere else in the mail.
const ATTACHMENT: &str = "Content-Disposition: attachment; filename=\"report.json.gz\"\n\n";

fn attachment(mail: &str) -> Vec<u8> {
    let (_, rest) = mail.split_once(ATTACHMENT).expect("an attachment");
    let (base64, _) = rest.split_once("--b--").expect("its end");
    STANDARD.decode(base64.replace('\n', "")).expect("base64")
}

#[expect(clippy::disallowed_methods, reason = "the floor is what a careless reader would do")]
fn policies(bytes: &[u8]) -> usize {
    let mut json = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut json).expect("gzip");
    let report: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    report["policies"].as_array().map_or(0, Vec::len)
}

fn bytes_in(directory: &Path) -> u64 {
    let sizes = fs::read_dir(directory).expect("the data directory").filter_map(|entry| entry.ok()?.metadata().ok());
    sizes.map(|metadata| metadata.len()).sum()
}
