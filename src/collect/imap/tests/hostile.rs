//! Servers that lie, break off or talk nonsense.

use super::{fake::*, *};

async fn steps_of(world: &World, scripts: Vec<Vec<Script>>) -> (Vec<Result<Caught, ImapTrouble>>, Collector) {
    let count = scripts.len();
    let fake = Fake::play(scripts.into_iter().map(|script| script.concat()).collect(), &world.judge.log).await;
    let mut collector = world.collector(account(fake.port));
    let mut results = Vec::new();
    for _ in 0..count {
        results.push(collector.step().await);
    }
    fake.finished().await;
    (results, collector)
}

async fn step(world: &World, script: Vec<Script>) -> Result<Caught, ImapTrouble> {
    steps_of(world, vec![script]).await.0.remove(0)
}

#[tokio::test]
async fn a_mail_announced_too_large_is_not_fetched() {
    let world = World::default();
    let sizes = "* 1 FETCH (UID 1 RFC822.SIZE 1001)\n* 2 FETCH (UID 2 RFC822.SIZE 99999999999)\n$ OK\n";
    let script = vec![
        login(""),
        folder("1 2"),
        steps([("UID FETCH 1,2", sizes)]),
        ok("UID STORE 1 +FLAGS.SILENT (\\Flagged \\Seen)"),
        ok("UID STORE 2 +FLAGS.SILENT (\\Flagged \\Seen)"),
        logout(),
    ];
    assert_eq!(step(&world, script).await.unwrap().settled, 2);
    assert_eq!(world.health().counts.refused, 2);
    assert_eq!(world.judge.texts(), [""; 0]);
}

#[tokio::test]
async fn a_mail_larger_than_its_size_is_refused() {
    let world = World::default();
    let script =
        vec![login(""), folder("1"), facts(&[1]), body(1, &"x".repeat(LIMIT_BYTES + 1)), ok("UID STORE 1"), logout()];
    step(&world, script).await.unwrap();
    assert_eq!(world.judge.texts(), [""; 0]);
    let script =
        vec![login(""), folder("1 2"), facts(&[2]), body(2, &"x".repeat(LIMIT_BYTES)), ok("UID STORE 2"), logout()];
    step(&world, script).await.unwrap();
    assert_eq!(world.judge.texts().len(), 1, "the limit itself is within it");
}

