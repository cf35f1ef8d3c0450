//! With a real store, names from a file, and nobody at the addresses.

use super::*;
use crate::{
    dns::Records,
    store::fixtures::{TempStore, temp_store},
    tls::witness::Authorities,
};

const ZONE: &str = "\
_smtp._tls.example.com TXT v=TLSRPTv1; rua=mailto:tlsrpt@example.com
_mta-sts.example.com   TXT v=STSv1; id=20261129
example.com            MX  10 mx1.example.com
mx1.example.com        A   9.9.9.9
";

fn looks(temp: &TempStore, zone: &str) -> Arc<PolicyLooks> {
    let resolver = Arc::new(Records::parse(zone).unwrap());
    let clock = Clock::system();
    let authorities = Authorities::new(rustls::RootCertStore::empty());
    let observer = Observer::new(resolver, clock.clone(), authorities, false).with_smtp_port(None);
    let domains = ["example.com".to_owned(), "example.org".to_owned()].into();
    Arc::new(PolicyLooks::new(temp.store.clone(), clock, observer, domains, Duration::from_secs(3_600)))
}

#[tokio::test]
async fn a_look_is_kept_and_a_fault_is_looked_at_again() {
    let temp = temp_store();
    let looks = looks(&temp, ZONE);
    assert!(looks.look("example.com", LookCause::Timer).await.unwrap(), "the policy host has no address");
    let summaries = temp.store.read(look::summaries).await.unwrap();
    let [summary] = summaries.as_slice() else { panic!("{summaries:?}") };
    assert_eq!((summary.policy_domain.as_str(), summary.faults), ("example.com", 1));
    assert_eq!(summary.worst.as_ref().unwrap().0, "host-address");
    assert_eq!(looks.timed("example.com", LookCause::Timer).await, (RETRY_AFTER, LookCause::Retry));
    assert_eq!(looks.timed("example.com", LookCause::Retry).await, (looks.every, LookCause::Timer));
    assert_eq!(looks.timed("example.org", LookCause::Timer).await.0, looks.every, "nothing published is no fault");
}

#[tokio::test]
async fn who_asks_is_looked_at_now_if_it_is_served() {
    let temp = temp_store();
    let looks = looks(&temp, ZONE);
    looks.look_now("example.com").await.unwrap();
    assert!(temp.store.read(|conn| look::last(conn, "example.com")).await.unwrap().is_some());
    drop(looks.look_now("example.com"));
    looks.look_now("example.com").await.expect("who went away holds nobody up");
    let asked = Asked::begin(&looks.asked, "example.com");
    assert_eq!(looks.look_now("example.com").await.unwrap_err(), "example.com is being looked at already");
    drop(asked);
    let error = looks.look_now("example.net").await.unwrap_err();
    assert_eq!(error, "example.net is not one of the served domains");
}

#[tokio::test]
async fn each_domain_has_its_place_and_a_restart_looks_at_nothing_again() {
    let temp = temp_store();
    let looks = looks(&temp, ZONE);
    looks.look("example.com", LookCause::Timer).await.unwrap();
    let begun = Instant::now();
    let due: BTreeMap<String, Duration> =
        looks.first_due().await.into_keys().map(|(at, domain)| (domain, at - begun)).collect();
    assert!(due["example.com"] > Duration::from_secs(3_500), "{due:?}");
    assert!(due["example.org"] >= FIRST_AFTER && due["example.org"] < FIRST_AFTER + 3 * FIRST_EACH, "{due:?}");
    assert!((0.0..=1.0).contains(&place("example.com")) && place("example.com") != place("example.org"));
}

#[tokio::test]
async fn the_timer_looks_at_all_of_them_until_it_is_stopped() {
    let temp = temp_store();
    let mut looks = Arc::into_inner(looks(&temp, ZONE)).unwrap();
    looks.first_after = Duration::ZERO;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(Arc::new(looks).run(stopped));
    let both = async {
        while temp.store.read(look::summaries).await.unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), both).await.expect("both are looked at soon");
    stop.send_replace(true);
    running.await.unwrap();
}
