//! The map in `lib.rs` and `docs/flow.md`, held against the code: who may use whom, how long a file may be, where SQL lives.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const LINES_MAX: usize = 500;

/// Module to the modules it may use. A module that is not listed here fails the test: draw it on the map first.
const MAP: &[(&str, &[&str])] = &[
    ("fault", &[]),
    ("limits", &[]),
    ("explain", &["fault"]),
    ("share", &[]),
    ("alerts", &["explain", "limits", "notice", "share", "submission"]),
    ("notice", &["alerts"]),
    ("schedule", &[]),
    ("submission", &["fault"]),
    ("decode", &["fault", "limits", "report", "submission"]),
    ("report", &["fault", "limits"]),
    ("verify", &["dns", "fault", "limits", "report", "submission"]),
    ("smtp", &["fault", "limits"]),
    ("clock", &[]),
    ("dns", &["limits"]),
    ("health", &["submission"]),
    ("reporters", &["report", "submission"]),
    ("config", &["alerts", "limits", "reporters", "schedule", "verify"]),
    ("store", &["alerts", "clock", "fault", "limits", "notice", "report", "reporters", "submission"]),
    ("pipeline", &["decode", "dns", "fault", "limits", "report", "reporters", "store", "submission", "verify"]),
    ("ingest", &["clock", "config", "decode", "fault", "health", "limits", "pipeline", "smtp", "store", "submission"]),
    ("query", &["alerts", "explain", "limits", "reporters", "store", "submission"]),
    (
        "present",
        &[
            "alerts",
            "clock",
            "decode",
            "explain",
            "fault",
            "health",
            "limits",
            "notice",
            "pipeline",
            "query",
            "report",
            "reporters",
            "share",
            "store",
            "submission",
        ],
    ),
    ("notify", &["alerts", "clock", "config", "health", "limits", "notice", "store"]),
    (
        "duty",
        &[
            "alerts",
            "clock",
            "config",
            "health",
            "ingest",
            "limits",
            "notice",
            "notify",
            "present",
            "query",
            "schedule",
            "store",
            "submission",
        ],
    ),
    (
        "app",
        &[
            "clock",
            "config",
            "dns",
            "duty",
            "health",
            "ingest",
            "limits",
            "notify",
            "pipeline",
            "present",
            "reporters",
            "schedule",
            "store",
            "verify",
        ],
    ),
    ("demo", &["alerts", "app", "clock", "config", "pipeline", "query", "store", "submission"]),
    ("courier", &["clock", "dns", "limits", "report", "submission"]),
    (
        "cli",
        &[
            "alerts",
            "app",
            "clock",
            "config",
            "courier",
            "demo",
            "dns",
            "duty",
            "ingest",
            "notify",
            "pipeline",
            "present",
            "reporters",
            "store",
            "submission",
        ],
    ),
];

#[test]
fn modules_use_only_what_the_map_allows() {
    let map: BTreeMap<&str, &[&str]> = MAP.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")) {
        let Some(module) = module_of(&file) else { continue };
        let Some(allowed) = map.get(module.as_str()) else {
            wrong.push(format!("{}: module `{module}` is not on the map", file.display()));
            continue;
        };
        for used in used_modules(&production_code(&file)) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: `{module}` uses `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the map in src/lib.rs:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_on_the_map_exists() {
    let declared = fs::read_to_string("src/lib.rs").unwrap();
    for (module, _) in MAP {
        assert!(declared.contains(&format!("pub mod {module};")), "`{module}` is on the map but not in src/lib.rs");
    }
}

#[test]
fn sql_lives_in_store_and_query_only() {
    for file in rust_files(Path::new("src")) {
        let module = module_of(&file).unwrap_or_default();
        if module == "store" || module == "query" {
            continue;
        }
        let code = production_code(&file);
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

/// The file without comments and without what follows its test module.
fn production_code(file: &Path) -> String {
    let is_test_file = file.file_stem().is_some_and(|stem| stem == "tests");
    if is_test_file || file.components().any(|part| part.as_os_str() == "tests") {
        return String::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Names right below `crate` in paths and in nested `use crate::{…}` lists.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => used.extend(first_segments(list)),
            None => used.extend(identifier(rest)),
        }
    }
    used
}

/// The first segment of each item in a brace list, up to its closing brace.
fn first_segments(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut expecting = true;
    let mut names = Vec::new();
    for (at, char) in list.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expecting = true,
            _ if char.is_whitespace() => {}
            _ if expecting && depth == 0 => {
                names.extend(identifier(&list[at..]));
                expecting = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
    let is_module = name.chars().next().is_some_and(char::is_lowercase);
    is_module.then_some(name)
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
