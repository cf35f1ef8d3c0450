use super::*;
use crate::{
    alerts::{
        AlertEvent, AlertRule, Severity,
        notice::{About, Email},
    },
    store::{engine::migrate, fixtures::memory},
};

const TERMS: Terms = Terms { per_hour_max: 12, give_up_after: TimeDelta::hours(72) };

fn outbox() -> Connection {
    let conn = memory();
    migrate::migrate(&conn).unwrap();
    conn
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + 60 * minute, 123_456_000).unwrap()
}

fn notice(number: usize) -> Notice {
    Notice {
        event: Some(AlertEvent::Fired),
        rule: Some(AlertRule::Dane),
        severity: Severity::Critical,
        title: format!("notice {number}"),
        lines: vec!["a line".to_owned()],
        advice: vec!["advice".to_owned()],
        path: "/alerts".to_owned(),
        at: at(0),
        alerts: Vec::new(),
        more: 0,
    }
}

fn draft(number: usize) -> Draft {
    Draft {
        channel: "operators".to_owned(),
        recipient: String::new(),
        dedupe: format!("fired {number}"),
        title: format!("notice {number}"),
        payload: Payload::Notices(vec![notice(number)]),
    }
}

fn email() -> Draft {
    let email = Email {
        subject: "Week 47".to_owned(),
        text: "quiet".to_owned(),
        html: "<p>quiet</p>".to_owned(),
        pictures: vec![crate::alerts::notice::Picture { name: "trend".to_owned(), png: vec![0, 255] }],
        list: "digest".to_owned(),
    };
    Draft {
        channel: "mail".to_owned(),
        recipient: "a@example.net".to_owned(),
        dedupe: "weekly 2026-W47".to_owned(),
        title: email.subject.clone(),
        payload: Payload::Email(email),
    }
}

#[test]
fn what_is_put_in_comes_out_as_it_was() {
    let conn = outbox();
    put(&conn, &draft(1), TERMS, at(0)).unwrap();
    put(&conn, &email(), TERMS, at(1)).unwrap();
    let waiting = waiting(&conn).unwrap();
    assert_eq!(waiting.iter().map(|entry| entry.channel.as_str()).collect::<Vec<_>>(), ["operators", "mail"]);
    let sent = entry(&conn, waiting[1].uuid).unwrap().unwrap();
    assert_eq!(sent.payload, email().payload);
    assert_eq!((sent.state, sent.attempts, sent.notices), (OutboxState::Pending, 0, 0));
    assert_eq!((sent.created_at, sent.next_attempt_at), (at(1), at(1)));
    assert_eq!(sent.give_up_at, at(1) + TimeDelta::hours(72));
    assert_eq!(entry(&conn, waiting[0].uuid).unwrap().unwrap().payload, draft(1).payload);
    assert_eq!(entry(&conn, Uuid::nil()).unwrap(), None);
}

#[test]
fn the_same_key_is_put_in_once_for_each_recipient() {
    let conn = outbox();
    put(&conn, &email(), TERMS, at(0)).unwrap();
    put(&conn, &email(), TERMS, at(1)).unwrap();
    put(&conn, &Draft { recipient: "b@example.net".to_owned(), ..email() }, TERMS, at(1)).unwrap();
    assert_eq!(waiting(&conn).unwrap().len(), 2);
    // Also after it was delivered.
    let uuid = waiting(&conn).unwrap()[0].uuid;
    delivered(&conn, uuid, at(2)).unwrap();
    put(&conn, &email(), TERMS, at(3)).unwrap();
    assert_eq!(waiting(&conn).unwrap().len(), 1);
}

