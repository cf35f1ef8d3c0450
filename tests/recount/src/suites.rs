//! What is counted: the fixtures, the demo, a made-up quarter, and a quarter that came in other ways.

use std::{collections::BTreeSet, fs, path::Path, thread};

use chrono::{Days, NaiveDate, Utc};
use serde_json::Value;

use crate::{
    answers::{Question, World},
    compare::Tally,
    filter::Filter,
    generate,
    groups::week_name,
    http::{Client, Result},
    pages,
    parse::Served,
    plan::plan,
    random::Random,
    read,
    server::{Scratch, Server},
};

type Suite = fn(&Path, u64) -> Result<Tally>;

pub const SUITES: [(&str, Suite); 4] =
    [("fixtures", fixtures), ("demo", demo), ("quarter", quarter), ("metamorphic", metamorphic)];

/// What the demo serves.
const DEMO: [Served; 3] = [
    ("example.com", &["mx1.example.com", "mx2.example.com"]),
    ("example.net", &["mx1.example.net", "mx2.example.net"]),
    ("example.org", &["mx1.example.org", "mx2.example.org"]),
];

/// Questions are asked by so many at once.
const CLIENTS: usize = 3;

fn world(server: &Server, served: &[Served]) -> Result<World> {
    let mut client = server.client();
    let today = Utc::now().date_naive();
    let day = |text: &str| text.get(..10).and_then(|day| day.parse::<NaiveDate>().ok()).ok_or("an input without a day");
    let mut quarantine = Vec::new();
    for item in client.items("/api/v1/quarantine?limit=500")? {
        let code = item["code"].as_str().unwrap_or_default().to_owned();
        quarantine.push((code, day(item["last_received_at"].as_str().unwrap_or_default())?));
    }
    Ok(World { reports: read::all(&mut client, today, served)?, quarantine, today })
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
    let mut world = world(&server, &DEMO)?;
    // What is of no domain that is served is left out (docs/deviations.md, `foreign-domain`).
    for report in &mut world.reports {
        report.policies.retain(|policy| {
            policy.kind == "tlsa" || policy.domain.is_empty() || DEMO.iter().any(|(domain, _)| *domain == policy.domain)
        });
    }
    let yesterday = world.today.pred_opt().ok_or("no yesterday")?;
    ask(&server, &world, &plan(&world, yesterday, seed))
}

