//! Data directories that released versions wrote: they open, and their figures are those of the same reports taken afresh.

use std::{fs, path::Path};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::server::{Server, all_items, tlsight};

/// As when the stores were written.
const CONFIG: &str = r#"
[[domain]]
name = "example.com"
mx = ["mx1.example.com", "mx2.example.com"]
[[domain]]
name = "example.net"
"#;

const DAYS: &str = "from=2016-01-01&to=2026-11-30";

fn unpack(version: &Path, data: &Path) {
    fs::create_dir_all(data).unwrap();
    for name in ["tlsight.duckdb", "tlsight.duckdb.wal"] {
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "a file of our own")]
        let mut packed = GzDecoder::new(fs::File::open(version.join(format!("{name}.gz"))).unwrap());
        std::io::Read::read_to_end(&mut packed, &mut bytes).unwrap();
        fs::write(data.join(name), bytes).unwrap();
    }
}

fn start(data: &Path, config: &Path) -> Server {
    Server::start_with(data, |command| command.arg("--config").arg(config))
}

/// What the pages show of all reports, without what depends on the source: how far senders are proven does.
fn figures(server: &Server) -> Vec<Value> {
    let mut figures = Vec::new();
    for week in ["2026-W47", "2026-W48"] {
        let week = server.get(&format!("/api/v1/weeks/{week}?trust=all")).json();
        figures.extend(["sessions", "previous", "policy_types", "trend"].map(|name| week[name].clone()));
    }
    let overview = server.get(&format!("/api/v1/overview?{DAYS}&trust=all")).json();
    let names = ["reports", "sessions", "policy_types", "days", "policy_domains", "policy_domains_total"];
    figures.extend(names.map(|name| overview[name].clone()));
    for by in ["result_type", "policy_domain", "receiving_mx_hostname", "sending_mta_ip", "day"] {
        figures.push({
            let mut page = server.get(&format!("/api/v1/failures?by={by}&{DAYS}&trust=all")).json();
            for item in page["items"].as_array_mut().into_iter().flatten() {
                item["organisations"] = Value::Null;
            }
            page
        });
    }
    figures
}

#[test]
fn stores_of_released_versions_open_with_the_figures_of_a_fresh_import() {
    for version in
        fs::read_dir("fixtures/stores").unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        let directory = tempfile::tempdir().unwrap();
        let (old, fresh, raw) =
            (directory.path().join("old"), directory.path().join("fresh"), directory.path().join("raw"));
        let config = directory.path().join("tlsight.toml");
        fs::write(&config, CONFIG).unwrap();
        unpack(&version, &old);
        let server = start(&old, &config);
        let reports = all_items(&server, &format!("/api/v1/reports?{DAYS}&trust=all"));
        assert_eq!(reports.len(), 16, "{}", version.display());
        // What was stored before senders had such keys has them now.
        for report in &reports {
            let (key, trust) = (report["organisation_key"].as_str().unwrap(), report["trust"].as_str().unwrap());
            assert_eq!(key.starts_with("claimed:"), matches!(trust, "none" | "token"), "{key} {trust}");
            assert_eq!(key.starts_with("imported:") || key.starts_with("trusted:"), trust == "import", "{key} {trust}");
        }
        fs::create_dir(&raw).unwrap();
        for (at, report) in reports.iter().enumerate() {
            let uuid = report["uuid"].as_str().unwrap();
            let answer = server.get(&format!("/api/v1/reports/{uuid}/raw"));
            assert_eq!(answer.status, 200, "{uuid}");
            let whole = server.get(&format!("/api/v1/reports/{uuid}")).json();
            let name = if whole["from_domain"].is_null() { "json" } else { "eml" };
            fs::write(raw.join(format!("{at}.{name}")), &answer.body).unwrap();
        }
        let mut import = tlsight();
        import
            .arg("import")
            .arg("--config")
            .arg(&config)
            .arg("--data")
            .arg(&fresh)
            .args(["--trusted", "--json"])
            .arg(&raw);
        let imported = import.output().unwrap();
        assert!(imported.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&imported.stdout));
        let afresh = start(&fresh, &config);
        let by_reports = figures(&afresh);
        for (old, new) in figures(&server).iter().zip(&by_reports) {
            assert_eq!(old, new, "{}", version.display());
        }
        // The sums of what an older version stored are made by and by; with them the figures are the same.
        let sums = tlsight().args(["check-sums", "--rebuild", "--data"]).arg(&old).output().unwrap();
        assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));
        assert_eq!(figures(&server), by_reports, "{}", version.display());
    }
}

#[test]
fn what_0_1_counted_wrongly_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let (data, config) = (directory.path().join("data"), directory.path().join("tlsight.toml"));
    fs::write(&config, CONFIG).unwrap();
    unpack(Path::new("fixtures/stores/0.1"), &data);
    let server = start(&data, &config);
    let reports = all_items(&server, &format!("/api/v1/reports?{DAYS}&trust=all"));
    let of = |name: &str| {
        let found: Vec<&Value> =
            reports.iter().filter(|report| report["report_id"].as_str().unwrap().starts_with(name)).collect();
        assert_eq!(found.len(), 1, "{name}");
        (found[0]["successful"].as_i64().unwrap(), found[0]["failed"].as_i64().unwrap())
    };
    assert_eq!(of("mixed-"), (18, 2), "fifteen under the policy and three without one");
    assert_eq!(of("hidden-"), (60, 40), "the larger type without failures hides none");
    assert_eq!(of("none-"), (90, 7));
    assert_eq!(of("doubled-"), (90, 10));
    assert_eq!(of("absurd-"), (0, 60), "one of two totals can be believed");
    assert_eq!(of("nameless-"), (17, 0));
    let overview = server
        .get(&format!("/api/v1/overview?{DAYS}&trust=all&policy_type=no-policy-found&policy_domain=example.com"))
        .json();
    assert_eq!(overview["sessions"]["successful"], 10, "those of the policy without a domain, and three more");
    let keys = server.get(&format!("/api/v1/failures?by=organisation&{DAYS}&trust=all")).json();
    let keys: Vec<&str> = keys["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap()).collect();
    assert!(
        keys.iter().any(|key| key.ends_with(":alpha mail")) && keys.iter().any(|key| key.ends_with(":beta mail")),
        "{keys:?}"
    );
    assert!(reports.iter().all(|report| !report["report_id"].as_str().unwrap().starts_with("tlsight-test-")));
}