#[test]
fn a_flood_is_twelve_messages_and_a_summary() {
    let conn = outbox();
    for number in 0..100 {
        put(&conn, &draft(number), TERMS, at(number as i64 / 2)).unwrap();
    }
    // Once more, as after a crash: nothing is added, also not to the summary.
    for number in 0..100 {
        put(&conn, &draft(number), TERMS, at(50)).unwrap();
    }
    let all = waiting(&conn).unwrap();
    assert_eq!(all.len(), 13);
    let summary = entry(&conn, all[12].uuid).unwrap().unwrap();
    assert_eq!((summary.notices, summary.title.as_str()), (88, "88 notices held back by the hourly limit"));
    assert_eq!(summary.next_attempt_at, at(6 + 60));
    assert_eq!(summary.give_up_at, at(6 + 60) + TimeDelta::hours(72));
    let Payload::Notices(notices) = summary.payload else { panic!("not notices") };
    assert_eq!(
        notices.iter().map(|n| n.title.clone()).collect::<Vec<_>>(),
        (12..100).map(|n| format!("notice {n}")).collect::<Vec<_>>()
    );
    assert!(notices.iter().all(|notice| notice.lines.is_empty() && notice.advice.is_empty()));
    // After its delivery the keys of what it took in are still known.
    delivered(&conn, all[12].uuid, at(66)).unwrap();
    put(&conn, &draft(99), TERMS, at(67)).unwrap();
    assert_eq!(waiting(&conn).unwrap().len(), 12);
    // An hour without notices, and they go at once again.
    put(&conn, &draft(100), TERMS, at(67)).unwrap();
    assert_eq!(waiting(&conn).unwrap()[12].next_attempt_at, at(67));
}

#[test]
fn a_cap_holds_for_one_recipient_and_not_for_letters() {
    let conn = outbox();
    let one = Terms { per_hour_max: 1, ..TERMS };
    put(&conn, &draft(1), one, at(0)).unwrap();
    put(&conn, &Draft { recipient: "b@example.net".to_owned(), ..draft(2) }, one, at(0)).unwrap();
    put(&conn, &Draft { channel: "operators".to_owned(), recipient: String::new(), ..email() }, one, at(0)).unwrap();
    assert!(waiting(&conn).unwrap().iter().all(|entry| entry.next_attempt_at == at(0)));
    put(&conn, &draft(3), one, at(0)).unwrap();
    assert_eq!(waiting(&conn).unwrap()[3].next_attempt_at, at(60));
    // Nobody is left out altogether.
    put(&conn, &Draft { channel: "other".to_owned(), ..draft(1) }, Terms { per_hour_max: 0, ..TERMS }, at(0)).unwrap();
    assert_eq!(waiting(&conn).unwrap()[4].next_attempt_at, at(0));
}

#[test]
fn an_end_does_not_overtake_its_beginning() {
    let about = |number: u128, key: &str| {
        let mut draft = draft(0);
        draft.dedupe = key.to_owned();
        let about = About {
            alert: Uuid::from_u128(number),
            title: key.to_owned(),
            policy_domain: None,
            organisation: None,
            result_type: None,
            mx_host: None,
            part: None,
            since: at(0),
            ended_at: None,
            path: "/alerts".to_owned(),
        };
        draft.payload = Payload::Notices(vec![Notice { title: key.to_owned(), alerts: vec![about], ..notice(0) }]);
        draft
    };
    let conn = outbox();
    put(&conn, &about(1, "fired one"), TERMS, at(0)).unwrap();
    let first = entries(&conn, 9).unwrap().remove(0).uuid;
    put(&conn, &about(1, "told while under way"), TERMS, at(0)).unwrap();
    failed(&conn, first, "answered 500", at(10), at(1)).unwrap();
    put(&conn, &about(1, "resolved one"), TERMS, at(5)).unwrap();
    put(&conn, &about(1, "resolved one"), TERMS, at(5)).unwrap();
    put(&conn, &about(2, "fired two"), TERMS, at(5)).unwrap();
    let mut found: Vec<(u32, Vec<String>)> = entries(&conn, 9)
        .unwrap()
        .into_iter()
        .map(|sent| match sent.payload {
            Payload::Notices(notices) => (sent.attempts, notices.into_iter().map(|notice| notice.title).collect()),
            Payload::Email(_) => unreachable!("only notices were put in"),
        })
        .collect();
    found.sort();
    let texts = |titles: &[&str]| titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found,
        [(0, texts(&["fired two"])), (0, texts(&["told while under way"])), (1, texts(&["fired one", "resolved one"]))]
    );
}

