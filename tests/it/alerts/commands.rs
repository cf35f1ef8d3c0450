//! What an operator tries at the terminal, with and without the server.

use std::fs;

use mailparse::MailHeaderMap;

use super::{
    World, days_ago,
    hook::{Hook, Mood},
    post,
    relay::Relay,
};

#[test]
fn a_channel_is_tried() {
    let hook = Hook::start();
    let world = World::new(&format!("[[channel]]\nname = \"operators\"\nkind = \"webhook\"\nurl = {:?}\n", hook.url));
    let mut server = None;
    // First nobody holds the data directory, then a server does: the user does not notice.
    for _ in 0..2 {
        let good = world.run(&["alerts", "send-test", "operators"]);
        assert_eq!((good.code, good.complained.as_str()), (0, ""), "{good:?}");
        assert!(good.said.starts_with("delivered to operators: "), "{good:?}");
        let asked = hook.asked().pop().expect("it arrived");
        assert_eq!(asked.shown(), ("test".to_owned(), "the channel \"operators\" works".to_owned()));
        let json = world.run(&["alerts", "send-test", "operators", "--json"]);
        assert_eq!((json.code, json.json()["said"].as_str()), (0, Some(good.said.trim_end())));

        hook.set(Mood::Refuses);
        let bad = world.run(&["alerts", "send-test", "operators"]);
        assert_eq!((bad.code, bad.said.as_str()), (2, ""));
        assert!(
            bad.complained.starts_with("tlsight: not delivered to operators: ") && bad.complained.contains("500"),
            "{bad:?}"
        );
        hook.set(Mood::Takes);
        let unknown = world.run(&["alerts", "send-test", "nobody"]);
        let words = "tlsight: there is no channel \"nobody\"; there are: operators\n";
        assert_eq!((unknown.code, unknown.complained.as_str()), (2, words));
        assert_eq!(world.data().exists(), server.is_some(), "it needs no database");
        server.get_or_insert_with(|| world.start());
    }
    assert_eq!(hook.asked().len(), 6, "a test does not go through the outbox");

    // The file is edited, the server was started before.
    let edited = fs::read_to_string(world.configuration()).unwrap() + "resolved = false\n";
    fs::write(world.configuration(), edited).unwrap();
    let shown = world.run(&["alerts", "send-test", "operators"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(
        shown.complained.starts_with("The running server answers, and it was started with other settings"),
        "{shown:?}"
    );
}

#[test]
fn a_check_names_the_hosts_that_only_the_policy_names() {
    let world = World::new("");
    let text = fs::read_to_string(world.configuration()).unwrap();
    let listed = |hosts: &str| {
        let domain = format!("name = \"example.com\"\nmx = [{hosts}]\n");
        fs::write(world.configuration(), text.replace("name = \"example.com\"\n", &domain)).unwrap();
        world.run(&["config", "check"])
    };
    listed("\"mx1.example.com\"");
    let server = world.start();
    post(&server, "alpha.example", days_ago(1), 0);
    let note = "note: mx.example.com is in the policy senders use for example.com but not in your configuration (`mx` of its [[domain]])\n";
    let shown = listed("\"mx1.example.com\"");
    assert_eq!((shown.code, shown.said.contains(note)), (0, true), "{shown:?}");
    let shown = listed("\"mx1.example.com\", \"mx.example.com\"");
    assert!(!shown.said.contains("policy senders use"), "by the file as it is, not as the server read it: {shown:?}");
    assert!(server.stop().success());
    assert!(!listed("\"mx1.example.com\"").said.contains("policy senders use"), "nobody is there to say so");
}

#[test]
fn a_digest_is_printed_and_sent_with_its_pictures() {
    let Some(relay) = Relay::start() else { return };
    let world = World::new(&relay.settings());
    let server = world.start();
    let day = days_ago(1);
    post(&server, "alpha.example", day, 8);
    post(&server, "beta.example", day, 8);
    // One week alone is no trend to draw.
    post(&server, "alpha.example", days_ago(8), 3);
    let week = day.format("%G-W%V").to_string();

    let printed = world.run(&["digest", "--week", &week]);
    assert_eq!((printed.code, printed.complained.as_str()), (0, ""), "{printed:?}");
    assert!(printed.said.starts_with("Subject: ") && printed.said.contains("example.com"), "{printed:?}");
    assert!(relay.arrived().is_empty());

    let sent = world.run(&["digest", "--week", &week, "--to", "boss@elsewhere.example"]);
    assert_eq!((sent.code, sent.complained.as_str()), (0, ""), "{sent:?}");
    assert!(sent.said.starts_with("sent to boss@elsewhere.example: "), "{sent:?}");
    let mail = relay.wait_for(1, "boss@elsewhere.example").remove(0);
    assert_eq!(mail.from, "<>");
    assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert_eq!(mail.header("List-Id").as_deref(), Some("<digest.example.net>"));
    assert_eq!(mail.header("TLS-Required"), None, "it goes elsewhere");
    let parsed = mailparse::parse_mail(mail.text.as_bytes()).unwrap();
    let parts: Vec<_> = parsed.parts().collect();
    let types: Vec<&str> = parts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
    assert_eq!(
        types,
        ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png", "image/png"]
    );
    let text = parts[1].get_body().unwrap().replace("\r\n", "\n");
    assert!(
        printed.said.ends_with(text.trim_end()) || printed.said.contains(text.trim_end()),
        "{text}\n{}",
        printed.said
    );
    let html = parts[3].get_body().unwrap();
    for picture in &parts[4..] {
        let id = picture.headers.get_first_value("Content-ID").expect("a name");
        assert!(html.contains(&format!("\"cid:{}\"", id.trim_matches(['<', '>']))), "{id}");
        assert!(picture.get_body_raw().unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    }
    assert!(!html.contains("src=\"http"), "nothing from elsewhere");

    let json = world.run(&["digest", "--week", &week, "--dry-run", "--json", "--to", "boss@elsewhere.example"]);
    assert_eq!(json.json()["emails"][0]["period"], week);
    assert_eq!(json.json()["emails"][0]["sent"].as_array().map(Vec::len), Some(0));
    assert!(server.stop().success());
    let alone = world.run(&["digest", "--week", &week]);
    assert_eq!(alone, printed, "who answers makes no difference");
    assert_eq!(relay.arrived().len(), 1);
}

#[test]
fn a_digest_that_cannot_be_sent_says_so() {
    let world = World::new("[mail]\nfrom = \"tlsight@example.net\"\nsendmail = \"/nonexistent/sendmail\"\n");
    for command in [&["digest"][..], &["alerts", "test", "policy-fetch"]] {
        let nothing = world.run(command);
        assert_eq!((nothing.code, nothing.said.as_str()), (2, ""));
        assert!(nothing.complained.starts_with("tlsight: there is no database in "), "{nothing:?}");
        assert!(!world.data().exists(), "a question leaves nothing behind");
    }
    assert!(world.start().stop().success());
    let failed = world.run(&["digest", "--to", "boss@elsewhere.example"]);
    assert_eq!((failed.code, failed.said.as_str()), (2, ""));
    assert!(failed.complained.starts_with("not sent to boss@elsewhere.example: /nonexistent/sendmail: "), "{failed:?}");
    let json = world.run(&["digest", "--to", "boss@elsewhere.example", "--json"]);
    assert_eq!((json.code, json.json()["emails"][0]["errors"].as_array().map(Vec::len)), (2, Some(1)));
    let wrong = world.run(&["digest", "--week", "2026-W54"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.complained.contains("is no week like 2026-W47"), "{wrong:?}");
}
