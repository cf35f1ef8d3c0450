//! Delivery by HTTP.

use sha2::{Digest, Sha256};

use super::{
    servers::{Http, OK, Turn, http, tls},
    *,
};

fn webhook(server: &Http) -> String {
    format!(
        "[[channel]]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/hook?key=1\"\nsecret = \"s3cret\"\n",
        server.port
    )
}

/// HMAC-SHA256 by the email of RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let pad =
        |with: u8| -> Vec<u8> { (0..64).map(|index| key.get(index).copied().unwrap_or_default() ^ with).collect() };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_webhook_is_told_once_and_can_tell_whose_it_is() {
    let server = http(None, vec![OK]).await;
    let scene = Scene::new(&webhook(&server));
    scene.put(&[notice(1)]).await;
    scene.deliver().await;
    scene.deliver().await;
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    let (request, sent) = (&asked[0], scene.entry().await);
    assert_eq!(request.path, "/hook?key=1");
    assert_eq!(request.json()["notices"][0]["title"], "trouble at domain1.example");
    assert_eq!(request.json()["notices"][0]["url"], format!("{BASE}/alerts/{}", Uuid::from_u128(1)));
    assert_eq!(request.headers["tlsight-delivery"], sent.uuid.to_string());
    let timestamp = &request.headers["tlsight-timestamp"];
    assert_eq!(timestamp.parse(), Ok(start().timestamp()));
    let signed = [timestamp.as_bytes(), b".", &request.body].concat();
    assert_eq!(request.headers["tlsight-signature"], format!("sha256={}", hmac(b"s3cret", &signed)));
    assert_eq!((sent.state, sent.attempts, sent.settled_at), (OutboxState::Delivered, 1, Some(start())));
    assert_eq!(scene.health("notify webhook"), (Health::Well, "delivering".to_owned()));
}

#[tokio::test]
async fn a_server_that_fails_in_every_way_and_recovers_loses_nothing_and_hears_nothing_twice() {
    let script = vec![
        Turn::Answer("500 Internal Server Error", "<html>\nno\u{1b}"),
        Turn::Answer("302 Found\r\nLocation: https://elsewhere.example/login", ""),
        Turn::BreaksOffInHead,
        Turn::Hangs,
        Turn::Answer("404 Not Found", ""),
        Turn::Answer("429 Too Many Requests\r\nRetry-After: 1800", ""),
        Turn::BreaksOffAfterHead,
    ];
    let server = http(None, script).await;
    let mut scene = Scene::new(&format!("{}deadline_s = 1\n", webhook(&server)));
    scene.put(&[notice(1)]).await;
    let mut shown = String::new();
    for attempt in 1..=6 {
        scene.deliver().await;
        let sent = scene.entry().await;
        let wait = sent.next_attempt_at - scene.clock.now();
        let roughly = match wait.num_seconds() {
            24..=36 => "half a minute",
            48..=72 => "a minute",
            96..=144 => "two minutes",
            192..=288 => "four minutes",
            1_800 => "half an hour, as asked",
            2_880..=3_600 => "an hour",
            other => panic!("{other} s after attempt {attempt}"),
        };
        writeln!(shown, "{roughly}: {}", sent.last_error.clone().unwrap()).unwrap();
        assert_eq!((sent.state, sent.attempts), (OutboxState::Pending, attempt));
        assert_eq!(scene.health("notify webhook"), (Health::Failing, sent.last_error.unwrap()));
        // Not before its time, and a restart changes nothing.
        scene.advance(wait - TimeDelta::milliseconds(1));
        scene.deliver().await;
        assert_eq!(server.asked().len(), attempt as usize);
        scene = scene.restart().await;
        scene.advance(TimeDelta::milliseconds(1));
    }
    insta::assert_snapshot!(shown);
    // Success was said before it broke off.
    scene.deliver().await;
    assert_eq!((scene.entry().await.state, scene.entry().await.attempts), (OutboxState::Delivered, 7));
    scene.advance(TimeDelta::hours(100));
    scene = scene.restart().await;
    scene.put(&[notice(1)]).await;
    scene.deliver().await;
    let deliveries: Vec<String> =
        server.asked().iter().map(|asked| asked.headers["tlsight-delivery"].clone()).collect();
    assert_eq!(deliveries, vec![scene.entry().await.uuid.to_string(); 7]);
}

#[tokio::test]
async fn certificates_are_checked_against_the_system_and_the_file() {
    let (ours, others) = (tls("127.0.0.1"), tls("127.0.0.1"));
    let server = http(Some(ours.acceptor.clone()), vec![OK]).await;
    let with = |ca: &str| format!("[[channel]]\nkind = \"slack\"\nurl = \"https://127.0.0.1:{}/x\"\n{ca}", server.port);
    for ca in [String::new(), format!("ca = {:?}\n", others.file)] {
        let scene = Scene::new(&with(&ca));
        scene.put(&[notice(1)]).await;
        scene.deliver().await;
        let error = scene.entry().await.last_error.unwrap();
        assert!(error.contains("invalid peer certificate"), "{error}");
    }
    assert!(server.asked().is_empty());
    let scene = Scene::new(&with(&format!("ca = {:?}\n", ours.file)));
    scene.put(&[notice(1)]).await;
    scene.deliver().await;
    assert_eq!(scene.entry().await.state, OutboxState::Delivered);
    assert_eq!(server.asked()[0].json()["text"], "Critical: trouble at domain1.example");
}

