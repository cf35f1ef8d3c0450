//! `tlsight import` of many small gzip files beside the floor: reading, gunzipping and parsing the same files with serde_json
//! on one core.
//!
//! `DUCKDB_LIB_DIR=… cargo bench --no-default-features --features server --bench import`. Number of files:
//! `TLSIGHT_BENCH_FILES` (100,000). Both runs find the files in the page cache.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

mod load;

fn main() {
    let files = std::env::var("TLSIGHT_BENCH_FILES").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let directory = tempfile::tempdir().expect("a directory");
    let reports = directory.path().join("reports");
    let paths = write_files(&reports, files);

    let begun = Instant::now();
    let policies: usize = paths.iter().map(|path| policies(path)).sum();
    let floor = begun.elapsed();
    assert_eq!(policies, paths.len());

    let data = directory.path().join("data");
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_tlsight"))
        .args(["import", "--json", "--data"])
        .arg(&data)
        .arg(&reports)
        .output()
        .expect("the binary starts");
    let ours = begun.elapsed();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a summary");
    assert_eq!(summary["stored"], files, "{}", String::from_utf8_lossy(&output.stderr));

    let per_second = |took: Duration| files as f64 / took.as_secs_f64();
    println!("floor, one core      {:>9.0} reports/s  {floor:.2?}", per_second(floor));
    println!("tlsight import       {:>9.0} reports/s  {ours:.2?}", per_second(ours));
    println!("ratio                {:.2}", floor.as_secs_f64() / ours.as_secs_f64());
    println!("on disk              {} bytes a report", bytes_in(&data) / files);
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

#[expect(clippy::disallowed_methods, reason = "the floor is what a careless reader would do")]
fn policies(path: &Path) -> usize {
    let bytes = fs::read(path).expect("a file");
    let mut json = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut json).expect("gzip");
    let report: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    report["policies"].as_array().map_or(0, Vec::len)
}

fn bytes_in(directory: &Path) -> u64 {
    let sizes = fs::read_dir(directory).expect("the data directory").filter_map(|entry| entry.ok()?.metadata().ok());
    sizes.map(|metadata| metadata.len()).sum()
}