#[test]
fn a_failure_is_tried_again_until_its_time_is_over() {
    let conn = outbox();
    put(&conn, &draft(1), TERMS, at(0)).unwrap();
    let uuid = waiting(&conn).unwrap()[0].uuid;
    let now = |conn: &Connection| entry(conn, uuid).unwrap().unwrap();
    failed(&conn, uuid, "500", at(1), at(0)).unwrap();
    assert_eq!((now(&conn).state, now(&conn).attempts, now(&conn).next_attempt_at), (OutboxState::Pending, 1, at(1)));
    failed(&conn, uuid, "502", at(72 * 60 + 1), at(72 * 60)).unwrap();
    let given_up = now(&conn);
    assert_eq!((given_up.state, given_up.attempts), (OutboxState::GivenUp, 2));
    assert_eq!((given_up.settled_at, given_up.last_error.as_deref()), (Some(at(72 * 60)), Some("502")));
    assert!(waiting(&conn).unwrap().is_empty());

    assert!(again(&conn, uuid, at(80 * 60), TimeDelta::hours(1)).unwrap());
    assert!(!again(&conn, uuid, at(80 * 60), TimeDelta::hours(1)).unwrap(), "it waits already");
    assert_eq!((now(&conn).state, now(&conn).next_attempt_at), (OutboxState::Pending, at(80 * 60)));
    delivered(&conn, uuid, at(80 * 60)).unwrap();
    let delivered_then = now(&conn);
    assert_eq!(
        (delivered_then.state, delivered_then.attempts, delivered_then.last_error),
        (OutboxState::Delivered, 3, None)
    );
    // What is settled stays so.
    failed(&conn, uuid, "late", at(9_000), at(8_000)).unwrap();
    give_up(&conn, uuid, "late", at(8_000)).unwrap();
    assert_eq!(now(&conn).state, OutboxState::Delivered);
    assert!(!again(&conn, uuid, at(9_000), TimeDelta::hours(1)).unwrap());
}

#[test]
fn what_failed_so_far_is_tried_at_once_and_what_the_cap_holds_back_is_not() {
    let conn = outbox();
    let one = Terms { per_hour_max: 1, ..TERMS };
    put(&conn, &draft(1), one, at(0)).unwrap();
    put(&conn, &draft(2), one, at(0)).unwrap();
    let [tried, held]: [Waiting; 2] = waiting(&conn).unwrap().try_into().unwrap();
    failed(&conn, tried.uuid, "500", at(40), at(10)).unwrap();
    assert!(again(&conn, tried.uuid, at(20), TimeDelta::hours(1)).unwrap());
    let now = entry(&conn, tried.uuid).unwrap().unwrap();
    assert_eq!((now.state, now.attempts, now.next_attempt_at), (OutboxState::Pending, 1, at(20)));
    assert_eq!(now.give_up_at, at(0) + TERMS.give_up_after, "its time is its own");
    assert!(!again(&conn, tried.uuid, at(20), TimeDelta::hours(1)).unwrap(), "it is due already");
    assert!(!again(&conn, held.uuid, at(20), TimeDelta::hours(1)).unwrap());
    assert_eq!(entry(&conn, held.uuid).unwrap().unwrap().next_attempt_at, held.next_attempt_at);
}

#[test]
fn what_can_never_go_is_given_up_and_what_is_settled_is_forgotten() {
    let conn = outbox();
    put(&conn, &draft(1), TERMS, at(0)).unwrap();
    put(&conn, &draft(2), TERMS, at(0)).unwrap();
    let uuid = waiting(&conn).unwrap()[0].uuid;
    give_up(&conn, uuid, "there is no channel of this name any more", at(1)).unwrap();
    let listed = entries(&conn, 10).unwrap();
    assert_eq!(listed.iter().map(|sent| sent.state).collect::<Vec<_>>(), [OutboxState::Pending, OutboxState::GivenUp]);
    assert_eq!(listed[1].last_error.as_deref(), Some("there is no channel of this name any more"));
    assert_eq!(entries(&conn, 1).unwrap().len(), 1);
    assert_eq!(forget(&conn, at(1)).unwrap(), 0);
    assert_eq!(forget(&conn, at(2)).unwrap(), 1);
    assert_eq!(entries(&conn, 10).unwrap().len(), 1);
}