#[tokio::test]
async fn an_incident_that_was_opened_is_not_opened_again_and_ends_after_it_began() {
    let yes = Turn::Answer("202 Accepted", "{}");
    let no = Turn::Answer("500 Internal Server Error", "");
    let server = http(None, vec![yes.clone(), no, yes]).await;
    let scene = Scene::new(&format!(
        "[[channel]]\nkind = \"pagerduty\"\nurl = \"http://127.0.0.1:{}\"\nsecret = \"key\"\nnotices_per_hour_max = 1\n",
        server.port
    ));
    // One after the other, so that the script says who is refused.
    scene.put(&[notice(1)]).await;
    scene.deliver().await;
    scene.advance(TimeDelta::seconds(1));
    scene.put(&[notice(2)]).await;
    scene.deliver().await;
    // The second has failed. Its end waits for it, and nothing is held back.
    scene.advance(TimeDelta::seconds(1));
    scene.put(&[over(2), over(1)]).await;
    scene.deliver().await;
    scene.advance(TimeDelta::hours(1));
    scene.deliver().await;
    let events: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| {
            assert_eq!(asked.path, "/v2/enqueue");
            let event = asked.json();
            let alert: Uuid = event["dedup_key"].as_str().unwrap().parse().unwrap();
            format!("{} {}", event["event_action"].as_str().unwrap(), alert.as_u128())
        })
        .collect();
    assert_eq!(events, ["trigger 1", "trigger 2", "resolve 1", "trigger 2", "resolve 2"]);
}

#[tokio::test]
async fn a_channel_that_hangs_does_not_hold_up_another() {
    let (hanging, quick) = (http(None, vec![Turn::Hangs]).await, http(None, vec![OK]).await);
    let scene = Scene::new(&format!(
        "[[channel]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}\"\ndeadline_s = 3600\n\
         [[channel]]\nname = \"b\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}\"\n",
        hanging.port, quick.port
    ));
    scene.put(&[notice(1), notice(2), notice(3)]).await;
    let stopping = tokio::sync::watch::Sender::new(false);
    let (delivered, _) = tokio::join!(
        async {
            while quick.asked().len() < 3 || hanging.asked().is_empty() {
                tokio::task::yield_now().await;
            }
            // What hangs must not keep the server from stopping.
            stopping.send_replace(true);
            quick.asked().len()
        },
        scene.dispatcher.run(stopping.subscribe()),
    );
    assert_eq!((delivered, hanging.asked().len()), (3, 1));
}

#[tokio::test]
async fn a_test_is_sent_at_once_and_says_what_came_of_it() {
    let server = http(None, vec![OK, Turn::Answer("403 Forbidden", "invalid_token")]).await;
    let config = config(&webhook(&server));
    let clock = Clock::fixed(start());
    let sent = send_test(&config, BASE, "webhook", &clock).await;
    assert_eq!(sent.as_deref(), Ok("delivered to webhook: answered 204 No Content"));
    assert_eq!(server.asked()[0].json()["notices"][0]["event"], "test");
    let refused = send_test(&config, BASE, "webhook", &clock).await.unwrap_err();
    assert_eq!(refused, "not delivered to webhook: answered 403 Forbidden: invalid_token");
    let unknown = send_test(&config, BASE, "slack", &clock).await.unwrap_err();
    assert_eq!(unknown, "there is no channel \"slack\"; there are: webhook");
    let none = send_test(&Config::default(), BASE, "slack", &clock).await.unwrap_err();
    assert_eq!(none, "no [[channel]] is configured");
}

/// The page that receivers are written after shows what is sent, and a configuration that is valid.
#[test]
fn the_documentation_shows_what_is_sent() {
    let page = include_str!("../../../docs/notifications.md");
    let block = |language: &str| {
        let (_, rest) = page.split_once(&format!("```{language}\n")).expect("the block is there");
        rest.split_once("```").unwrap().0
    };
    let shown: serde_json::Value = serde_json::from_str(block("json")).unwrap();
    let alert: Uuid = shown["notices"][0]["alerts"][0]["alert"].as_str().unwrap().parse().unwrap();
    let strings = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let (title, path) = (shown["notices"][0]["title"].as_str().unwrap().to_owned(), format!("/alerts/{alert}"));
    let about = About {
        alert,
        title: title.clone(),
        policy_domain: Some("example.com".to_owned()),
        result_type: Some("sts-policy-fetch-error".to_owned()),
        since: "2026-11-23T00:00:00Z".parse().unwrap(),
        path: path.clone(),
        ..about(1)
    };
    let (lines, advice) = (strings(&shown["notices"][0]["lines"]), strings(&shown["notices"][0]["advice"]));
    let notice = Notice { title, lines, advice, path, alerts: vec![about], ..notice(1) };
    let context = format::Context {
        base: "https://tlsight.internal",
        delivery: shown["delivery"].as_str().unwrap().parse().unwrap(),
        now: start(),
        fires_for: TimeDelta::hours(1),
        host: "",
    };
    assert_eq!(format::webhook::body(&[notice], &context), shown);

    assert_eq!(config(&block("toml").replace("_file = ", " = ")).check(), Ok(()));
}
