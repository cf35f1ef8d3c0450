//! Mail that comes through a Postfix, as it does where another server is the MX or hands report addresses to us.

use std::process::Command;

use super::{LISTENERS, RECIPIENT, World, postfix::Postfix, quarantined, signed, socket_path, stored};
use crate::server::{Server, program_missing, until};

/// Mails on both ways into Postfix; one of them waits in its queue until its key can be looked up again.
fn try_all(world: &World, server: &Server, postfix: &Postfix, channel: &str) {
    let row = |id: &str| [id, channel, "dkim"].map(str::to_owned);
    postfix.sendmail(RECIPIENT, &signed::signed("handed-in"));
    let mut expected = vec![row("handed-in")];
    if !program_missing("swaks") {
        let mail = world.write("mail.eml", signed::signed("relayed").strip_suffix(b"\r\n").unwrap());
        let swaks = Command::new("swaks")
            .args(["--server", &format!("127.0.0.1:{}", postfix.smtp_port), "--helo", "sender.example"])
            .args(["--from", "tls@sender.example", "--to", RECIPIENT, "--data", &format!("@{}", mail.display())])
            .output()
            .unwrap();
        assert!(swaks.status.success(), "{}", String::from_utf8_lossy(&swaks.stdout));
        expected.push(row("relayed"));
    }
    until("the mails arrive", || stored(server) == expected);

    world.keys.fail();
    postfix.sendmail(RECIPIENT, &signed::signed("waits"));
    until("Postfix puts it off", || {
        let queue = postfix.queue();
        queue.contains("\"queue_name\": \"deferred\"") && queue.contains("451 4.7.5 ")
    });
    assert_eq!(stored(server), expected);
    world.keys.correct();
    postfix.flush();
    expected.push(row("waits"));
    until("it arrives", || stored(server) == expected);
    until("the queue is empty", || postfix.queue().is_empty());
    assert!(!postfix.log().contains("status=bounced"), "{}", postfix.log());
    assert!(quarantined(server).is_empty());
}

#[test]
fn by_smtp() {
    let world = World::new(LISTENERS);
    let server = world.start();
    let port = server.smtp.expect("an SMTP listener").port();
    let Some(postfix) = Postfix::start(&format!("smtp:[127.0.0.1]:{port}")) else { return };
    try_all(&world, &server, &postfix, "smtp");
}

#[test]
fn by_lmtp_over_tcp() {
    let world = World::new(LISTENERS);
    let server = world.start();
    let address = server.lmtp.clone().expect("an LMTP listener");
    let (host, port) = address.split_once(':').unwrap();
    let Some(postfix) = Postfix::start(&format!("lmtp:inet:[{host}]:{port}")) else { return };
    try_all(&world, &server, &postfix, "lmtp");
}

#[test]
fn by_lmtp_over_a_socket() {
    let world = World::new("");
    let socket = format!("unix:{}", world.path("lmtp.socket").display());
    world.configure(&LISTENERS.replace("lmtp = \"127.0.0.1:0\"", &format!("lmtp = {socket:?}")));
    let server = world.start();
    let Some(postfix) = Postfix::start(&format!("lmtp:{socket}")) else { return };
    // The operator makes Postfix a member of the socket's group.
    assert!(Command::new("chgrp").arg("postfix").arg(socket_path(&socket)).status().unwrap().success());
    try_all(&world, &server, &postfix, "lmtp");
}

#[test]
fn an_unknown_address_bounces() {
    let world = World::new(LISTENERS);
    let server = world.start();
    let port = server.smtp.expect("an SMTP listener").port();
    let Some(postfix) = Postfix::start(&format!("smtp:[127.0.0.1]:{port}")) else { return };
    postfix.sendmail("nobody@reports.example", &signed::signed("nobody"));
    until("Postfix gives up", || postfix.log().contains("status=bounced"));
    assert!(postfix.log().contains("550 5.1.1 Mailbox unavailable"), "{}", postfix.log());
    assert!(stored(&server).is_empty());
}
