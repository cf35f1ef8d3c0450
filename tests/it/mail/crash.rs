//! What was answered 250, or moved out of the mailbox, survives SIGKILL at any moment, once.

use super::{LISTENERS, World, dovecot::Dovecot, imap, signed, smtp::Smtp, stored};
use crate::{
    crash::{assert_there_once, rounds, send_until_killed, splitmix},
    server::{all_report_ids, until},
};

/// Mails in the mailbox for each time the server is killed.
const MAILS_PER_ROUND: u64 = 10;

#[test]
fn no_mail_answered_250_is_lost_by_sigkill() {
    let world = World::new(LISTENERS);
    let mut acknowledged = Vec::new();
    for round in 0..rounds() {
        let server = world.start();
        let address = server.smtp.expect("an SMTP listener");
        acknowledged.extend(send_until_killed(server, round, || {
            let mut smtp = Smtp::connect(address);
            move |id| {
                let smtp = smtp.as_mut().map_err(|error| std::io::Error::from(error.kind()))?;
                let reply = smtp.send(&signed::signed(id))?;
                assert!(
                    reply.starts_with("250 2.0.0 Ok: stored") || reply.starts_with("250 2.0.0 Ok: duplicate"),
                    "{reply}"
                );
                Ok(())
            }
        }));
        let server = world.start();
        assert_there_once(&server, &acknowledged, round);
        server.kill();
    }
    assert!(acknowledged.len() as u64 > rounds(), "{} reports prove little", acknowledged.len());
    assert!(stored(&world.start()).iter().all(|[_, channel, trust]| channel == "smtp" && trust == "dkim"));
}

#[test]
fn no_mail_moved_is_lost_by_sigkill() {
    let Some(mut dovecot) = Dovecot::start(&["done", "other", "failed"]) else { return };
    let ids: Vec<String> = (0..rounds() * MAILS_PER_ROUND).map(|number| format!("moved-{number}")).collect();
    ids.iter().for_each(|id| dovecot.deliver(&signed::signed(id)));
    let done = || -> Vec<String> {
        dovecot.mails("done").iter().filter_map(|mail| imap::message_id(mail).map(str::to_owned)).collect()
    };
    let world = World::new(&(dovecot.account() + imap::FOLDERS));
    let mut moved = Vec::new();
    for round in 0..rounds() {
        let server = world.start();
        assert_there_once(&server, &moved, round);
        let before = moved.len() as u64;
        let kill_after = before + splitmix(round) % MAILS_PER_ROUND;
        until("some are moved", || done().len() as u64 >= kill_after || dovecot.mails("").is_empty());
        server.kill();
        moved = done();
    }
    let server = world.start();
    until("the mailbox is empty", || dovecot.mails("").is_empty());
    moved = done();
    assert_there_once(&server, &moved, rounds());
    moved.sort();
    let (mut known, mut expected) = (all_report_ids(&server), ids);
    known.sort();
    expected.sort();
    assert_eq!(known, expected);
    assert_eq!(moved, expected, "each mail is moved, once");
    assert!(dovecot.mails("other").is_empty() && dovecot.mails("failed").is_empty());
}
