use std::fs;

use super::{Bench, clean, filter, policy};
use crate::{
    query::{Filter, breakdown, reported::reported, reports::reports, shares::shares},
    report::PolicyType,
    submission::Trust,
};

#[test]
fn every_question_about_reports_is_narrowed_by_the_same_text() {
    let mut seen = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/query")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        // What could not be read has no policy: its list has a filter of its own.
        if path.file_name().is_some_and(|name| name == "quarantine.sql") {
            continue;
        }
        let sql = fs::read_to_string(&path).unwrap();
        for parameter in ["$policy_domain ", "$policy_type ", "$organisation ", "$trust "] {
            assert!(!sql.contains(parameter), "{}: the filter stands there in other words", path.display());
        }
        seen += usize::from(
            ["{{policies}}", "{{failures}}", "{{reports ", "{{sums ", "{{rows}}"]
                .iter()
                .any(|placeholder| sql.contains(placeholder)),
        );
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn figures_of_one_filter_are_of_the_same_reports() {
    let mut bench = Bench::new();
    // Domain and type of one report, but not of one policy.
    bench.send("a.example", "2026-11-17", Trust::Dkim, vec![clean(5), policy("two.example", PolicyType::Tlsa, 7, 2)]);
    bench.send("b.example", "2026-11-17", Trust::Dkim, vec![policy("example.com", PolicyType::Tlsa, 3, 1)]);
    bench.send("c.example", "2026-11-17", Trust::Dkim, Vec::new());
    let shown = |filter: &Filter| {
        bench.ask(|connection| {
            let page = reports(connection, filter, 10, None)?;
            let sums = page
                .rows
                .iter()
                .fold((0, 0), |(all, failed), row| (all + row.sessions.total(), failed + row.sessions.failed));
            let once = shares(connection, filter)?.once;
            let reported = reported(connection, filter)?;
            Ok((page.total, sums, reported.reports, reported.organisations, (once.total(), once.failed)))
        })
    };
    assert_eq!(shown(&filter()), (3, (18, 3), 3, 3, (18, 3)));
    let of_type = Filter { policy_type: Some("tlsa".into()), ..filter() };
    assert_eq!(shown(&of_type), (2, (13, 3), 2, 2, (13, 3)));
    let of_both = Filter { policy_domain: Some("example.com".into()), ..of_type };
    assert_eq!(shown(&of_both), (1, (4, 1), 1, 1, (4, 1)));
}

#[test]
fn a_set_of_policy_domains_narrows() {
    let mut bench = Bench::new();
    for (organisation, domain) in
        [("a.example", "one.example"), ("b.example", "two.example"), ("c.example", "three.example")]
    {
        bench.send(organisation, "2026-11-17", Trust::Dkim, vec![policy(domain, PolicyType::Sts, 10, 1)]);
    }
    bench.send("d.example", "2026-11-17", Trust::Dkim, vec![clean(5), policy("two.example", PolicyType::Tlsa, 7, 0)]);
    let of = |names: &[&str], one: Option<&str>| Filter {
        policy_domains: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        policy_domain: one.map(str::to_owned),
        failed: one.is_some(),
        ..filter()
    };
    let shown = |filter: &Filter| {
        bench.ask(|connection| {
            let by = breakdown::breakdown(connection, filter, breakdown::BreakdownBy::PolicyDomain)?;
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
    assert_eq!(shown(&filter()), (45, 4, 4, "two.example one.example three.example example.com".to_owned()));
    assert_eq!(shown(&of(&["one.example", "two.example"], None)), (29, 3, 3, "two.example one.example".to_owned()));
    // Both at once: a page about one domain for a recipient of several.
    assert_eq!(shown(&of(&["one.example", "two.example"], Some("two.example"))), (18, 2, 1, "two.example".to_owned()));
    assert_eq!(shown(&of(&["one.example"], Some("two.example"))), (0, 0, 0, String::new()));
    assert_eq!(shown(&of(&[], None)), (0, 0, 0, String::new()));
}
