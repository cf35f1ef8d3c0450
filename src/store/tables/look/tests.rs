use std::net::IpAddr;

use chrono::TimeDelta;

use super::*;
use crate::{
    check::{
        judge,
        observed::{FetchOutcome, PolicyAnswer, PolicyFetch, PolicyHostSeen, RecordsSeen},
    },
    store::{
        engine::migrate,
        fixtures::{memory, october},
    },
    sts::record::RecordKind,
};

fn conn() -> Connection {
    let conn = memory();
    migrate::migrate(&conn).unwrap();
    conn
}

fn at(hour: i64) -> DateTime<Utc> {
    october(1) + TimeDelta::hours(hour)
}

fn txt(kind: RecordKind, text: &str) -> RecordsSeen {
    let name = format!("{}.example.com", kind.label());
    RecordsSeen { name, kind, records: Seen::Found(vec![vec![text.as_bytes().to_vec()]]) }
}

/// A look in this hour at a domain with this policy and this id; no MX host is spoken to.
fn look(hour: i64, policy: &str, id: &str) -> NewLook {
    let address: IpAddr = "9.9.9.9".parse().unwrap();
    let answer = PolicyAnswer {
        status: 200,
        location: None,
        content_type: Some("text/plain".into()),
        content_encoding: None,
        is_challenge: false,
        body: policy.as_bytes().to_vec(),
        is_too_large: false,
        valid_for_h: Some(2_000 - hour.unsigned_abs()),
        valid_since_h: Some(hour.unsigned_abs()),
    };
    let fetch = PolicyFetch { address, took_ms: hour.unsigned_abs(), outcome: FetchOutcome::Answered(answer) };
    let observed = Observed {
        domain: "example.com".into(),
        looked_at: at(hour),
        tlsrpt: txt(RecordKind::Tlsrpt, "v=TLSRPTv1; rua=mailto:tlsrpt@example.com"),
        sts: txt(RecordKind::Sts, &format!("v=STSv1; id={id}")),
        elsewhere: Vec::new(),
        policy_host: PolicyHostSeen {
            name: "mta-sts.example.com".into(),
            addresses: Seen::Found(vec![address]),
            fetches: vec![fetch],
        },
        mx: Seen::Found(vec!["mx1.example.com".into()]),
        mx_addresses: Default::default(),
        smtp: None,
    };
    NewLook { findings: judge(&observed), observed, cause: LookCause::Timer, took_ms: 7 }
}

fn policy(mode: &str) -> String {
    format!("version: STSv1\nmode: {mode}\nmx: mx1.example.com\nmax_age: 1209600\n")
}

