use super::*;
use crate::{query::policy_fetch::policy_fetch, submission::TrustFilter};

#[test]
fn the_end_of_an_outage_is_found_after_its_week() {
    let mut bench = Bench::new();
    for on in ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"] {
        bench.send("ends.example", on, Trust::Dkim, vec![failing(1, "sts-policy-fetch-error", 9)]);
        bench.send("goes-on.example", on, Trust::Dkim, vec![failing(1, "sts-policy-fetch-error", 5)]);
    }
    bench.send("ends.example", "2026-11-24", Trust::Dkim, vec![clean(20)]);
    // Anybody can post.
    bench.send("goes-on.example", "2026-11-24", Trust::None, vec![clean(20)]);

    let filter = Filter { trust: TrustFilter::Trusted, ..filter() };
    let shown = |today: &str| bench.ask(|conn| policy_fetch(conn, &filter, day("2026-11-16"), day(today)));
    for today in ["2026-11-22", "2026-11-23"] {
        let outages = shown(today).rows;
        assert!(outages.iter().all(|outage| outage.ongoing) && outages.len() == 2, "{today}: {outages:?}");
    }
    let outages = shown("2026-11-25").rows;
    let ended = outages.iter().find(|outage| outage.organisation == "ends.example").unwrap();
    assert_eq!((ended.ongoing, ended.recovered, ended.until), (false, Some(day("2026-11-24")), day("2026-11-22")));
    assert_eq!(ended.failed, 27, "its sessions are those of the week");
    let other = outages.iter().find(|outage| outage.organisation == "goes-on.example").unwrap();
    assert!(other.ongoing, "{other:?}");
}

#[test]
fn a_clean_day_divides_an_outage_in_two() {
    let mut bench = Bench::new();
    for (on, failed) in [("2026-11-17", 5), ("2026-11-18", 6), ("2026-11-20", 8)] {
        bench.send("a.example", on, Trust::Dkim, vec![failing(0, "sts-policy-fetch-error", failed)]);
    }
    bench.send("a.example", "2026-11-19", Trust::Dkim, vec![clean(9)]);
    let outages = bench.ask(|conn| policy_fetch(conn, &filter(), day("2026-11-16"), day("2026-11-23")));
    let shown: Vec<_> =
        outages.rows.iter().map(|outage| (outage.since, outage.until, outage.failed, outage.recovered)).collect();
    assert_eq!(
        shown,
        [
            (day("2026-11-20"), day("2026-11-20"), 8, None),
            (day("2026-11-17"), day("2026-11-18"), 11, Some(day("2026-11-19")))
        ]
    );
    assert_eq!((outages.totals.outages, outages.totals.policy_domains, outages.totals.organisations), (2, 1, 1));
}

#[test]
fn no_outage_is_left_out() {
    let mut bench = Bench::new();
    let policies = |from: usize| {
        let of = move |at: usize| {
            let mut policy = policy(&format!("d{at}.example"), PolicyType::Sts, 0, 2);
            policy.failures.push(fixtures::failure("sts-policy-fetch-error", Some(2)));
            policy
        };
        (from..from + 300).map(of).collect()
    };
    for organisation in ["google.com", "microsoft.com"] {
        bench.send(organisation, "2026-11-18", Trust::Dkim, policies(0));
    }
    let outages = bench.ask(|conn| policy_fetch(conn, &filter(), day("2026-11-16"), day("2026-11-23")));
    assert_eq!(outages.rows.len(), 600);
    let totals = outages.totals;
    assert_eq!(
        (totals.outages, totals.policy_domains, totals.policy_domains_ongoing, totals.organisations),
        (600, 300, 300, 2)
    );
}

#[test]
fn a_day_whose_failures_have_no_number_is_not_clean() {
    let mut bench = Bench::new();
    bench.send("a.example", "2026-11-17", Trust::Dkim, vec![failing(0, "sts-policy-fetch-error", 5)]);
    let mut unknown = failing(0, "sts-policy-fetch-error", 0);
    unknown.failures[0].failed_sessions = None;
    bench.send("a.example", "2026-11-18", Trust::Dkim, vec![unknown]);
    bench.send("a.example", "2026-11-19", Trust::Dkim, vec![failing(0, "sts-policy-invalid", 5)]);
    let outages = bench.ask(|conn| policy_fetch(conn, &filter(), day("2026-11-16"), day("2026-11-23")));
    let first = outages.rows.iter().find(|outage| outage.result_type == "sts-policy-fetch-error").unwrap();
    // On the third day another error was seen: this one is over.
    assert_eq!((first.until, first.failed, first.recovered), (day("2026-11-18"), 5, Some(day("2026-11-19"))));
}
