//! What becomes of mails, with servers of different abilities.

use super::{fake::*, *};

async fn step(world: &World, account: impl FnOnce(Imap) -> Imap, script: Vec<Script>) -> Result<Caught, ImapTrouble> {
    let fake = Fake::play(vec![script.concat()], &world.judge.log).await;
    let mut collector = world.collector(account(account_at(&fake)));
    let caught = collector.step().await;
    fake.finished().await;
    caught
}

fn account_at(fake: &Fake) -> Imap {
    super::account(fake.port)
}

fn with_folders(account: Imap) -> Imap {
    let folder = |name: &str| Some(name.to_owned());
    Imap { done: folder("done"), ignored: folder("other"), failed: folder("failed"), ..account }
}

#[tokio::test]
async fn without_folders_mails_stay_and_are_marked_and_not_read_again() {
    let world = World::default();
    let script = vec![
        login("MOVE"),
        folder("11 12 13"),
        facts(&[11, 12, 13]),
        body(11, "fine"),
        ok("UID STORE 11 +FLAGS.SILENT (\\Seen)"),
        body(12, "ignored"),
        body(13, "broken"),
        ok("UID STORE 13 +FLAGS.SILENT (\\Flagged \\Seen)"),
        logout(),
    ];
    let caught = step(&world, |account| account, script).await.unwrap();
    assert_eq!(caught, Caught { settled: 3, ..Caught::default() });
    assert_eq!(world.notebook.of("INBOX", 7), [11, 12, 13]);
    let first = world.judge.taken.lock().unwrap().remove(0);
    assert_eq!((first.channel.as_str(), first.peer, first.received_at), ("imap", None, now()));
    assert!(first.is_mail());
    assert_eq!(first.bytes, b"fine");
    assert_eq!(first.hints.source.as_deref(), Some("imap reports/INBOX 7/11"));
    assert_eq!(first.hints.mailed_at.unwrap().to_rfc3339(), "2026-10-07T10:00:00+00:00");
    let counts = world.health().counts;
    assert_eq!((counts.stored, counts.ignored, counts.quarantined), (1, 1, 1));

    // Another process later: only what is new.
    let script = vec![login(""), folder("11 12 13 14"), facts(&[14]), body(14, "fine"), ok("UID STORE 14"), logout()];
    assert_eq!(step(&world, |account| account, script).await.unwrap().settled, 4);
    assert_eq!(world.judge.texts(), ["ignored", "broken", "fine"]);
}

#[tokio::test]
async fn mails_are_moved_after_their_receipt() {
    let world = World::default();
    let script = vec![
        login("MOVE UIDPLUS"),
        folder("1 2 3"),
        facts(&[1, 2, 3]),
        body(1, "fine"),
        ok("UID MOVE 1 \"done\""),
        body(2, "ignored"),
        ok("UID MOVE 2 \"other\""),
        body(3, "broken"),
        ok("UID MOVE 3 \"failed\""),
        logout(),
    ];
    step(&world, with_folders, script).await.unwrap();
    assert_eq!(world.notebook.of("INBOX", 7), [0; 0], "what has left the folder needs no note");
    let log = world.judge.log.lock().unwrap();
    let moves: Vec<usize> =
        log.iter().enumerate().filter(|(_, l)| l.starts_with("UID MOVE")).map(|(at, _)| at).collect();
    assert_eq!(moves.len(), 3);
    for at in moves {
        assert_eq!(log[at - 1], "accepted");
    }
}

#[tokio::test]
async fn without_move_one_mail_alone_is_copied_and_removed() {
    let world = World::default();
    let script = vec![
        login("UIDPLUS"),
        folder("5"),
        facts(&[5]),
        body(5, "fine"),
        ok("UID COPY 5 \"Gr&APYA3w-e\""),
        ok("UID STORE 5 +FLAGS.SILENT (\\Deleted)"),
        ok("UID EXPUNGE 5"),
        logout(),
    ];
    let account = |account| Imap { done: Some("Größe".to_owned()), ..account };
    step(&world, account, script).await.unwrap();
    assert_eq!(world.notebook.of("INBOX", 7), [0; 0]);
}

