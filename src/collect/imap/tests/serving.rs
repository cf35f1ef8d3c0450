//! The task: reconnecting, waiting, stopping.

use super::{fake::*, *};

fn idle() -> Script {
    steps([("IDLE", "+ idling\n")])
}

/// Runs the collector until all scripts are played, then stops it.
async fn serve(world: &World, scripts: Vec<Vec<Script>>) {
    let fake = Fake::play(scripts.into_iter().map(|script| script.concat()).collect(), &world.judge.log).await;
    let running = world.collector(account(fake.port)).start();
    fake.finished().await;
    running.stop().await;
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_a_mail_is_resumed() {
    let world = World::default();
    let torn = steps([("UID FETCH 2 (UID BODY.PEEK[])", "* 2 FETCH (UID 2 BODY[] {500}\nhalf a mail")]);
    let first = vec![login("IDLE"), folder("1 2 3"), facts(&[1, 2, 3]), body(1, "one"), ok("UID STORE 1"), torn];
    let second = vec![
        login("IDLE"),
        folder("1 2 3"),
        facts(&[3, 2]),
        body(3, "three"),
        ok("UID STORE 3"),
        body(2, "two"),
        ok("UID STORE 2"),
        idle(),
    ];
    serve(&world, vec![first, second]).await;
    assert_eq!(world.judge.texts(), ["one", "three", "two"]);
}

#[tokio::test]
async fn new_mail_ends_the_waiting() {
    let world = World::default();
    let shown = steps([("IDLE", "+ idling\n* OK still here\n* 0 RECENT\n* 1 EXISTS\n"), ("DONE", "$ OK\n")]);
    // The next look is interrupted by news as well, which are not lost.
    let marked = steps([("UID STORE 1", "* 2 EXISTS\n$ OK\n")]);
    let script = vec![
        login("IDLE"),
        folder(""),
        shown,
        folder("1"),
        facts(&[1]),
        body(1, "one"),
        marked,
        folder("1 2"),
        facts(&[2]),
        body(2, "two"),
        ok("UID STORE 2"),
        idle(),
    ];
    serve(&world, vec![script]).await;
    assert_eq!(world.judge.texts(), ["one", "two"]);
}

#[tokio::test]
async fn without_idle_the_folder_is_looked_at_again_after_a_while() {
    let world = World::default();
    let refused = steps([("IDLE", "$ BAD unknown\n")]);
    for (capability, waiting) in [("", Script::new()), ("IDLE", refused)] {
        let script =
            [login(capability), folder(""), waiting, folder("1"), facts(&[1]), body(1, "one"), ok("UID STORE 1")];
        let fake = Fake::play(vec![script.concat()], &world.judge.log).await;
        let mut collector = world.collector(account(fake.port));
        collector.timing.poll = Duration::ZERO;
        let running = collector.start();
        fake.finished().await;
        running.stop().await;
        world.notebook.settled.lock().unwrap().clear();
    }
    assert_eq!(world.judge.texts(), ["one", "one"]);
}

#[tokio::test]
async fn stopping_says_goodbye() {
    let world = World::default();
    let (waiting, shown) = tokio::sync::oneshot::channel();
    let script = [login("IDLE"), folder(""), idle(), steps([("DONE", "$ OK\n")]), logout()].concat();
    let fake = Fake::play(vec![script], &world.judge.log).await;
    let running = world.collector(account(fake.port)).start();
    let log = Arc::clone(&fake.log);
    tokio::spawn(async move {
        while !log.lock().unwrap().iter().any(|line| line == "IDLE") {
            tokio::task::yield_now().await;
        }
        let _ = waiting.send(());
    });
    shown.await.unwrap();
    running.stop().await;
    fake.finished().await;
    let health = world.health();
    assert_eq!((health.state, health.words.as_str()), (ComponentState::Well, "waiting for mail, 0 settled"));
}

#[tokio::test]
async fn trouble_stands_in_the_registry_until_it_is_over() {
    let world = World::default();
    let refused = [
        steps([("", "* OK ready\n"), ("CAPABILITY", "* CAPABILITY IMAP4rev1\n$ OK\n")]),
        steps([("LOGIN", "$ NO wrong\n")]),
    ];
    let fake = Fake::play(vec![refused.concat()], &world.judge.log).await;
    let port = fake.port;
    let running = world.collector(account(port)).start();
    fake.finished().await;
    // Nobody listens any more, so that the words change again: the part fails in any case.
    while world.health().state != ComponentState::Failing {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    assert_eq!(world.health().worked_at, None);
}

#[tokio::test]
async fn the_registry_says_what_is_connected_to() {
    let world = World::default();
    // Nobody says hello there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let running = world.collector(account(port)).start();
    let _silent = listener.accept().await.unwrap();
    let health = world.health();
    assert_eq!((health.state, health.words), (ComponentState::Starting, format!("connecting to 127.0.0.1:{port}")));
    running.stop().await;
}