/// Thirteen weeks up to yesterday, some of them posted by strangers.
fn quarter(binary: &Path, seed: u64) -> Result<Tally> {
    let yesterday = Utc::now().date_naive().pred_opt().ok_or("no yesterday")?;
    let scratch = Scratch::new()?;
    let reports = generate::quarter(yesterday, seed);
    generate::write(&reports, &scratch.0)?;
    let server = Server::with(binary, &[&scratch.0])?;
    let mut stranger = Client::new(&server.public);
    for report in generate::posted(yesterday, seed) {
        let answer = stranger.post("/v1/tlsrpt", report.to_string().as_bytes())?;
        if answer.status != 201 {
            return Err(format!("POST: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
    }
    let world = world(&server, &[])?;
    let mut tally = Tally::default();
    let imported = world.reports.iter().filter(|report| report.trust == "import").count();
    tally.same("reports stored", &generate::distinct(&reports), &imported);
    // Once as soon as everything is in, and once out of the sums of days.
    tally.merge(ask(&server, &world, &plan(&world, yesterday, seed))?);
    let days: BTreeSet<NaiveDate> = world.reports.iter().map(|report| report.day).collect();
    tally.same("days with sums", &(days.len() as u64), &server.make_sums()?);
    tally.merge(ask(&server, &world, &plan(&world, yesterday, seed + 1))?);
    tally.merge(pages::hold(&server, &world, yesterday)?);
    Ok(tally)
}

/// The same reports in another order, in parts and again, give the same answers; and parts add up to the whole.
fn metamorphic(binary: &Path, seed: u64) -> Result<Tally> {
    let yesterday = Utc::now().date_naive().pred_opt().ok_or("no yesterday")?;
    let mut reports = generate::quarter(yesterday, seed + 1);
    // Which of two that contradict each other stays depends on the order.
    let mut known = std::collections::BTreeMap::new();
    reports.retain(|report| known.entry(generate::identity(report)).or_insert_with(|| report.clone()) == report);
    let (one, other, again) = (Scratch::new()?, Scratch::new()?, Scratch::new()?);
    generate::write(&reports, &one.0)?;
    Random::new(seed).shuffle(&mut reports);
    let (first, second) = reports.split_at(reports.len() / 3);
    generate::write(second, &other.0)?;
    generate::write(&[first, &second[..second.len() / 2]].concat(), &again.0)?;
    let left = Server::with(binary, &[&one.0])?;
    let right = Server::with(binary, &[&other.0, &again.0, &other.0])?;
    let world = world(&left, &[])?;
    let mut tally = Tally::default();
    let (mut a, mut b) = (left.client(), right.client());
    for path in paths(yesterday) {
        tally.json(&format!("{path} in another order"), &arrival_free(a.json(&path)?), &arrival_free(b.json(&path)?));
    }
    for days in [1, 7] {
        parts(&mut a, &world, &Filter::days(yesterday - Days::new(days - 1), yesterday), &mut tally)?;
    }
    Ok(tally)
}

fn paths(last: NaiveDate) -> Vec<String> {
    let mut paths = Vec::new();
    for days in [7, 28] {
        let range = format!("from={}&to={last}", last - Days::new(days - 1));
        for rest in ["", "&policy_type=sts", "&policy_domain=d1.example", "&organisation=imported:sender03.example"] {
            paths.push(format!("/api/v1/overview?{range}{rest}"));
            for by in ["organisation", "result_type", "policy_domain", "receiving_mx_hostname", "sending_mta_ip", "day"]
            {
                paths.push(format!("/api/v1/failures?by={by}&{range}{rest}&limit=500"));
            }
        }
    }
    paths.extend((0..13).map(|back| format!("/api/v1/weeks/{}", week_name(last - Days::new(7 * back)))));
    paths
}

/// An answer without what tells when and how often something arrived.
fn arrival_free(mut answer: Value) -> Value {
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("quarantined");
    }
    answer
}

/// The sessions of all parts are the sessions of the whole.
fn parts(client: &mut Client, world: &World, filter: &Filter, tally: &mut Tally) -> Result<()> {
    let mut sum = |filters: Vec<Filter>| -> Result<(u64, u64)> {
        let mut sum = (0, 0);
        for filter in filters {
            let sessions = client.json(&format!("/api/v1/overview?{}", filter.query()))?["sessions"].take();
            sum.0 += sessions["successful"].as_u64().unwrap_or_default();
            sum.1 += sessions["failed"].as_u64().unwrap_or_default();
        }
        Ok(sum)
    };
    let matching: Vec<_> = world.reports.iter().filter(|report| filter.matching(report).is_some()).collect();
    let organisations: BTreeSet<_> = matching.iter().map(|report| report.organisation.clone()).collect();
    let domains: BTreeSet<_> =
        matching.iter().flat_map(|report| &report.policies).map(|policy| policy.domain.clone()).collect();
    let whole = sum(vec![filter.clone()])?;
    let with = |change: &dyn Fn(&mut Filter)| {
        let mut part = filter.clone();
        change(&mut part);
        part
    };
    let place = |what: &str| format!("/api/v1/overview?{}: the sum over {what}", filter.query());
    let by = organisations.iter().map(|key| with(&|part| part.organisation = Some(key.clone()))).collect();
    tally.same(&place("organisations"), &whole, &sum(by)?);
    if !domains.contains("") {
        let by = domains.iter().map(|key| with(&|part| part.domain = Some(key.clone()))).collect();
        tally.same(&place("domains"), &whole, &sum(by)?);
    }
    let whole_of_all = sum(vec![with(&|part| part.trust = Some("all".to_owned()))])?;
    let by = ["trusted", "claimed"].iter().map(|key| with(&|part| part.trust = Some((*key).to_owned()))).collect();
    tally.same(&place("trusts"), &whole_of_all, &sum(by)?);
    let days = filter.from.iter_days().take_while(|day| *day <= filter.to).map(|day| filter.over(day, day)).collect();
    tally.same(&place("days"), &whole, &sum(days)?);
    Ok(())
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
    let world = world(&server, &[])?;
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
