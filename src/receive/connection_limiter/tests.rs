use tokio::time::Instant;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn enter(limiter: &Arc<ConnectionLimiter>, peer: &str) -> Result<Permit, Full> {
    limiter.enter(ip(peer), false)
}

/// So many connections from one address.
fn crowd(limiter: &Arc<ConnectionLimiter>, peer: &str, size: usize) -> Vec<Permit> {
    (0..size).map(|_| enter(limiter, peer).unwrap()).collect()
}

fn taken(permits: &[Permit]) -> usize {
    permits.iter().filter(|permit| is_taken(permit)).count()
}

fn is_taken(permit: &Permit) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    permit.place.poll_taken(&mut cx).is_ready()
}

fn working(permits: &[Permit]) {
    permits.iter().for_each(|permit| permit.place.works());
}

#[test]
fn a_client_at_its_cap_displaces_itself() {
    let limiter = ConnectionLimiter::new(100, 2);
    let first = crowd(&limiter, "2001:db8::1", 2);
    let third = enter(&limiter, "2001:db8::3").unwrap();
    assert!(is_taken(&first[0]) && !is_taken(&first[1]), "one /64 is one client, the longest silent goes");
    assert_eq!(limiter.open(), 2);
    working(&[third]);
}

#[test]
fn a_client_at_its_cap_is_refused_where_all_its_connections_work() {
    let limiter = ConnectionLimiter::new(100, 2);
    let own = crowd(&limiter, "192.0.2.1", 2);
    working(&own);
    assert_eq!(enter(&limiter, "192.0.2.1").unwrap_err(), Full::PeerNetwork);
    enter(&limiter, "192.0.2.2").unwrap();
    own[1].place.waits();
    enter(&limiter, "192.0.2.1").unwrap();
    assert!(is_taken(&own[1]));
}

#[test]
fn the_client_that_holds_most_gives_way_and_the_longest_silent_first() {
    let limiter = ConnectionLimiter::new(8, 8);
    let large = crowd(&limiter, "192.0.2.1", 4);
    let small = crowd(&limiter, "198.51.100.1", 2);
    let new = enter(&limiter, "203.0.113.1").unwrap();
    let newer = enter(&limiter, "203.0.114.1").unwrap();
    assert_eq!(taken(&large), 0, "there was room");
    large[0].place.waits();
    let last = enter(&limiter, "203.0.115.1").unwrap();
    assert!(is_taken(&large[1]), "it waited longest since the first one had an answer");
    assert_eq!((taken(&large), taken(&small)), (1, 0));
    assert_eq!((limiter.open(), taken(&[new, newer, last])), (8, 0));
}

#[test]
fn a_silent_crowd_from_forty_addresses_keeps_nobody_out() {
    let limiter = ConnectionLimiter::new(1_024, 64);
    let mut crowd = Vec::new();
    for round in 0..64 {
        for address in 0..40 {
            if let Ok(permit) = enter(&limiter, &format!("10.{address}.0.1")) {
                crowd.push(permit);
            }
        }
        assert!(limiter.open() <= 1_024, "round {round}");
    }
    assert!(limiter.open() >= 768);
    let mut honest = Vec::new();
    for address in 0..300 {
        honest.push(enter(&limiter, &format!("192.{}.{}.1", address / 100, address % 100)).unwrap());
        // The crowd does not rest.
        crowd.push(enter(&limiter, &format!("10.{}.0.1", address % 40)).unwrap());
    }
    assert_eq!(taken(&honest), 0);
    assert!(limiter.open() <= 1_024);
}

#[test]
fn a_network_counts_as_a_whole_whatever_its_addresses() {
    for crowd_of in [
        (|n| format!("192.0.2.{n}")) as fn(usize) -> String,
        |n| format!("2001:db8:0:{n:x}::1"),
        |n| format!("2001:db8:0:{:x}::1", n << 8),
    ] {
        let limiter = ConnectionLimiter::new(100, 8);
        let crowd: Vec<Permit> = (0..200).filter_map(|n| enter(&limiter, &crowd_of(n)).ok()).collect();
        assert_eq!(limiter.open(), 75, "the last quarter is for others: {}", crowd_of(1));
        let honest: Vec<Permit> = (0..50).map(|n| enter(&limiter, &format!("198.51.{n}.1")).unwrap()).collect();
        assert_eq!((taken(&honest), limiter.open()), (0, 100));
        assert_eq!(crowd.iter().filter(|permit| !is_taken(permit)).count(), 50);
    }
}

#[test]
fn within_one_network_the_smaller_client_comes_in() {
    let limiter = ConnectionLimiter::new(4, 4);
    let large = crowd(&limiter, "2001:db8::1", 2);
    let small = crowd(&limiter, "2001:db8:0:1::1", 1);
    let honest = enter(&limiter, "2001:db8:0:2::1").unwrap();
    assert_eq!((taken(&large), taken(&small)), (1, 0));
    assert!(!is_taken(&honest));
}

#[test]
fn the_last_quarter_is_for_networks_that_hold_none() {
    let limiter = ConnectionLimiter::new(8, 8);
    let busy = crowd(&limiter, "192.0.2.1", 6);
    working(&busy);
    assert_eq!(enter(&limiter, "192.0.2.2").unwrap_err(), Full::Total);
    let first = enter(&limiter, "198.51.100.1").unwrap();
    first.place.works();
    assert_eq!(enter(&limiter, "198.51.100.1").unwrap_err(), Full::Total, "it holds one now");
    enter(&limiter, "203.0.113.1").unwrap();
}

