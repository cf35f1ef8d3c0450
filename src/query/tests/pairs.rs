use super::{Bench, Filter, clean, day, failing, filter, policy};
use crate::{
    query::{
        pairs::{PairState, PairTotals, Pairs, pairs},
        policy_fetch::policy_fetch,
    },
    report::PolicyType,
    submission::{Trust, TrustFilter},
};

fn ask(bench: &Bench, filter: &Filter) -> Pairs {
    bench.ask(|connection| pairs(connection, filter, filter.range.previous()))
}

#[test]
fn a_pair_is_new_ongoing_resolved_or_silent() {
    let mut bench = Bench::new();
    // The week before.
    bench.send("new.example", "2026-11-10", Trust::Dkim, vec![clean(10)]);
    bench.send("ongoing.example", "2026-11-12", Trust::Dkim, vec![failing(8, "certificate-expired", 2)]);
    bench.send("resolved.example", "2026-11-13", Trust::Dkim, vec![failing(8, "starttls-not-supported", 3)]);
    bench.send("silent.example", "2026-11-15", Trust::Dkim, vec![failing(8, "validation-failure", 4)]);
    // A failure of two weeks ago is no business of this one.
    bench.send("old.example", "2026-11-08", Trust::Dkim, vec![failing(0, "validation-failure", 90)]);
    // This week; the silent one reports, but on another domain.
    bench.send("new.example", "2026-11-17", Trust::Dkim, vec![failing(5, "certificate-expired", 5)]);
    bench.send("new.example", "2026-11-19", Trust::Dkim, vec![failing(5, "certificate-host-mismatch", 7)]);
    bench.send("ongoing.example", "2026-11-16", Trust::Dkim, vec![failing(9, "certificate-expired", 1)]);
    bench.send("resolved.example", "2026-11-22", Trust::Dkim, vec![clean(11)]);
    bench.send("silent.example", "2026-11-22", Trust::Dkim, vec![policy("example.org", PolicyType::Sts, 3, 0)]);
    bench.send("old.example", "2026-11-22", Trust::Dkim, vec![clean(1)]);

    let pairs = ask(&bench, &filter());
    let shown: Vec<(&str, PairState, i64, i64)> = pairs
        .rows
        .iter()
        .map(|pair| (pair.organisation.as_str(), pair.state, pair.sessions.failed, pair.before.failed))
        .collect();
    assert_eq!(
        shown,
        [
            ("new.example", PairState::New, 12, 0),
            ("ongoing.example", PairState::Ongoing, 1, 2),
            ("silent.example", PairState::Silent, 0, 4),
            ("resolved.example", PairState::Resolved, 0, 3),
        ]
    );
    assert_eq!(pairs.totals, PairTotals { new: 1, ongoing: 1, resolved: 1, silent: 1 });
    let new = &pairs.rows[0];
    assert_eq!((new.name(), new.policy_domain.as_str(), new.reported_before), ("new.example", "example.com", true));
    assert_eq!((new.first_failed, new.last_failed), (Some(day("2026-11-17")), Some(day("2026-11-19"))));
    let causes: Vec<(&str, i64)> = new.causes.iter().map(|cause| (cause.result_type.as_str(), cause.failed)).collect();
    assert_eq!(causes, [("certificate-host-mismatch", 7), ("certificate-expired", 5)]);
    let resolved = &pairs.rows[3];
    assert_eq!((resolved.first_failed, resolved.last_failed), (None, Some(day("2026-11-13"))));
    assert_eq!((resolved.causes[0].failed, resolved.causes[0].failed_before), (0, 3));
}

#[test]
fn sessions_listed_under_two_policy_types_count_once() {
    let mut bench = Bench::new();
    let mut twin = failing(90, "certificate-expired", 10);
    twin.policy.policy_type = PolicyType::Tlsa;
    bench.send("microsoft.com", "2026-11-17", Trust::Dkim, vec![failing(90, "certificate-expired", 10), twin]);
    let once = ask(&bench, &filter());
    assert_eq!((once.rows[0].sessions.failed, once.rows[0].sessions.total()), (10, 100));
    assert_eq!(once.rows[0].causes.iter().map(|cause| cause.failed).sum::<i64>(), 10);
    let tlsa = ask(&bench, &Filter { policy_type: Some("tlsa".into()), ..filter() });
    assert_eq!((tlsa.rows[0].sessions.failed, tlsa.rows[0].causes[0].policy_type.as_str()), (10, "tlsa"));
}

#[test]
fn the_filter_holds() {
    let mut bench = Bench::new();
    bench.send("a.example", "2026-11-17", Trust::None, vec![failing(1, "certificate-expired", 1)]);
    bench.send("b.example", "2026-11-17", Trust::Dkim, vec![policy("example.org", PolicyType::Sts, 3, 2)]);
    let trusted = ask(&bench, &Filter { trust: TrustFilter::Trusted, ..filter() });
    assert_eq!(trusted.rows.len(), 1);
    // No details: the summary alone says that sessions failed.
    assert_eq!((trusted.rows[0].not_itemised, trusted.rows[0].causes.len()), (2, 0));
    assert_eq!(ask(&bench, &Filter { organisation: Some("a.example".into()), ..filter() }).totals.new, 1);
    assert_eq!(
        ask(&bench, &Filter { policy_domains: Some(vec!["example.com".into()]), ..filter() }).rows[0].organisation,
        "a.example"
    );
    assert_eq!(ask(&bench, &Filter { policy_domain: Some("example.net".into()), ..filter() }), Pairs::default());
}

#[test]
fn an_outage_ends_with_a_clean_report_of_the_same_organisation() {
    let mut bench = Bench::new();
    for on in ["2026-11-17", "2026-11-18"] {
        bench.send("a.example", on, Trust::Dkim, vec![failing(0, "sts-policy-fetch-error", 5)]);
        bench.send("b.example", on, Trust::Dkim, vec![failing(0, "sts-policy-fetch-error", 3)]);
    }
    bench.send("a.example", "2026-11-20", Trust::Dkim, vec![clean(5)]);
    bench.send("a.example", "2026-11-21", Trust::Dkim, vec![clean(5)]);
    // Another organisation, another domain, and somebody who is not trusted: none of them ends it.
    bench.send("c.example", "2026-11-19", Trust::Dkim, vec![clean(5)]);
    bench.send("b.example", "2026-11-19", Trust::Dkim, vec![policy("example.org", PolicyType::Sts, 9, 0)]);
    bench.send("b.example", "2026-11-20", Trust::None, vec![clean(5)]);
    let shown = |filter: &Filter| -> Vec<(String, bool, Option<String>)> {
        let outages = bench.ask(|connection| policy_fetch(connection, filter, day("2026-11-16"), day("2026-11-23")));
        outages
            .rows
            .into_iter()
            .map(|outage| (outage.organisation, outage.ongoing, outage.recovered.map(|day| day.to_string())))
            .collect()
    };
    let trusted = Filter { trust: TrustFilter::Trusted, ..filter() };
    assert_eq!(
        shown(&trusted),
        [("b.example".to_owned(), true, None), ("a.example".to_owned(), false, Some("2026-11-20".to_owned()))]
    );
    assert_eq!(shown(&filter())[0], ("b.example".to_owned(), true, None), "nor where everybody is asked for");
}
