use super::{Bench, Filter, filter, policy};
use crate::{
    query::policies_seen::{ChangeKind, Difference, PolicyChanges, policies_seen},
    report::{PolicyResult, PolicyType},
    submission::{Trust, TrustFilter},
};

fn with(domain: &str, policy_type: PolicyType, lines: &[&str]) -> PolicyResult {
    let mut policy = policy(domain, policy_type, 10, 0);
    policy.policy.policy_string = lines.iter().map(|line| (*line).into()).collect();
    policy
}

fn sts(mode: &str, max_age: u32, mx: &[&str]) -> PolicyResult {
    let mut lines = vec!["version: STSv1".to_owned(), format!("mode: {mode}"), format!("max_age: {max_age}")];
    lines.extend(mx.iter().map(|host| format!("mx: {host}")));
    with("example.com", PolicyType::Sts, &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

fn ask(bench: &Bench, filter: &Filter) -> PolicyChanges {
    bench.ask(|connection| policies_seen(connection, filter, filter.range.previous()))
}

fn field(name: &str, before: &str, now: &str) -> Difference {
    Difference::Field { name: name.into(), before: before.into(), now: now.into() }
}

#[test]
fn a_changed_policy_is_told_field_by_field() {
    let mut bench = Bench::new();
    for (organisation, on) in [("a.example", "2026-11-10"), ("b.example", "2026-11-15"), ("a.example", "2026-11-17")] {
        bench.send(
            organisation,
            on,
            Trust::Dkim,
            vec![sts("enforce", 604_800, &["mx1.example.com", "mx2.example.com"])],
        );
    }
    bench.send(
        "b.example",
        "2026-11-18",
        Trust::Dkim,
        vec![sts("enforce", 604_800, &["mx1.example.com", "mx2.example.com"])],
    );
    assert_eq!(ask(&bench, &filter()), PolicyChanges { rows: vec![], complete: true });

    let mut bench = Bench::new();
    for organisation in ["a.example", "b.example"] {
        bench.send(
            organisation,
            "2026-11-10",
            Trust::Dkim,
            vec![sts("enforce", 604_800, &["mx1.example.com", "mx2.example.com"])],
        );
        bench.send(
            organisation,
            "2026-11-18",
            Trust::Dkim,
            vec![sts("testing", 86_400, &["mx1.example.com", "mx3.example.com"])],
        );
    }
    let changes = ask(&bench, &filter());
    assert_eq!(changes.rows.len(), 1);
    let change = &changes.rows[0];
    assert_eq!(
        (change.policy_domain.as_str(), change.policy_type.as_str(), change.kind),
        ("example.com", "sts", ChangeKind::Changed)
    );
    assert_eq!(
        change.differences,
        [
            field("mode", "enforce", "testing"),
            field("max_age", "604800", "86400"),
            Difference::Added("mx: mx3.example.com".into()),
            Difference::Removed("mx: mx2.example.com".into()),
        ]
    );
    assert_eq!((change.new[0].organisations.len(), change.new[0].first_day.to_string()), (2, "2026-11-18".into()));
    assert_eq!(
        (change.vanished[0].organisations.len(), change.vanished[0].last_day.to_string()),
        (2, "2026-11-10".into())
    );
}

#[test]
fn order_case_and_white_space_are_no_change() {
    let mut bench = Bench::new();
    let lines = ["version: STSv1", "mode: enforce", "mx: mx1.example.com", "max_age: 86400"];
    bench.send("a.example", "2026-11-10", Trust::Dkim, vec![with("example.com", PolicyType::Sts, &lines)]);
    let other = ["max_age:86400", "mx:  MX1.example.com", "mode:enforce", "version: STSv1", "mode:enforce"];
    bench.send("a.example", "2026-11-17", Trust::Dkim, vec![with("example.com", PolicyType::Sts, &other)]);
    assert_eq!(ask(&bench, &filter()).rows, []);
}

#[test]
fn a_record_that_was_added_and_one_that_was_removed() {
    let mut bench = Bench::new();
    let record = |end: &str| format!("3 1 1 ABCD{end}");
    let tlsa = |ends: &[&str]| {
        let records: Vec<String> = ends.iter().map(|end| record(end)).collect();
        with("mx1.example.com", PolicyType::Tlsa, &records.iter().map(String::as_str).collect::<Vec<_>>())
    };
    bench.send("gmx.net", "2026-11-10", Trust::Dkim, vec![tlsa(&["01"]), tlsa(&["02"])]);
    bench.send("gmx.net", "2026-11-17", Trust::Dkim, vec![tlsa(&["01"]), tlsa(&["03"])]);
    let changes = ask(&bench, &filter());
    let expected = [Difference::Added("3 1 1 abcd03".into()), Difference::Removed("3 1 1 abcd02".into())];
    assert_eq!(changes.rows[0].differences, expected);
    assert_eq!((changes.rows[0].new.len(), changes.rows[0].vanished.len()), (1, 1));
}

#[test]
fn a_new_sender_and_an_outage_change_nothing() {
    let mut bench = Bench::new();
    let seen = || sts("enforce", 86_400, &["mx1.example.com"]);
    bench.send("a.example", "2026-11-10", Trust::Dkim, vec![seen()]);
    bench.send("a.example", "2026-11-17", Trust::Dkim, vec![seen()]);
    // What this one sees may have been there all the time.
    bench.send("new.example", "2026-11-17", Trust::Dkim, vec![with("example.com", PolicyType::Tlsa, &["3 1 1 aa"])]);
    bench.send("new.example", "2026-11-17", Trust::Dkim, vec![sts("testing", 1, &["old.example.com"])]);
    // And without a policy nobody saw another.
    bench.send("a.example", "2026-11-18", Trust::Dkim, vec![with("example.com", PolicyType::Sts, &[])]);
    assert_eq!(ask(&bench, &filter()).rows, []);
}

#[test]
fn a_policy_type_that_comes_or_goes_is_a_change() {
    let mut bench = Bench::new();
    bench.send("a.example", "2026-11-10", Trust::Dkim, vec![sts("enforce", 86_400, &["mx1.example.com"])]);
    bench.send("a.example", "2026-11-17", Trust::Dkim, vec![with("example.com", PolicyType::NoPolicyFound, &[])]);
    let kinds = |changes: PolicyChanges| -> Vec<(String, ChangeKind)> {
        changes.rows.into_iter().map(|change| (change.policy_type, change.kind)).collect()
    };
    assert_eq!(
        kinds(ask(&bench, &filter())),
        [("no-policy-found".to_owned(), ChangeKind::Appeared), ("sts".to_owned(), ChangeKind::Vanished)]
    );
    // With one type asked for, nobody knows what else was seen.
    assert_eq!(kinds(ask(&bench, &Filter { policy_type: Some("sts".into()), ..filter() })), []);
    assert_eq!(kinds(ask(&bench, &Filter { policy_domains: Some(vec!["example.org".into()]), ..filter() })), []);
    assert_eq!(kinds(ask(&bench, &Filter { trust: TrustFilter::Exactly(Trust::Network), ..filter() })), []);
}