#[test]
fn who_makes_progress_gives_way_to_nobody() {
    let limiter = ConnectionLimiter::new(4, 4);
    let permits = [
        enter(&limiter, "192.0.2.1").unwrap(),
        enter(&limiter, "192.0.2.1").unwrap(),
        enter(&limiter, "192.0.2.1").unwrap(),
        enter(&limiter, "198.51.100.1").unwrap(),
    ];
    permits[0].place.works();
    permits[1].place.receives(Instant::now(), 1024 * 1024);
    permits[2].place.receives(Instant::now(), 1024 * 1024);
    permits[3].place.works();
    assert_eq!(enter(&limiter, "203.0.113.1").unwrap_err(), Full::Total);
    assert_eq!(taken(&permits), 0);
    // What has come does not pay for the time since it began.
    let long_ago = Instant::now() - std::time::Duration::from_secs(60);
    permits[2].place.receives(long_ago, 59 * 1024);
    enter(&limiter, "203.0.113.1").unwrap();
    assert!(is_taken(&permits[2]));
}

#[test]
fn a_body_that_pauses_makes_no_progress() {
    let place = ConnectionSlot::new();
    let now = Instant::now();
    place.receives(now, 1024 * 1024 * 1024);
    let within = std::time::Duration::from_secs(crate::limits::CONNECTION_PAUSE_MAX_S - 1);
    assert!(place.waiting_since(now + within).is_none());
    assert!(place.waiting_since(now + 2 * within).is_some());
    place.waits();
    assert!(place.waiting_since(Instant::now()).is_some(), "what was paid for does not outlast the body");
}

#[test]
fn equals_do_not_displace_each_other() {
    let limiter = ConnectionLimiter::new(4, 4);
    let held: Vec<Permit> = (0..4).map(|n| enter(&limiter, &format!("198.51.{n}.1")).unwrap()).collect();
    let again = enter(&limiter, "198.51.3.1").unwrap();
    assert!(is_taken(&held[3]), "its own connection, not one of the others");
    assert_eq!(taken(&held), 1);
    working(&[again]);
}

#[test]
fn a_trusted_proxy_counts_in_total_only() {
    let limiter = ConnectionLimiter::new(4, 1);
    let proxy = ip("192.0.2.1");
    let permits: Vec<Permit> = (0..4).map(|_| limiter.enter(proxy, true).unwrap()).collect();
    working(&permits);
    assert_eq!(limiter.enter(proxy, true).unwrap_err(), Full::Total);
    permits[2].place.waits();
    limiter.enter(proxy, true).unwrap();
    assert!(is_taken(&permits[2]));
}

#[test]
fn who_comes_through_a_proxy_counts_once_it_is_known() {
    let limiter = ConnectionLimiter::new(3, 1);
    let mut permits = [limiter.enter(ip("192.0.2.1"), true).unwrap(), limiter.enter(ip("192.0.2.1"), true).unwrap()];
    permits[0].stand_for(ip("203.0.113.9")).unwrap();
    permits[0].place.works();
    assert_eq!(permits[1].stand_for(ip("203.0.113.9")), Err(Full::PeerNetwork));
    permits[1].stand_for(ip("203.0.113.10")).unwrap();
    drop(permits);
    assert!(limiter.inside().remembers_nobody());
}

#[test]
fn a_crowd_behind_a_proxy_keeps_nobody_out() {
    let limiter = ConnectionLimiter::new(8, 8);
    let come = |source: &str| -> Result<Permit, Full> {
        let mut permit = limiter.enter(ip("192.0.2.1"), true)?;
        permit.stand_for(ip(source))?;
        Ok(permit)
    };
    let crowd: Vec<Permit> = (0..20).filter_map(|_| come("203.0.113.9").ok()).collect();
    assert_eq!(limiter.open(), 6, "the last quarter is for others");
    let honest: Vec<Permit> = (0..4).map(|n| come(&format!("198.51.{n}.1")).unwrap()).collect();
    assert_eq!((taken(&honest), limiter.open()), (0, 8));
    drop((crowd, honest));
    assert!(limiter.inside().remembers_nobody());
}

#[test]
fn nothing_is_remembered_of_who_has_left() {
    let limiter = ConnectionLimiter::new(10, 1);
    for last in 1..=9 {
        drop(enter(&limiter, &format!("192.0.2.{last}")).unwrap());
    }
    let (first, second) = (enter(&limiter, "192.0.2.1").unwrap(), enter(&limiter, "192.0.2.1").unwrap());
    assert!(is_taken(&first));
    drop((first, second));
    assert!(limiter.inside().remembers_nobody());
}

#[tokio::test]
async fn who_has_to_go_is_woken() {
    let limiter = ConnectionLimiter::new(1, 1);
    let first = enter(&limiter, "192.0.2.1").unwrap();
    let place = first.place();
    let hears = tokio::spawn(async move { place.taken().await });
    tokio::task::yield_now().await;
    let _second = enter(&limiter, "192.0.2.1").unwrap();
    hears.await.unwrap();
}
