use super::{Bench, Filter, day, failing, filter, policy};
use crate::{
    query::policy_days::{PolicyDay, policy_days},
    report::PolicyType,
    store::fixtures,
    submission::Trust,
};

fn of_example(least: Trust) -> Filter {
    Filter { policy_domain: Some("example.com".into()), least, ..filter() }
}

fn ask(bench: &Bench, filter: &Filter) -> Vec<PolicyDay> {
    bench.ask(|connection| policy_days(connection, filter))
}

#[test]
fn details_are_summed_by_what_they_say() {
    let mut bench = Bench::new();
    let mut first = failing(100, "certificate-expired", 7);
    first.failures.push(fixtures::failure("starttls-not-supported", Some(2)));
    first.failures.push(fixtures::failure("sts-policy-fetch-error", Some(3)));
    first.failed = Some(15);
    bench.send("a.example", "2026-11-17", Trust::Dkim, vec![first, policy("other.example", PolicyType::Sts, 9, 9)]);
    bench.send("a.example", "2026-11-17", Trust::Dkim, vec![failing(10, "validation-failure", 5)]);
    bench.send("b.example", "2026-11-18", Trust::Dkim, vec![policy("example.com", PolicyType::NoPolicyFound, 4, 0)]);
    let rows = ask(&bench, &of_example(Trust::Import));
    let [latest, row] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!(
        (latest.organisation.as_str(), latest.policy_type.as_str(), latest.successful),
        ("b.example", "no-policy-found", 4)
    );
    assert_eq!((row.organisation.as_str(), row.day, row.policy_type.as_str()), ("a.example", day("2026-11-17"), "sts"));
    assert_eq!((row.successful, row.failed), (110, 20));
    assert_eq!((row.validation_sum, row.validation_max, row.fetch_sum, row.not_itemised), (14, 12, 3, 3));
    assert_eq!(row.policy_string, ["version: STSv1", "mode: enforce"]);
}

#[test]
fn each_type_counts_for_itself_and_claims_do_not() {
    let mut bench = Bench::new();
    let both = vec![failing(100, "certificate-expired", 7), policy("example.com", PolicyType::Tlsa, 107, 0)];
    bench.send("a.example", "2026-11-17", Trust::Dkim, both);
    bench.send("a.example", "2026-11-17", Trust::None, vec![failing(0, "certificate-expired", 1_000)]);
    let rows = ask(&bench, &of_example(Trust::Token));
    let told: Vec<_> = rows.iter().map(|row| (row.policy_type.as_str(), row.successful, row.failed)).collect();
    assert_eq!(told, [("sts", 100, 7), ("tlsa", 107, 0)]);
    assert!(ask(&bench, &Filter { policy_domain: Some("nobody.example".into()), ..filter() }).is_empty());
}
