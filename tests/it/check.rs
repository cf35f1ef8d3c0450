//! `tlsight check` at the terminal, with a file of records in the place of the DNS.

use std::{fs, process::Stdio};

use serde_json::Value;

use crate::server::tlsight;

/// What it says about example.com with these records, and its exit code.
fn check(records: &str, more: &[&str]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records");
    fs::write(&file, records).unwrap();
    let output = tlsight()
        .args(["check", "Example.COM.", "--no-smtp"])
        .args(more)
        .env("TLSIGHT_DNS__RECORDS", &file)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

const GOOD: &str = "\
_smtp._tls.example.com TXT v=TLSRPTv1; rua=mailto:tlsrpt@example.com
example.com            MX  10 mx1.example.com
mx1.example.com        A   9.9.9.9
";

#[test]
fn the_exit_code_tells_faults_from_what_is_unknown() {
    let (code, text) = check(GOOD, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("example.com, looked at ") && text.contains("  MX       mx1.example.com\n"), "{text}");
    assert!(text.contains("note     sts-missing (RFC 8461 §3.1)\n         You publish no MTA-STS policy"), "{text}");
    assert!(text.contains("\n1 note.\nNot looked at: STARTTLS"), "{text}");
    let (code, text) = check(&format!("{GOOD}_mta-sts.example.com SERVFAIL\nmta-sts.example.com SERVFAIL\n"), &[]);
    assert_eq!(code, Some(2), "{text}");
    let (code, text) = check(&format!("{GOOD}_mta-sts.example.com TXT v=STSv1; id=2026-11-29\n"), &["--json"]);
    assert_eq!(code, Some(1), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let ids: Vec<&str> =
        answer["findings"].as_array().unwrap().iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    assert_eq!(ids, ["sts-id", "host-address"], "{text}");
    assert_eq!((&answer["domain"], &answer["mx"]), (&"example.com".into(), &serde_json::json!(["mx1.example.com"])));
    let first = &answer["findings"][0];
    assert_eq!((&first["severity"], &first["effect"]), (&"fault".into(), &"unprotected".into()));
    assert_eq!((&first["remedy"], &first["source"]), (&"id=20261129".into(), &"RFC 8461 §3.1".into()));
}

#[test]
fn what_is_no_domain_is_told() {
    let output = tlsight().args(["check", "no domain"]).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("\"no domain\" is no domain"));
}
