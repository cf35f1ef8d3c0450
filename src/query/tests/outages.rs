use super::*;
use crate::query::policy_fetch::{policy_fetch, recovered_later};

#[test]
fn the_end_of_an_outage_is_found_after_its_week() {
    let mut bench = Bench::new();
    for on in ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"] {
        bench.send("ends.example", on, Trust::Token, vec![failing(1, "sts-policy-fetch-error", 9)]);
        bench.send("goes-on.example", on, Trust::Token, vec![failing(1, "sts-policy-fetch-error", 5)]);
    }
    bench.send("ends.example", "2026-11-24", Trust::Token, vec![clean(20)]);
    // Anybody can post.
    bench.send("goes-on.example", "2026-11-24", Trust::None, vec![clean(20)]);

    let filter = Filter { trust: Some("trusted".to_owned()), ..filter() };
    let mut outages = bench.ask(|conn| policy_fetch(conn, &filter));
    assert!(outages.iter().all(|outage| outage.ongoing) && outages.len() == 2, "{outages:?}");
    let later = |last: &str| Range::new(day("2026-11-23"), day(last)).unwrap();
    bench.ask(|conn| recovered_later(conn, &filter, &mut outages, later("2026-11-23")));
    assert!(outages.iter().all(|outage| outage.ongoing), "the day after was like those before");
    bench.ask(|conn| recovered_later(conn, &filter, &mut outages, later("2026-11-25")));
    let ended = outages.iter().find(|outage| outage.organisation == "ends.example").unwrap();
    assert_eq!((ended.ongoing, ended.recovered, ended.until), (false, Some(day("2026-11-24")), day("2026-11-22")));
    assert_eq!(ended.failed, 27, "its sessions are those of the week");
    let other = outages.iter().find(|outage| outage.organisation == "goes-on.example").unwrap();
    assert!(other.ongoing, "{other:?}");
}