fn count(conn: &Connection, table: &str) -> i64 {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn the_same_again_is_one_state_and_many_looks() {
    let conn = conn();
    for hour in 0..3 {
        record(&conn, &look(hour, &policy("enforce"), "1")).unwrap();
    }
    assert_eq!((count(&conn, "look"), count(&conn, "look_state")), (3, 1));
    let last = last(&conn, "example.com").unwrap().unwrap();
    assert_eq!(last.looked_at, at(2));
    assert_eq!(last.observed.policy_host.body(), Some(policy("enforce").as_bytes()));
    assert_eq!(summaries(&conn).unwrap().len(), 1);
    assert_eq!(summaries(&conn).unwrap()[0].mode.as_deref(), Some("enforce"));
    // A look that is older than what is known changes nothing.
    record(&conn, &look(1, &policy("testing"), "2")).unwrap();
    assert_eq!(count(&conn, "look"), 3);
    let day = october(1).date_naive();
    assert_eq!(days(&conn, "example.com", day, day).unwrap()[0].looks, 3);
    assert_eq!(super::last(&conn, "example.org").unwrap(), None);
}

#[test]
fn a_policy_is_kept_from_the_first_look_that_saw_it_to_the_first_that_did_not() {
    let conn = conn();
    record(&conn, &look(0, &policy("enforce"), "1")).unwrap();
    record(&conn, &look(1, &policy("enforce"), "1")).unwrap();
    record(&conn, &look(2, &policy("testing"), "2")).unwrap();
    let mut unreachable = look(3, "", "2");
    unreachable.observed.policy_host.fetches[0].outcome = FetchOutcome::NoConnection("refused".into());
    record(&conn, &unreachable).unwrap();
    let seen = published(&conn, "example.com").unwrap();
    let modes: Vec<_> = seen.iter().map(|policy| policy.content.mode.as_str()).collect();
    assert_eq!(modes, ["testing", "enforce"]);
    assert_eq!((seen[0].last_seen_at, seen[0].gone_at), (at(2), None), "not reached is not gone");
    assert_eq!((seen[1].first_seen_at, seen[1].last_seen_at, seen[1].gone_at), (at(0), at(1), Some(at(2))));
    assert_eq!(seen[1].id.as_deref(), Some("1"));
    let mut gone = look(4, "", "2");
    gone.observed.policy_host.addresses = Seen::Nothing;
    gone.observed.policy_host.fetches.clear();
    record(&conn, &gone).unwrap();
    assert_eq!(published(&conn, "example.com").unwrap()[0].gone_at, Some(at(4)));
    let [change] = &changes(&conn, "example.com", at(0)).unwrap()[..] else { panic!("the id changed once") };
    assert_eq!((change.fact.as_str(), change.last_before_at, change.changed_at), ("id", at(1), at(2)));
    assert_eq!((change.before.as_deref(), change.after.as_deref()), (Some("1"), Some("2")));
}

#[test]
fn a_finding_stands_until_two_looks_do_not_have_it() {
    let conn = conn();
    let wrong = policy("enforce").replace("mx1", "mx9");
    record(&conn, &look(0, &policy("enforce"), "1")).unwrap();
    record(&conn, &look(1, &wrong, "2")).unwrap();
    record(&conn, &look(2, &wrong, "2")).unwrap();
    let uncovered = || {
        let all = findings(&conn, "example.com", at(0)).unwrap();
        all.into_iter().find(|finding| finding.check.id() == "mx-uncovered").unwrap()
    };
    assert_eq!((uncovered().last_before_at, uncovered().began_at), (Some(at(0)), at(1)));
    assert_eq!(uncovered().confirmed_at, Some(at(2)));
    assert_eq!(summaries(&conn).unwrap()[0].worst.as_ref().map(|worst| worst.0.as_str()), Some("mx-uncovered"));
    record(&conn, &look(3, &policy("enforce"), "3")).unwrap();
    assert_eq!((uncovered().good_at, uncovered().ended_at), (Some(at(3)), None));
    record(&conn, &look(4, &policy("enforce"), "3")).unwrap();
    assert_eq!((uncovered().good_at, uncovered().ended_at), (Some(at(3)), Some(at(4))));
    assert_eq!(summaries(&conn).unwrap()[0].worst, None);
}

#[test]
fn old_looks_go_and_what_is_still_seen_stays() {
    let conn = conn();
    record(&conn, &look(0, &policy("enforce"), "1")).unwrap();
    record(&conn, &look(1, &policy("testing"), "2")).unwrap();
    record(&conn, &look(2, &policy("testing"), "2")).unwrap();
    assert_eq!(forget(&conn, at(2)).unwrap(), 2);
    assert_eq!((count(&conn, "look"), count(&conn, "look_state"), count(&conn, "look_change")), (1, 1, 0));
    assert_eq!(published(&conn, "example.com").unwrap().len(), 2, "senders may hold an old policy for a year");
}

#[test]
fn a_fault_that_the_last_look_could_not_see_still_counts() {
    let conn = conn();
    record(&conn, &look(0, &policy("enforce").replace("mx1", "mx9"), "1")).unwrap();
    let before = summaries(&conn).unwrap()[0].faults;
    let mut hidden = look(1, "", "1");
    hidden.observed.policy_host.addresses = Seen::Unknown("SERVFAIL".into());
    hidden.observed.policy_host.fetches.clear();
    hidden.findings = judge(&hidden.observed);
    assert!(!hidden.findings.iter().any(|finding| finding.severity == Severity::Fault));
    record(&conn, &hidden).unwrap();
    assert_eq!((summaries(&conn).unwrap()[0].faults, before), (1, 1));
}
