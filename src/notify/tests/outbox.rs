//! What the dispatcher does with the outbox, whatever the channel.

use super::{
    servers::{OK, Turn, http},
    *,
};

#[tokio::test]
async fn a_flood_is_twelve_messages_and_a_summary() {
    let server = http(None, vec![OK]).await;
    let scene =
        Scene::new(&format!("[[channel]]\nkind = \"ntfy\"\nurl = \"http://127.0.0.1:{}/topic\"\n", server.port));
    for number in 1..=100 {
        scene.put(&[notice(number)]).await;
        scene.deliver().await;
        scene.advance(TimeDelta::seconds(30));
    }
    assert_eq!(server.asked().len(), 12);
    scene.advance(TimeDelta::hours(1));
    scene.deliver().await;
    let asked = server.asked();
    assert_eq!(asked.len(), 13);
    let summary = asked[12].json();
    assert_eq!(summary["title"], "88 notices held back by the hourly limit");
    let message = summary["message"].as_str().unwrap();
    assert!(message.starts_with("• Critical: trouble at domain13.example\n"), "{message}");
    assert!(message.ends_with("\n• Critical: trouble at domain32.example\n\nand 68 more"), "{message}");
    assert_eq!(asked[12].path, "/");
}

#[tokio::test]
async fn a_channel_that_is_gone_is_given_up_and_what_is_old_as_well() {
    let server = http(None, vec![Turn::Answer("500 Internal Server Error", "")]).await;
    let text = format!(
        "[[channel]]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}\"\ngive_up_after_h = 2\n\
         [[channel]]\nkind = \"slack\"\nurl = \"http://127.0.0.1:1\"\n",
        server.port
    );
    let mut scene = Scene::new(&text);
    scene.put(&[notice(1)]).await;
    scene.config.channel.pop();
    let scene = scene.restart().await;
    scene.deliver().await;
    let gone: Vec<Sent> = scene.entries().await.into_iter().filter(|sent| sent.channel == "slack").collect();
    assert_eq!(gone[0].state, OutboxState::GivenUp);
    assert_eq!(gone[0].last_error.as_deref(), Some("there is no channel \"slack\" any more"));
    let mut attempts = 0;
    for _ in 0..(3 * 60 * 2) {
        scene.advance(TimeDelta::seconds(30));
        scene.deliver().await;
        attempts = server.asked().len();
    }
    let webhook = scene.entries().await.into_iter().find(|sent| sent.channel == "webhook").unwrap();
    assert_eq!(
        (webhook.state, webhook.last_error.as_deref()),
        (OutboxState::GivenUp, Some("answered 500 Internal Server Error"))
    );
    assert!(webhook.settled_at.unwrap() <= start() + TimeDelta::hours(2));
    assert_eq!(webhook.attempts as usize, attempts);
    assert!((6..=12).contains(&attempts), "{attempts} attempts in two hours");
}

/// The worst moment for the store to go: after the answer of the other side, before it is written down.
#[tokio::test]
async fn what_came_of_a_delivery_is_written_down_later_and_not_sent_again() {
    let server = http(None, vec![OK]).await;
    let scene = Scene::new(&format!("[[channel]]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}\"\n", server.port));
    scene.put(&[notice(1)]).await;
    // The column that is written is taken away, and comes back.
    let rename = |from: &'static str, to: &'static str| {
        let sql = format!("ALTER TABLE outbox RENAME COLUMN {from} TO {to}");
        scene.store().change(move |conn| Ok(conn.execute_batch(&sql)?))
    };
    rename("last_error", "gone").await.unwrap();
    assert!(scene.dispatcher.deliver_due().await.is_err(), "the entry cannot be read");
    assert_eq!(server.asked().len(), 0);
    rename("gone", "last_error").await.unwrap();
    // Readers see the table as it was, the writer does not find what it writes.
    let sql = "ALTER TABLE outbox RENAME TO real_outbox; \
               CREATE VIEW outbox AS SELECT *, 0 AS rowid FROM real_outbox";
    scene.store().change(move |conn| Ok(conn.execute_batch(sql)?)).await.unwrap();
    for _ in 0..3 {
        assert!(scene.dispatcher.deliver_due().await.is_err(), "a view cannot be written");
        assert_eq!(server.asked().len(), 1);
    }
    let sql = "DROP VIEW outbox; ALTER TABLE real_outbox RENAME TO outbox";
    scene.store().change(move |conn| Ok(conn.execute_batch(sql)?)).await.unwrap();
    scene.deliver().await;
    assert_eq!(server.asked().len(), 1);
    assert_eq!(scene.entry().await.state, OutboxState::Delivered);
}

#[tokio::test]
async fn the_dispatcher_wakes_when_something_is_put_in() {
    let server = http(None, vec![OK]).await;
    let scene = Scene::new(&format!("[[channel]]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}\"\n", server.port));
    let stopping = tokio::sync::watch::Sender::new(false);
    assert_eq!(scene.health("notify webhook"), (Health::Starting, "nothing was sent since the start".to_owned()));
    tokio::join!(
        async {
            scene.put(&[notice(1)]).await;
            scene.dispatcher.poke().notify_one();
            while scene.entry().await.state == OutboxState::Pending {
                tokio::task::yield_now().await;
            }
            stopping.send_replace(true);
        },
        spawnable(scene.dispatcher.run(stopping.subscribe())),
    );
    assert_eq!(server.asked().len(), 1);
}

fn spawnable<T: Send>(future: T) -> T {
    future
}
