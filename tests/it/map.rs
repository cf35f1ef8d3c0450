//! The map in `lib.rs` and `ARCHITECTURE.md`, held against the code: who may use whom, how long a file may be, where SQL lives.

mod graph;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use graph::Graph;

const LINES_MAX: usize = 500;

/// Each room below `src/` with those it may use, all of which stand above it: so there is no circle. A room that is not listed
/// here fails the test: draw it on the map first.
const MAP: &[(&str, &[&str])] = &[
    ("fault", &[]),
    ("backoff", &[]),
    ("schedule", &[]),
    ("setting", &["schedule"]),
    ("limits", &["setting"]),
    ("text", &[]),
    ("address_block", &[]),
    ("share", &[]),
    ("day_range", &[]),
    ("wording", &["day_range"]),
    ("period", &["day_range", "wording"]),
    ("links", &[]),
    ("submission", &["fault"]),
    ("clock", &[]),
    ("dns", &["limits"]),
    ("explain", &["fault"]),
    ("smtp", &["limits"]),
    ("report", &["fault", "limits"]),
    ("sts", &["report"]),
    ("check", &["report", "sts", "wording"]),
    ("decode", &["fault", "limits", "report", "submission", "text"]),
    ("verify", &["address_block", "dns", "fault", "limits", "report", "submission", "text"]),
    ("fuzzing", &[]),
    ("reporters", &["report", "setting", "submission"]),
    ("alerts", &["explain", "setting", "share", "submission", "text", "wording"]),
    ("health", &["submission"]),
    ("unix_socket", &[]),
    ("tls", &["check"]),
    ("config", &["alerts", "limits", "reporters", "schedule", "setting", "submission", "tls", "verify"]),
    ("store", &["backoff", "alerts", "check", "clock", "fault", "limits", "report", "reporters", "sts", "submission"]),
    (
        "query",
        &["alerts", "day_range", "explain", "fault", "limits", "period", "report", "reporters", "store", "submission"],
    ),
    ("summary", &["explain", "links", "period", "query", "share", "wording"]),
    ("templates", &["text"]),
    ("chart", &["text", "wording"]),
    (
        "digest",
        &[
            "alerts",
            "chart",
            "day_range",
            "explain",
            "links",
            "period",
            "query",
            "share",
            "submission",
            "summary",
            "templates",
            "text",
            "wording",
        ],
    ),
    (
        "pipeline",
        &["address_block", "decode", "dns", "fault", "limits", "report", "reporters", "store", "submission", "verify"],
    ),
    ("control", &["clock", "pipeline", "submission", "unix_socket"]),
    (
        "receive",
        &["address_block", "clock", "config", "fault", "health", "limits", "smtp", "submission", "unix_socket"],
    ),
    ("collect", &["backoff", "clock", "config", "fault", "health", "store", "submission", "text", "tls"]),
    ("import", &["clock", "control", "decode", "fault", "limits", "pipeline", "submission", "text"]),
    (
        "web",
        &[
            "alerts",
            "chart",
            "check",
            "clock",
            "day_range",
            "decode",
            "explain",
            "fault",
            "health",
            "limits",
            "links",
            "period",
            "pipeline",
            "query",
            "report",
            "reporters",
            "share",
            "store",
            "submission",
            "summary",
            "templates",
            "text",
            "wording",
        ],
    ),
    ("notify", &["backoff", "alerts", "clock", "config", "health", "limits", "store", "text", "tls"]),
    ("probe", &["clock", "dns", "limits", "report", "tls"]),
    ("observe", &["address_block", "check", "clock", "dns", "limits", "sts", "tls"]),
    (
        "jobs",
        &[
            "alerts",
            "check",
            "clock",
            "config",
            "control",
            "digest",
            "health",
            "limits",
            "notify",
            "observe",
            "period",
            "query",
            "schedule",
            "store",
            "submission",
        ],
    ),
    (
        "app",
        &[
            "address_block",
            "clock",
            "collect",
            "config",
            "control",
            "digest",
            "dns",
            "health",
            "jobs",
            "limits",
            "notify",
            "observe",
            "pipeline",
            "probe",
            "receive",
            "reporters",
            "schedule",
            "store",
            "submission",
            "tls",
            "verify",
            "web",
        ],
    ),
    ("demo", &["alerts", "config", "pipeline", "query", "store", "submission"]),
    (
        "cli",
        &[
            "alerts",
            "app",
            "check",
            "clock",
            "collect",
            "config",
            "control",
            "demo",
            "digest",
            "dns",
            "import",
            "jobs",
            "notify",
            "observe",
            "pipeline",
            "probe",
            "receive",
            "reporters",
            "store",
            "sts",
            "submission",
            "text",
            "tls",
            "unix_socket",
        ],
    ),
];

