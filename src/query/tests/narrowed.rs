use std::fs;

use super::{Bench, clean, filter, policy};
use crate::{
    query::{
        Filter, breakdown,
        filter::{OF_POLICIES, OF_REPORTS},
        reported::reported,
        reports::reports,
        shares::shares,
    },
    report::PolicyType,
    submission::Trust,
};

#[test]
fn every_question_can_be_narrowed_to_a_set_of_policy_domains() {
    let mut seen = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/query")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let sql = fs::read_to_string(&path).unwrap();
        let rest = sql.replace(OF_POLICIES, "").replace(OF_REPORTS, "");
        assert!(!rest.contains("$policy_domain"), "{}: the filter stands there in other words", path.display());
        seen += usize::from(rest != sql);
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn a_set_of_policy_domains_narrows() {
    let mut bench = Bench::new();
    for (organisation, domain) in
        [("a.example", "one.example"), ("b.example", "two.example"), ("c.example", "three.example")]
    {
        bench.send(organisation, "2026-11-17", Trust::Token, vec![policy(domain, PolicyType::Sts, 10, 1)]);
    }
    bench.send("d.example", "2026-11-17", Trust::Token, vec![clean(5), policy("two.example", PolicyType::Tlsa, 7, 0)]);
    let of = |names: &[&str], one: Option<&str>| Filter {
        policy_domains: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        policy_domain: one.map(str::to_owned),
        failed: one.is_some(),
        ..filter()
    };
    let told = |filter: &Filter| {
        bench.ask(|connection| {
            let by = breakdown::breakdown(connection, filter, breakdown::By::PolicyDomain)?;
            let domains: Vec<String> = by.rows.into_iter().map(|row| row.key).collect();
            let listed = reports(connection, filter, 10, None)?.total;
            Ok((
                shares(connection, filter)?.once.total(),
                reported(connection, filter)?.reports,
                listed,
                domains.join(" "),
            ))
        })
    };
    assert_eq!(told(&filter()), (45, 4, 4, "two.example one.example three.example example.com".to_owned()));
    assert_eq!(told(&of(&["one.example", "two.example"], None)), (29, 3, 3, "two.example one.example".to_owned()));
    // Both at once: a page about one domain for a recipient of several.
    assert_eq!(told(&of(&["one.example", "two.example"], Some("two.example"))), (18, 2, 1, "two.example".to_owned()));
    assert_eq!(told(&of(&["one.example"], Some("two.example"))), (0, 0, 0, String::new()));
    assert_eq!(told(&of(&[], None)), (0, 0, 0, String::new()));
}