#[tokio::test]
async fn a_server_that_cannot_remove_one_mail_alone_removes_none() {
    let world = World::default();
    let deletion = |uid| {
        let marked = format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)");
        vec![
            login(""),
            folder(uid),
            facts(&[uid.parse().unwrap()]),
            body(uid.parse().unwrap(), "fine"),
            ok(&marked),
            logout(),
        ]
    };
    let delete = |account| Imap { delete: true, ..account };
    let caught = step(&world, delete, deletion("5")).await.unwrap();
    assert!(caught.remark.unwrap().contains("marked as deleted"));
    assert_eq!(world.notebook.of("INBOX", 7), [5]);

    // Where it may not even be marked it stays, and is not read again either.
    let mut refused = deletion("6");
    refused[4] = steps([("UID STORE 6 +FLAGS.SILENT (\\Deleted)", "$ NO not yours\n")]);
    let caught = step(&world, delete, refused).await.unwrap();
    assert!(caught.remark.unwrap().contains("they stay"));
    assert_eq!(world.notebook.of("INBOX", 7), [5, 6]);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_told_and_mails_wait_without_being_read_again() {
    let world = World::default();
    let first = [
        login("MOVE"),
        folder("1 2 3"),
        facts(&[1, 2, 3]),
        body(1, "fine"),
        steps([
            ("UID MOVE 1 \"done\"", "$ NO [TRYCREATE] no such folder\n"),
            ("LIST \"\" \"*\"", "* LIST () \"/\" INBOX\n* LIST () \"/\" \"Entw&APw-rfe\"\n$ OK\n"),
        ]),
        body(2, "also fine"),
        body(3, "ignored"),
        ok("UID MOVE 3 \"other\""),
        logout(),
    ];
    let second = [login("MOVE"), folder("1 2"), ok("UID MOVE 1 \"done\""), ok("UID MOVE 2 \"done\""), logout()];
    let fake = Fake::play(vec![first.concat(), second.concat()], &world.judge.log).await;
    let mut collector = world.collector(with_folders(account(fake.port)));
    let caught = collector.step().await.unwrap();
    assert_eq!(
        caught.complaint.as_deref(),
        Some("the folder \"done\" does not exist or cannot be opened (no such folder); there are: Entwürfe, INBOX")
    );
    assert_eq!(caught.left, 2);
    let caught = collector.step().await.unwrap();
    assert_eq!((caught.complaint, caught.left), (None, 0));
    fake.finished().await;
    assert_eq!(world.judge.texts().len(), 3);
}

#[tokio::test]
async fn in_a_read_only_folder_nothing_is_touched() {
    let world = World::default();
    let opened = folder_with(7, "READ-ONLY", "1");
    let script = vec![login("MOVE"), opened, facts(&[1]), body(1, "fine"), logout()];
    let caught = step(&world, with_folders, script).await.unwrap();
    assert!(caught.remark.unwrap().contains("read-only"));
    assert_eq!(world.notebook.of("INBOX", 7), [1]);
}

#[tokio::test]
async fn what_cannot_be_judged_now_is_left_alone_and_tried_again() {
    let world = World::default();
    *world.judge.busy.lock().unwrap() = Some(Busy::KeyLookup);
    let poll = || [folder("1 2"), facts(&[1, 2]), body(1, "busy"), body(2, "fine"), ok("UID STORE 2")].concat();
    let caught = step(&world, |account| account, vec![login(""), poll(), logout()]).await.unwrap();
    assert_eq!((caught.settled, caught.left, caught.complaint), (1, 1, None));

    *world.judge.busy.lock().unwrap() = None;
    let again = vec![login(""), folder("1 2"), facts(&[1]), body(1, "busy"), ok("UID STORE 1"), logout()];
    assert_eq!(step(&world, |account| account, again).await.unwrap().settled, 2);

    // Where nothing can be stored the poll ends; the mail is untouched.
    *world.judge.busy.lock().unwrap() = Some(Busy::DiskFull);
    let full = vec![login(""), folder("1 2 3 4"), facts(&[3, 4]), body(3, "busy")];
    let trouble = step(&world, |account| account, full).await.unwrap_err();
    assert_eq!(trouble.to_string(), "nothing can be stored now: the disk is full");
    assert_eq!(world.notebook.of("INBOX", 7), [1, 2]);
}

#[tokio::test]
async fn what_cannot_be_noted_ends_the_round_and_is_known_again_later() {
    let world = World::default();
    *world.notebook.broken.lock().unwrap() = true;
    let script = vec![login(""), folder("1"), facts(&[1]), body(1, "fine"), ok("UID STORE 1")];
    let trouble = step(&world, |account| account, script).await.unwrap_err();
    assert!(trouble.to_string().ends_with("the disk is gone"), "{trouble}");
    *world.notebook.broken.lock().unwrap() = false;
    let script = vec![login(""), folder("1"), facts(&[1]), body(1, "fine"), ok("UID STORE 1"), logout()];
    assert_eq!(step(&world, |account| account, script).await.unwrap().settled, 1);
    assert_eq!(world.health().counts.duplicate, 1);
}

#[tokio::test]
async fn a_new_uid_validity_has_everything_read_anew() {
    let world = World::default();
    let script = vec![login(""), folder("1"), facts(&[1]), body(1, "fine"), ok("UID STORE 1"), logout()];
    step(&world, |account| account, script).await.unwrap();
    let opened = folder_with(8, "READ-WRITE", "1");
    let script = vec![login(""), opened, facts(&[1]), body(1, "fine"), ok("UID STORE 1"), logout()];
    step(&world, |account| account, script).await.unwrap();
    assert_eq!((world.notebook.of("INBOX", 7), world.notebook.of("INBOX", 8)), (vec![], vec![1]));
    assert_eq!(world.health().counts.duplicate, 1);
}
