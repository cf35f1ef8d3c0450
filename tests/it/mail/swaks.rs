//! Mail from swaks, over every source that listens.

use std::{fs, path::Path, process::Command};

use super::{LISTENERS, RECIPIENT, World, quarantined, signed, socket_path, stored};
use crate::server::{Server, program_missing};

/// What the server replied, line by line, and whether swaks was content.
struct Said {
    replies: Vec<String>,
    transcript: String,
}

/// Hands the mail in a file to the server and quits.
fn swaks(way: &[&str], to: &str, mail: &Path) -> Said {
    let data = format!("@{}", mail.display());
    let fixed = ["--helo", "sender.example", "--from", "tls@sender.example", "--to", to, "--timeout", "60", "--data"];
    let output = Command::new("swaks").args(way).args(fixed).arg(data).output().unwrap();
    let transcript = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // `<-` in the clear, `<~` over TLS; with stars where swaks did not like it.
    let replies = transcript.lines().filter_map(|line| {
        let (arrow, reply) = line.split_at_checked(4)?;
        matches!(arrow, "<-  " | "<** " | "<~  " | "<~* ").then(|| reply.to_owned())
    });
    Said { replies: replies.collect(), transcript }
}

impl Said {
    /// The last one before the goodbye.
    fn reply(&self) -> &str {
        let last = self.replies.iter().rev().find(|reply| !reply.starts_with("221"));
        last.unwrap_or_else(|| panic!("no reply:\n{}", self.transcript))
    }
}

/// It ends the last line itself.
fn for_swaks(mail: &[u8]) -> &[u8] {
    mail.strip_suffix(b"\r\n").expect("the mail ends with a line's end")
}

fn row(id: &str, channel: &str, third: &str) -> [String; 3] {
    [id, channel, third].map(str::to_owned)
}

/// What every source does with good and other mail.
fn try_all(world: &World, server: &Server, channel: &str, way: &[&str]) {
    let send = |to: &str, mail: &[u8]| {
        let mail = world.write("mail.eml", for_swaks(mail));
        let said = swaks(way, to, &mail);
        println!("{}", said.transcript);
        said
    };
    let replied = |to: &str, mail: &[u8]| send(to, mail).reply().to_owned();
    let (good, bare, waits) = (format!("{channel}-good"), format!("{channel}-bare"), format!("{channel}-waits"));

    let reply = replied(RECIPIENT, &signed::signed(&good));
    assert!(reply.starts_with("250 2.0.0 Ok: stored as "), "{reply}");
    let reply = replied(RECIPIENT, &signed::signed(&good));
    assert!(reply.starts_with("250 2.0.0 Ok: duplicate of "), "{reply}");
    let reply = replied(RECIPIENT, &signed::unsigned(&bare));
    assert!(reply.starts_with("250 2.0.0 Ok: quarantined"), "{reply}");
    let reply = replied("nobody@reports.example", &signed::signed(&good));
    assert!(reply.starts_with("550 5.1.1 "), "{reply}");
    let reply = replied("tlsrpt@elsewhere.example", &signed::signed(&good));
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");

    world.keys.fail();
    let reply = replied(RECIPIENT, &signed::signed(&waits));
    assert!(reply.starts_with("451 4.7.5 "), "{reply}");
    assert_eq!(stored(server), [row(&good, channel, "dkim")]);
    world.keys.correct();
    let reply = replied(RECIPIENT, &signed::signed(&waits));
    assert!(reply.starts_with("250 2.0.0 Ok: stored as "), "{reply}");
    assert_eq!(stored(server), [row(&good, channel, "dkim"), row(&waits, channel, "dkim")]);
    assert_eq!(quarantined(server), [row(&bare, channel, "dkim-none")]);
}

#[test]
fn over_smtp() {
    if program_missing("swaks") {
        return;
    }
    let world = World::new(LISTENERS);
    let server = world.start();
    let address = server.smtp.expect("an SMTP listener").to_string();
    try_all(&world, &server, "smtp", &["--server", &address]);
}

#[test]
fn over_starttls() {
    if program_missing("swaks") {
        return;
    }
    let world = World::new(LISTENERS);
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = world.write("certificate.pem", pair.cert.pem().as_bytes());
    let key = world.write("key.pem", pair.signing_key.serialize_pem().as_bytes());
    let public = format!("[public]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    world.configure(&(public + LISTENERS));
    let server = world.start();
    let address = format!("localhost:{}", server.smtp.expect("an SMTP listener").port());
    let certificate = certificate.to_str().unwrap();
    let way = ["--server", &address, "-4", "--tls", "--tls-verify", "--tls-ca-path", certificate];
    try_all(&world, &server, "smtp", &way);
    let said = swaks(&way, RECIPIENT, &world.path("mail.eml"));
    assert!(said.transcript.contains("TLS started with cipher TLSv1.3"), "{}", said.transcript);
}

#[test]
fn over_lmtp_by_tcp() {
    if program_missing("swaks") {
        return;
    }
    let world = World::new(LISTENERS);
    let server = world.start();
    let address = server.lmtp.clone().expect("an LMTP listener");
    try_all(&world, &server, "lmtp", &["--protocol", "LMTP", "--server", &address]);
}

#[test]
fn over_lmtp_by_socket() {
    if program_missing("swaks") {
        return;
    }
    let world = World::new("");
    let socket = format!("unix:{}", world.path("lmtp.socket").display());
    world.configure(&LISTENERS.replace("lmtp = \"127.0.0.1:0\"", &format!("lmtp = {socket:?}")));
    let server = world.start();
    assert_eq!(server.lmtp.as_deref(), Some(&*socket));
    let path = socket_path(&socket).to_str().unwrap();
    try_all(&world, &server, "lmtp", &["--protocol", "LMTP", "--socket", path]);
    assert!(server.stop().success());
    assert!(fs::metadata(path).is_err(), "a stop leaves no socket behind");
}

#[test]
fn the_bytes_stay_as_they_were_sent() {
    if program_missing("swaks") {
        return;
    }
    let world = World::new(LISTENERS);
    let server = world.start();
    let mail = signed::signed("verbatim");
    let address = server.smtp.expect("an SMTP listener").to_string();
    swaks(&["--server", &address], RECIPIENT, &world.write("mail.eml", for_swaks(&mail)));
    let reports = server.get("/api/v1/reports?from=2026-01-01&to=2026-12-31").json();
    let uuid = reports["items"][0]["uuid"].as_str().expect("the report is stored");
    let raw = server.get(&format!("/api/v1/reports/{uuid}/raw")).body;
    assert_eq!(String::from_utf8(raw).unwrap(), String::from_utf8(mail).unwrap());
}
