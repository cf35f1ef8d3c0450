//! Which digests an order means, and what is said of those that are none.

use super::*;
use crate::{config::Environment, store::fixtures::temp_store};

const CONFIG: &str =
    "[[digest]]\nto = [\"a@example.net\"]\n\n[[digest]]\ncadence = \"monthly\"\nto = [\"b@example.net\"]\n";

/// Asks as the command does, on a Monday.
fn asked(order: Value) -> Result<Value, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tlsight.toml");
    std::fs::write(&file, CONFIG).unwrap();
    let config = Config::load(Some(&file), &Environment::default()).expect("the configuration is valid");
    let (temp, runtime) = (temp_store(), tokio::runtime::Runtime::new().unwrap());
    let clock = Clock::fixed("2026-11-23T09:00:00Z".parse().unwrap());
    let renderer = Arc::new(DigestRenderer::new(None).unwrap());
    let base = "https://tlsight.internal".to_owned();
    let handle = runtime.handle().clone();
    let admin = AdminCommands::new(Arc::new(config), temp.store.clone(), clock, renderer, base, handle);
    let answered = admin.ask(DIGEST, order.to_string().as_bytes());
    answered.expect("a known command")
}

fn order(period: Option<&str>, name: Option<&str>) -> Value {
    serde_json::json!({ "period": period, "name": name, "to": [], "dry_run": true })
}

#[test]
fn a_dry_run_writes_the_digest_and_sends_nothing() {
    let answer = asked(order(None, None)).unwrap();
    let email = &answer["emails"][0];
    assert_eq!((&email["digest"], &email["period"]), (&"weekly".into(), &"2026-W47".into()));
    assert_eq!((&email["to"], &email["sent"]), (&serde_json::json!(["a@example.net"]), &serde_json::json!([])));
    assert_eq!(email["subject"], "No TLS reports – 2026-W47");
    assert!(email["text"].as_str().unwrap().contains("WHAT TO CHECK"), "{email}");
    assert!(email["html"].as_str().unwrap().starts_with("<!doctype html>"), "{email}");
    let answer = asked(order(Some("2026-10"), None)).unwrap();
    assert_eq!(
        (&answer["emails"][0]["digest"], &answer["emails"][0]["period"]),
        (&"monthly".into(), &"2026-10".into())
    );
}

#[test]
fn what_is_unknown_is_told() {
    let error = |period, name| asked(order(period, name)).unwrap_err();
    assert_eq!(
        error(Some("2026-W54"), None),
        "\"2026-W54\" is no week like 2026-W47, month like 2026-11 or day like 2026-11-22"
    );
    assert_eq!(error(None, Some("other")), "no digest \"other\" is configured; there are weekly, monthly");
    assert_eq!(error(Some("2026-10"), Some("weekly")), "the digest \"weekly\" is about a week, not about 2026-10");
}
