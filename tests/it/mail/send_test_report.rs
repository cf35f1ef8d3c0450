//! `send-test-report` by mail to a tlsight: its exit code tells whether the report counts.

use serde_json::Value;

use super::{LISTENERS, RECIPIENT, World, signed::KEY_FILE};
use crate::server::{Server, tlsight};

/// The exit code, and the fate of the one destination.
fn sent(world: &World, server: &Server, options: &[&str]) -> (i32, String) {
    let relay = server.smtp.expect("an SMTP listener").to_string();
    let to = format!("mailto:{RECIPIENT}");
    let mut command = tlsight();
    command.args(["send-test-report", "example.com", "--json", "--relay", &relay, "--to", &to]).args(options);
    let output = command.arg("--config").arg(world.path("tlsight.toml")).output().unwrap();
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let verdict = &shown["destinations"][0]["verdict"];
    let shown = ["fate", "verdict", "next"].map(|member| verdict[member].as_str().unwrap_or_default());
    (output.status.code().expect("it ended by itself"), shown.join(" | "))
}

#[test]
fn the_exit_code_tells_whether_it_counts() {
    let world = World::new(LISTENERS);
    let server = world.start();
    let key = ["--dkim-key", KEY_FILE, "--dkim-selector", "sel", "--dkim-domain", "sender.example"];

    let (code, shown) = sent(&world, &server, &key);
    assert!(code == 0 && shown.starts_with("taken | ") && shown.contains("| Nothing. "), "{code}: {shown}");
    let (code, shown) = sent(&world, &server, &["--from", "tls@sender.example"]);
    assert!(code == 1 && shown.starts_with("not-counted | kept, not counted: dkim-none: "), "{code}: {shown}");
    let (code, shown) = sent(&world, &server, &[&key[..], &["--from", "tls@elsewhere.example"]].concat());
    assert!(code == 1 && shown.starts_with("not-counted | kept, not counted: dkim-unaligned: "), "{code}: {shown}");
    drop(server);

    world.configure(&format!("{LISTENERS}\n[[domain]]\nname = \"other.example\"\n"));
    let server = world.start();
    let (code, shown) = sent(&world, &server, &key);
    assert!(code == 1 && shown.starts_with("not-counted | delivered, but not counted: 550 5.7.1 "), "{code}: {shown}");
}