#[test]
fn thousands_are_put_in_at_once_where_there_is_no_cap() {
    let conn = outbox();
    let of =
        |number: usize| Draft { recipient: format!("alert {number}"), dedupe: "fired".to_owned(), ..draft(number) };
    let drafts: Vec<Draft> = (0..20_000).map(of).collect();
    put_uncapped(&conn, &drafts[..10_000], TERMS, at(0)).unwrap();
    put_uncapped(&conn, &drafts, TERMS, at(1)).unwrap();
    put_uncapped(&conn, &[], TERMS, at(1)).unwrap();
    let waiting = waiting(&conn).unwrap();
    assert_eq!(waiting.len(), 20_000, "what was put in before is left as it is");
    assert!(waiting.iter().all(|entry| entry.next_attempt_at <= at(1)));
    let first = entry(&conn, waiting[0].uuid).unwrap().unwrap();
    let Payload::Notices(notices) = &first.payload else { panic!("{first:?}") };
    assert_eq!((notices.len(), first.notices, first.state, first.attempts), (1, 1, OutboxState::Pending, 0));
    assert_eq!((first.created_at, first.give_up_at), (at(0), at(0) + TERMS.give_up_after));
}

#[test]
fn nothing_joins_what_may_be_under_way_or_waits_for_a_clock_that_was_ahead() {
    let conn = outbox();
    let one = Terms { per_hour_max: 1, ..TERMS };
    put(&conn, &draft(0), one, at(0)).unwrap();
    put(&conn, &draft(1), one, at(1)).unwrap();
    put(&conn, &draft(2), one, at(55)).unwrap();
    let counts = || entries(&conn, 100).unwrap().iter().map(|sent| sent.notices).collect::<Vec<_>>();
    assert_eq!(counts(), [2, 1], "it joined the one that waits for minute 61");
    // An evaluation as of minute 58 is written at minute 61, while the summary is being delivered.
    put(&conn, &draft(3), one, at(58)).unwrap();
    assert_eq!(counts(), [1, 2, 1]);

    let conn = outbox();
    let year = 366 * 24 * 60;
    put(&conn, &draft(0), one, at(year)).unwrap();
    put(&conn, &draft(1), one, at(year)).unwrap();
    put(&conn, &draft(2), one, at(0)).unwrap();
    let due: Vec<_> = waiting(&conn).unwrap().iter().map(|entry| entry.next_attempt_at).collect();
    assert_eq!(due, [at(0), at(year), at(year + 60)]);
}

#[test]
fn an_entry_that_cannot_be_read_keeps_nothing_from_being_put_in() {
    let conn = outbox();
    let one = Terms { per_hour_max: 1, ..TERMS };
    put(&conn, &draft(0), one, at(0)).unwrap();
    put(&conn, &draft(1), one, at(1)).unwrap();
    conn.execute_batch("UPDATE outbox SET payload = '{' WHERE next_attempt_at > created_at").unwrap();
    put(&conn, &draft(2), one, at(2)).unwrap();
    assert_eq!(entries(&conn, 100).unwrap().len(), 2);
    assert_eq!(waiting(&conn).unwrap().len(), 3, "who delivers hears of it and gives it up");
}

#[test]
fn notices_that_wait_together_have_a_bound() {
    let conn = outbox();
    let about = |number: usize| About {
        alert: Uuid::from_u128(number as u128),
        title: "x".repeat(100),
        policy_domain: None,
        organisation: None,
        result_type: None,
        mx_host: None,
        part: None,
        since: at(0),
        ended_at: None,
        path: "/alerts".to_owned(),
    };
    let terms = Terms { per_hour_max: 1, give_up_after: TimeDelta::hours(72) };
    for number in 0..40 {
        let big = Notice { alerts: (0..200).map(about).collect(), ..notice(number) };
        put(&conn, &Draft { payload: Payload::Notices(vec![big]), ..draft(number) }, terms, at(0)).unwrap();
    }
    let (bytes, notices): (i64, i64) = conn
        .query_row("SELECT max(length(payload)), max(notices) FROM outbox", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(notices, 39);
    assert!(bytes <= NOTIFY_JOINED_MAX_BYTES as i64, "{bytes}");
}