#[tokio::test]
async fn a_literal_of_four_gigabytes_costs_nothing_and_is_not_asked_for_again() {
    let world = World::default();
    for announced in ["4294967295", "99999999999999999999", "70000"] {
        let literal = format!("* 1 FETCH (UID 1 BODY[] {{{announced}}}\nFrom: a\n");
        let first =
            vec![login(""), folder("1 2"), facts(&[1, 2]), steps([("UID FETCH 1 (UID BODY.PEEK[])", &literal)])];
        let again = vec![
            login(""),
            folder("1 2"),
            facts(&[2, 1]),
            body(2, "fine"),
            ok("UID STORE 2"),
            ok("UID STORE 1 +FLAGS.SILENT (\\Flagged \\Seen)"),
            logout(),
        ];
        let (results, collector) = steps_of(&world, vec![first, again]).await;
        assert!(matches!(results[0], Err(ImapTrouble::TooLarge { .. })), "{results:?}");
        assert_eq!(results[1].as_ref().unwrap().settled, 2);
        drop(collector);
        world.notebook.settled.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn nonsense_between_the_answers_is_passed_over() {
    let world = World::default();
    let found = "* SEARCH 3 1 3 0 -1 99999999999\n* ESEARCH (TAG \"x\") UID ALL 9\n* SEARCH 2\n$ OK\n";
    let shown = "* 9 FETCH (FLAGS (\\Seen))\n* 1 FETCH (UID 1 RFC822.SIZE 9 INTERNALDATE NIL)\n* 4 EXPUNGE\n\
                * 2 FETCH (UID 2 RFC822.SIZE 9)\n* OK [ALERT] hello {5}\n* 7 FETCH (UID 77 RFC822.SIZE 1)\n\
                * 3 FETCH (UID 3 RFC822.SIZE 9 INTERNALDATE \"01-Jan-2099 00:00:00 +0000\")\n* 3 FETCH ((((\n\
                t99 NO for somebody else\n$ OK\n";
    let first =
        "* 1 FETCH (FLAGS (\\Seen))\n* 7 FETCH (UID 77 BODY[] \"other\")\n* 1 FETCH (BODY[] \"one\" UID 1)\n$ OK\n";
    let script = vec![
        login(""),
        vec![folder("").remove(0)],
        steps([("UID SEARCH", found), ("UID FETCH 1,2,3", shown), ("UID FETCH 1 ", first)]),
        ok("UID STORE 1"),
        body(2, "{9}\n2"),
        ok("UID STORE 2"),
        body(3, "three"),
        ok("UID STORE 3"),
        logout(),
    ];
    assert_eq!(step(&world, script).await.unwrap().settled, 3);
    assert_eq!(world.judge.texts(), ["one", "{9}\r\n2", "three"]);
    let dates: Vec<_> = world.judge.taken.lock().unwrap().iter().map(|taken| taken.hints.mailed_at).collect();
    assert_eq!(dates, [None; 3], "missing, NIL and in the future");
}

#[tokio::test]
async fn a_mail_that_cannot_be_fetched_comes_last_and_is_told() {
    let world = World::default();
    let refused = || steps([("UID FETCH 1 (UID BODY.PEEK[])", "$ NO [SERVERBUG] internal error\n")]);
    let first = vec![login(""), folder("1 2"), facts(&[1, 2]), refused(), body(2, "fine"), ok("UID STORE 2"), logout()];
    let second =
        vec![login(""), folder("1 2 3"), facts(&[3, 1]), body(3, "fine 3"), ok("UID STORE 3"), refused(), logout()];
    let (results, _) = steps_of(&world, vec![first, second]).await;
    for result in results {
        let complaint = result.unwrap().complaint.unwrap();
        assert_eq!(complaint, "mail 1 in \"INBOX\" cannot be read: internal error");
    }
}

#[tokio::test]
async fn a_mail_without_a_body_stays_for_the_next_round() {
    let world = World::default();
    let nil = steps([("UID FETCH 1 (UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] NIL)\n$ OK\n")]);
    let first = vec![login(""), folder("1"), facts(&[1]), nil, logout()];
    let second = vec![login(""), folder("1"), facts(&[1]), body(1, "fine"), ok("UID STORE 1"), logout()];
    let (results, _) = steps_of(&world, vec![first, second]).await;
    let complaint = results[0].as_ref().unwrap().complaint.as_deref();
    assert_eq!(complaint, Some("mail 1 in \"INBOX\" cannot be read: the server sends something else"));
    assert_eq!(world.judge.texts(), ["fine"]);
    assert_eq!(world.health().counts.refused, 0);
}

#[tokio::test]
async fn a_mail_whose_size_makes_no_sense_is_told() {
    let shown = "mail 2 in \"INBOX\" cannot be read: the server tells no size that makes sense";
    for (odd, complaint) in [
        ("* 2 FETCH (UID 2 INTERNALDATE NIL)\n", Some(shown)),
        ("* 2 FETCH (UID 2 RFC822.SIZE -1)\n", Some(shown)),
        ("* 2 FETCH ((((\n", Some(shown)),
        ("* 2 EXPUNGE\n", None),
    ] {
        let world = World::default();
        let sizes = format!("{odd}* 1 FETCH (UID 1 RFC822.SIZE 9)\n$ OK\n");
        let script = vec![
            login(""),
            folder("1 2"),
            steps([("UID FETCH 1,2", &sizes)]),
            body(1, "fine"),
            ok("UID STORE 1"),
            logout(),
        ];
        let caught = step(&world, script).await.unwrap();
        assert_eq!((caught.complaint.as_deref(), caught.left), (complaint, 1), "{odd}");
        assert_eq!(world.judge.texts(), ["fine"]);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let world = World::default();
    let cut = steps([("UID SEARCH", "* SEARCH 1 2\n")]);
    let goodbye = steps([("SELECT", "* BYE too many connections\n")]);
    let no_line = steps([("SELECT", "HTTP/1.1 400 Bad Request\n")]);
    let facts_cut = steps([("UID FETCH 1", "* 1 FETCH (UID 1 RFC822.SIZE 9)\n")]);
    let no_validity = steps([("SELECT", "* 1 EXISTS\n$ OK done\n")]);
    let scripts = vec![
        vec![login(""), vec![folder("1").remove(0)], cut],
        vec![login(""), goodbye],
        vec![login(""), no_line],
        vec![login(""), folder("1"), facts_cut],
        vec![login(""), no_validity],
        vec![steps([("", "* BYE go away\n")])],
    ];
    let (results, _) = steps_of(&world, scripts).await;
    let shown: Vec<String> = results.into_iter().map(|result| result.unwrap_err().to_string()).collect();
    assert_eq!(
        shown,
        [
            "the server closed the connection",
            "the server closed the connection: too many connections",
            "the server sent what is no IMAP: HTTP/1.1 400 Bad Request",
            "the server closed the connection",
            "the server gives the folder \"INBOX\" no UIDVALIDITY, so that its mails cannot be told apart",
            "the server closed the connection: go away",
        ]
    );
    assert_eq!(world.judge.texts(), [""; 0]);
}

#[tokio::test]
async fn a_missing_folder_is_told_with_those_that_are_there() {
    let world = World::default();
    let script = vec![
        login(""),
        steps([("SELECT", "$ NO [NONEXISTENT] no such\n"), ("LIST", "* LIST () \".\" Reports\n$ OK\n")]),
    ];
    let shown = step(&world, script).await.unwrap_err().to_string();
    assert_eq!(shown, "the folder \"INBOX\" does not exist or cannot be opened (no such); there are: Reports");
}
