//! A policy that cannot be fetched, from the first report to the end of it.

use ring::hmac;
use tlsight::clock::Clock;

use super::{
    World, days_ago,
    hook::{Asked, Hook, Mood},
    post,
    relay::Relay,
    submit,
};
use crate::server::{Server, until};

const SECRET: &str = "a-long-random-text";

/// The only alert as the API has it.
fn alert(server: &Server) -> serde_json::Value {
    let list = server.get("/api/v1/alerts").json();
    let [alert] = list["items"].as_array().expect("items").as_slice() else { panic!("not one alert: {list}") };
    alert.clone()
}

/// As `docs/notifications.md` tells the receiver to.
fn assert_signed(asked: &Asked) {
    let timestamp = &asked.headers["tlsight-timestamp"];
    let age_s = Clock::system().now().timestamp() - timestamp.parse::<i64>().unwrap();
    assert!((0..300).contains(&age_s), "{age_s}");
    let signed = [timestamp.as_bytes(), b".", &asked.body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &signed);
    let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(asked.headers["tlsight-signature"], format!("sha256={tag}"));
}

#[test]
fn an_outage_is_told_survives_sigkill_is_acknowledged_and_ends() {
    let (hook, relay) = (Hook::start(), Relay::start());
    let mail = relay.as_ref().map_or(String::new(), |relay| {
        format!("[[channel]]\nname = \"people\"\nto = [\"postmaster@example.com\"]\n{}", relay.settings())
    });
    let world = World::new(&format!(
        "[[channel]]\nname = \"operators\"\nkind = \"webhook\"\nurl = {:?}\nsecret = \"{SECRET}\"\n{mail}",
        hook.url
    ));

    // Two organisations see it. The webhook's program hangs while it is told, and the server dies.
    hook.set(Mood::Hangs);
    let server = world.start();
    post(&server, "alpha.example", days_ago(2), 8);
    post(&server, "beta.example", days_ago(2), 8);
    until("the webhook is told", || !hook.asked().is_empty());
    let before = alert(&server);
    assert_eq!((&before["status"], &before["rule"]), (&"firing".into(), &"policy-fetch".into()));
    server.kill();

    hook.set(Mood::Takes);
    let server = world.start();
    until("the webhook is told again", || hook.asked().len() == 2);
    let delivered = || {
        let list = server.get("/api/v1/notifications").json();
        let items = list["items"].as_array().expect("items").clone();
        items.iter().filter(|item| item["state"] == "delivered").count()
    };
    let channels = 1 + usize::from(relay.is_some());
    until("it is written down", || delivered() == channels);
    let [first, second] = hook.asked().try_into().expect("two attempts");
    assert_eq!(first.headers["tlsight-delivery"], second.headers["tlsight-delivery"]);
    assert_eq!(first.body, second.body);
    [&first, &second].into_iter().for_each(assert_signed);
    let title = second.shown().1;
    assert_eq!(second.shown().0, "fired");
    assert!(
        title.starts_with(
            "alpha.example (claimed) and beta.example (claimed) cannot fetch the MTA-STS policy of example.com"
        ),
        "{title}"
    );
    assert_eq!(alert(&server), before, "a restart changes nothing");

    // Page and API show it, and what the notice links to is there.
    let path = format!("/alerts/{}", before["uuid"].as_str().expect("a uuid"));
    assert_eq!(second.json()["notices"][0]["url"], format!("https://tlsight.example.net{path}"));
    let page = server.get(&path).text();
    assert!(page.contains(&title) && page.contains("alpha.example") && page.contains("/acknowledge\""), "{page}");
    assert!(server.get("/alerts").text().contains(&title));
    if let Some(relay) = &relay {
        for mail in relay.wait_for(1, "postmaster@example.com") {
            assert_eq!(mail.from, "<>", "no bounce comes back");
            assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
            assert_eq!(mail.header("List-Id").as_deref(), Some("<alerts.example.net>"));
            assert_eq!(mail.header("TLS-Required").as_deref(), Some("No"), "it is about this domain");
            assert_eq!(mail.header("Subject"), Some(format!("[tlsight] Critical: {title}")));
        }
        let log = relay.log();
        assert!(log.contains("sasl_method=PLAIN, sasl_username=tlsight") || log.contains("sasl_method=LOGIN"), "{log}");
    }

    // Somebody looks after it.
    let answer = submit(&server, &format!("{path}/acknowledge"), "note=Anna+looks+after+it");
    assert_eq!((answer.status, answer.header("location")), (303, Some(format!("{path}?done=acknowledged").as_str())));
    assert_eq!(alert(&server)["acknowledgement"], "Anna looks after it");

    // The same organisations report a day without it.
    post(&server, "alpha.example", days_ago(1), 0);
    post(&server, "beta.example", days_ago(1), 0);
    until("its end is told", || hook.asked().len() == 3);
    let third = hook.asked().remove(2);
    assert_signed(&third);
    assert_eq!(
        third.shown(),
        (
            "resolved".to_owned(),
            "The MTA-STS policy of example.com can be fetched and used again after 1 day".to_owned()
        )
    );
    assert_ne!(third.headers["tlsight-delivery"], first.headers["tlsight-delivery"]);
    assert_eq!(alert(&server)["status"], "resolved");
    if let Some(relay) = &relay {
        let mails = relay.wait_for(2, "postmaster@example.com");
        // The first may have come twice, under the same name: the server died.
        let mut names: Vec<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 2);
        let threads: Vec<_> = mails.iter().map(|mail| mail.header("In-Reply-To").expect("a thread")).collect();
        assert!(threads.iter().all(|thread| *thread == threads[0]), "{threads:?}");
    }

    // What the rule would have told, asked of the server and of the database.
    let fired_at = before["fired_at"].as_str().expect("a time").to_owned();
    let ask = |arguments: &[&str]| world.run(&[&["alerts", "test", "policy-fetch"], arguments].concat());
    let all: [&[&str]; 4] = [&["--at", &fired_at], &["--at", &fired_at, "--json"], &["--json"], &["--from", &fired_at]];
    let asked: Vec<_> = all[..2].iter().map(|arguments| ask(arguments)).collect();
    assert_eq!(asked[0].code, 1, "{:?}", asked[0]);
    assert!(asked[0].said.starts_with("firing since ") && asked[0].said.contains(&title), "{:?}", asked[0]);
    assert_eq!(asked[1].json()["firing"][0]["sentence"], title);
    let now = ask(all[2]);
    assert_eq!((now.code, now.json()["firing"].as_array().map(Vec::len)), (0, Some(0)), "it is over: {now:?}");
    assert!(server.stop().success());
    let alone: Vec<_> = all[..2].iter().map(|arguments| ask(arguments)).collect();
    assert_eq!(alone, asked, "who answers makes no difference");
    assert_eq!(ask(all[2]).json()["firing"], now.json()["firing"]);
    let wrong = ask(&["--at", "yesterday"]);
    assert_eq!((wrong.code, wrong.said.as_str()), (2, ""));
    assert!(wrong.complained.contains("is no time like 2026-11-20"), "{wrong:?}");
}