#[test]
fn rooms_use_only_what_the_map_allows() {
    let allowed: BTreeMap<&str, &[&str]> = MAP.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, uses) in Graph::read(Path::new("src")).uses {
        let Some(room) = module.first() else { continue };
        let Some(allowed) = allowed.get(room.as_str()) else {
            wrong.push(format!("room `{room}` is not on the map"));
            continue;
        };
        let others = uses.iter().filter_map(|used| used.first()).filter(|used| *used != room);
        wrong.extend(
            others
                .filter(|used| !allowed.contains(&used.as_str()))
                .map(|used| format!("{}: uses `{used}`", module.join("::"))),
        );
    }
    assert!(wrong.is_empty(), "against the map:\n{}", wrong.join("\n"));
}

#[test]
fn each_room_stands_below_those_it_uses_and_no_arrow_is_for_nothing() {
    let graph = Graph::read(Path::new("src"));
    let mut above = BTreeSet::new();
    for (room, allowed) in MAP {
        for used in *allowed {
            assert!(above.contains(used), "`{room}` stands above `{used}`, which it uses");
            let is_used = graph.uses.iter().any(|(module, uses)| {
                module.first().is_some_and(|first| first == room)
                    && uses.iter().any(|path| path.first().is_some_and(|first| first == used))
            });
            assert!(is_used, "`{room}` may use `{used}`, and does not");
        }
        above.insert(room);
    }
}

/// A circle within a folder is one thing told in several files; one between folders is a line in the wrong place.
#[test]
fn no_circle_leaves_its_folder() {
    let graph = Graph::read(Path::new("src"));
    for circle in graph.circles() {
        let folders: BTreeSet<_> = circle.iter().map(|module| graph.folder(module)).collect();
        let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
        assert!(folders.len() == 1, "these use each other in a circle: {}", names.join(", "));
    }
}

#[test]
fn every_room_on_the_map_exists() {
    let declared = fs::read_to_string("src/lib.rs").unwrap();
    for (room, _) in MAP {
        assert!(declared.contains(&format!("pub mod {room};")), "`{room}` is on the map but not in src/lib.rs");
    }
}

#[test]
fn sql_lives_in_store_and_query_only() {
    for file in rust_files(Path::new("src")) {
        let module = module_of(&file).unwrap_or_default();
        if module == "store" || module == "query" {
            continue;
        }
        let code = code(&file);
        for word in ["SELECT ", "INSERT INTO", "DELETE FROM", "CREATE TABLE"] {
            assert!(!code.contains(word), "{} holds SQL: {word}", file.display());
        }
    }
}

#[test]
fn queries_never_write() {
    for file in files(Path::new("src/query"), "sql") {
        let sql = fs::read_to_string(&file).unwrap().to_uppercase();
        for word in ["INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ", "ALTER ", "COPY ", "ATTACH "] {
            assert!(!sql.contains(word), "{} writes: {word}", file.display());
        }
        assert!(has_question(&file), "{} belongs to no question", file.display());
    }
}

/// Whether a question includes the statement: `daily.rs` has `daily.sql` and `daily_result_types.sql`.
fn has_question(sql: &Path) -> bool {
    let include = format!("include_str!(\"{}\")", sql.file_name().and_then(|name| name.to_str()).unwrap_or_default());
    rust_files(Path::new("src/query")).iter().any(|file| fs::read_to_string(file).unwrap().contains(&include))
}

#[test]
fn no_file_outgrows_a_reader() {
    for root in ["src", "tests", "benches", "fuzz/fuzz_targets"] {
        for file in rust_files(Path::new(root)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= LINES_MAX, "{} has {lines} lines, more than {LINES_MAX}", file.display());
        }
    }
}

/// First segment below `src/`: `src/report/date.rs` and `src/report.rs` are both `report`.
fn module_of(file: &Path) -> Option<String> {
    let first = file.strip_prefix("src").ok()?.components().next()?;
    let name = Path::new(first.as_os_str()).file_stem()?.to_str()?.to_owned();
    (name != "lib" && name != "main").then_some(name)
}

/// The file without comments and without what follows its test module; nothing of a file of tests.
fn code(file: &Path) -> String {
    let is_test = file.components().any(|part| part.as_os_str() == "tests");
    if is_test || file.file_stem().is_some_and(|stem| stem == "tests") {
        String::new()
    } else {
        graph::production(file)
    }
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    files(root, "rs")
}

fn files(root: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(root) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|ending| ending == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
