//! What is counted: the fixtures, the demo, a made-up quarter, and a quarter that came in other ways.

use std::{fs, path::Path, thread};

use chrono::{NaiveDate, Utc};

use crate::{
    answers::{Question, World},
    compare::Tally,
    http::Result,
    plan::plan,
    read,
    server::{Scratch, Server},
};

type Suite = fn(&Path, u64) -> Result<Tally>;

pub const SUITES: [(&str, Suite); 2] = [("fixtures", fixtures), ("demo", demo)];

/// Questions are asked by so many at once.
const CLIENTS: usize = 3;

fn world(server: &Server) -> Result<World> {
    let mut client = server.client();
    let today = Utc::now().date_naive();
    let day = |text: &str| text.get(..10).and_then(|day| day.parse::<NaiveDate>().ok()).ok_or("an input without a day");
    let mut quarantine = Vec::new();
    for item in client.items("/api/v1/quarantine?limit=500")? {
        let code = item["code"].as_str().unwrap_or_default().to_owned();
        quarantine.push((code, day(item["last_received_at"].as_str().unwrap_or_default())?));
    }
    Ok(World { reports: read::all(&mut client, today)?, quarantine, today })
}

fn ask(server: &Server, world: &World, questions: &[Question]) -> Result<Tally> {
    let mut tally = Tally::default();
    let share = questions.len().div_ceil(CLIENTS).max(1);
    let shares: Vec<Result<Tally>> = thread::scope(|scope| {
        let asking: Vec<_> = questions
            .chunks(share)
            .map(|share| {
                scope.spawn(move || {
                    let mut client = server.client();
                    let mut tally = Tally::default();
                    for question in share {
                        match world.hold(&mut client, question) {
                            Ok(held) => tally.merge(held),
                            Err(error) => tally.tell(error),
                        }
                    }
                    Ok(tally)
                })
            })
            .collect();
        asking.into_iter().map(|asking| asking.join().unwrap_or_else(|_| Err("a client panicked".to_owned()))).collect()
    });
    for share in shares {
        tally.merge(share?);
    }
    Ok(tally)
}

fn demo(binary: &Path, seed: u64) -> Result<Tally> {
    let server = Server::demo(binary)?;
    let world = world(&server)?;
    let yesterday = world.today.pred_opt().ok_or("no yesterday")?;
    ask(&server, &world, &plan(&world, yesterday, seed))
}

/// Every fixture with a report-id of its own: many of them are about the same report.
fn fixtures(binary: &Path, seed: u64) -> Result<Tally> {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"));
    let scratch = Scratch::new()?;
    let mut inputs = Vec::new();
    files(&fixtures.join("reports"), &mut inputs)?;
    inputs.retain(|path| {
        !path.to_string_lossy().ends_with(".expected.json") && path.extension().is_none_or(|ext| ext != "http")
    });
    for (index, path) in inputs.iter().enumerate() {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => text.replace("00:00:00Z_example", &format!("00:00:00Z_{index}_example")).into_bytes(),
            Err(other) => other.into_bytes(),
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        fs::write(scratch.0.join(format!("{index:03}-{name}")), bytes).map_err(|error| error.to_string())?;
    }
    let server = Server::with(binary, &[&scratch.0, &fixtures.join("mails")])?;
    let world = world(&server)?;
    let mut tally = Tally::default();
    let mut client = server.client();
    for report in &world.reports {
        tally.merge(read::hold(&mut client, report)?);
    }
    let day = |text: &str| text.parse::<NaiveDate>().map_err(|error| error.to_string());
    for last in [day("2024-03-03")?, day("2023-12-31")?] {
        tally.merge(ask(&server, &world, &plan(&world, last, seed))?);
    }
    Ok(tally)
}

fn files(directory: &Path, found: &mut Vec<std::path::PathBuf>) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files(&path, found)? } else { found.push(path) }
    }
    Ok(())
}
