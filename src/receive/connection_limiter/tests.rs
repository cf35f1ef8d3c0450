use tokio::time::Instant;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn enter(gate: &Arc<Gate>, peer: &str) -> Result<Pass, Full> {
    gate.enter(ip(peer), false)
}

/// So many connections from one address.
fn crowd(gate: &Arc<Gate>, peer: &str, size: usize) -> Vec<Pass> {
    (0..size).map(|_| enter(gate, peer).unwrap()).collect()
}

fn taken(passes: &[Pass]) -> usize {
    passes.iter().filter(|pass| is_taken(pass)).count()
}

fn is_taken(pass: &Pass) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    pass.place.poll_taken(&mut cx).is_ready()
}

fn working(passes: &[Pass]) {
    passes.iter().for_each(|pass| pass.place.works());
}

#[test]
fn a_party_at_its_cap_displaces_itself() {
    let gate = Gate::new(100, 2);
    let first = crowd(&gate, "2001:db8::1", 2);
    let third = enter(&gate, "2001:db8::3").unwrap();
    assert!(is_taken(&first[0]) && !is_taken(&first[1]), "one /64 is one party, the longest silent goes");
    assert_eq!(gate.open(), 2);
    working(&[third]);
}

#[test]
fn a_party_at_its_cap_is_refused_where_all_its_connections_work() {
    let gate = Gate::new(100, 2);
    let own = crowd(&gate, "192.0.2.1", 2);
    working(&own);
    assert_eq!(enter(&gate, "192.0.2.1").unwrap_err(), Full::Party);
    enter(&gate, "192.0.2.2").unwrap();
    own[1].place.waits();
    enter(&gate, "192.0.2.1").unwrap();
    assert!(is_taken(&own[1]));
}

#[test]
fn the_party_that_holds_most_gives_way_and_the_longest_silent_first() {
    let gate = Gate::new(8, 8);
    let large = crowd(&gate, "192.0.2.1", 4);
    let small = crowd(&gate, "198.51.100.1", 2);
    let new = enter(&gate, "203.0.113.1").unwrap();
    let newer = enter(&gate, "203.0.114.1").unwrap();
    assert_eq!(taken(&large), 0, "there was room");
    large[0].place.waits();
    let last = enter(&gate, "203.0.115.1").unwrap();
    assert!(is_taken(&large[1]), "it waited longest since the first one had an answer");
    assert_eq!((taken(&large), taken(&small)), (1, 0));
    assert_eq!((gate.open(), taken(&[new, newer, last])), (8, 0));
}

#[test]
fn a_silent_crowd_from_forty_addresses_keeps_nobody_out() {
    let gate = Gate::new(1_024, 64);
    let mut crowd = Vec::new();
    for round in 0..64 {
        for address in 0..40 {
            if let Ok(pass) = enter(&gate, &format!("10.{address}.0.1")) {
                crowd.push(pass);
            }
        }
        assert!(gate.open() <= 1_024, "round {round}");
    }
    assert!(gate.open() >= 768);
    let mut honest = Vec::new();
    for address in 0..300 {
        honest.push(enter(&gate, &format!("192.{}.{}.1", address / 100, address % 100)).unwrap());
        // The crowd does not rest.
        crowd.push(enter(&gate, &format!("10.{}.0.1", address % 40)).unwrap());
    }
    assert_eq!(taken(&honest), 0);
    assert!(gate.open() <= 1_024);
}

#[test]
fn a_network_counts_as_a_whole_whatever_its_addresses() {
    for crowd_of in [
        (|n| format!("192.0.2.{n}")) as fn(usize) -> String,
        |n| format!("2001:db8:0:{n:x}::1"),
        |n| format!("2001:db8:0:{:x}::1", n << 8),
    ] {
        let gate = Gate::new(100, 8);
        let crowd: Vec<Pass> = (0..200).filter_map(|n| enter(&gate, &crowd_of(n)).ok()).collect();
        assert_eq!(gate.open(), 75, "the last quarter is for others: {}", crowd_of(1));
        let honest: Vec<Pass> = (0..50).map(|n| enter(&gate, &format!("198.51.{n}.1")).unwrap()).collect();
        assert_eq!((taken(&honest), gate.open()), (0, 100));
        assert_eq!(crowd.iter().filter(|pass| !is_taken(pass)).count(), 50);
    }
}

#[test]
fn within_one_network_the_smaller_party_comes_in() {
    let gate = Gate::new(4, 4);
    let large = crowd(&gate, "2001:db8::1", 2);
    let small = crowd(&gate, "2001:db8:0:1::1", 1);
    let honest = enter(&gate, "2001:db8:0:2::1").unwrap();
    assert_eq!((taken(&large), taken(&small)), (1, 0));
    assert!(!is_taken(&honest));
}

#[test]
fn the_last_quarter_is_for_networks_that_hold_none() {
    let gate = Gate::new(8, 8);
    let busy = crowd(&gate, "192.0.2.1", 6);
    working(&busy);
    assert_eq!(enter(&gate, "192.0.2.2").unwrap_err(), Full::Total);
    let first = enter(&gate, "198.51.100.1").unwrap();
    first.place.works();
    assert_eq!(enter(&gate, "198.51.100.1").unwrap_err(), Full::Total, "it holds one now");
    enter(&gate, "203.0.113.1").unwrap();
}

#[test]
fn who_makes_progress_gives_way_to_nobody() {
    let gate = Gate::new(4, 4);
    let passes = [
        enter(&gate, "192.0.2.1").unwrap(),
        enter(&gate, "192.0.2.1").unwrap(),
        enter(&gate, "192.0.2.1").unwrap(),
        enter(&gate, "198.51.100.1").unwrap(),
    ];
    passes[0].place.works();
    passes[1].place.receives(Instant::now(), 1024 * 1024);
    passes[2].place.receives(Instant::now(), 1024 * 1024);
    passes[3].place.works();
    assert_eq!(enter(&gate, "203.0.113.1").unwrap_err(), Full::Total);
    assert_eq!(taken(&passes), 0);
    // What has come does not pay for the time since it began.
    let long_ago = Instant::now() - std::time::Duration::from_secs(60);
    passes[2].place.receives(long_ago, 59 * 1024);
    enter(&gate, "203.0.113.1").unwrap();
    assert!(is_taken(&passes[2]));
}

#[test]
fn a_body_that_pauses_makes_no_progress() {
    let place = Place::new();
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
    let gate = Gate::new(4, 4);
    let held: Vec<Pass> = (0..4).map(|n| enter(&gate, &format!("198.51.{n}.1")).unwrap()).collect();
    let again = enter(&gate, "198.51.3.1").unwrap();
    assert!(is_taken(&held[3]), "its own connection, not one of the others");
    assert_eq!(taken(&held), 1);
    working(&[again]);
}

#[test]
fn a_trusted_proxy_counts_in_total_only() {
    let gate = Gate::new(4, 1);
    let proxy = ip("192.0.2.1");
    let passes: Vec<Pass> = (0..4).map(|_| gate.enter(proxy, true).unwrap()).collect();
    working(&passes);
    assert_eq!(gate.enter(proxy, true).unwrap_err(), Full::Total);
    passes[2].place.waits();
    gate.enter(proxy, true).unwrap();
    assert!(is_taken(&passes[2]));
}

#[test]
fn who_comes_through_a_proxy_counts_once_it_is_known() {
    let gate = Gate::new(3, 1);
    let mut passes = [gate.enter(ip("192.0.2.1"), true).unwrap(), gate.enter(ip("192.0.2.1"), true).unwrap()];
    passes[0].stand_for(ip("203.0.113.9")).unwrap();
    passes[0].place.works();
    assert_eq!(passes[1].stand_for(ip("203.0.113.9")), Err(Full::Party));
    passes[1].stand_for(ip("203.0.113.10")).unwrap();
    drop(passes);
    assert!(gate.inside().remembers_nobody());
}

#[test]
fn a_crowd_behind_a_proxy_keeps_nobody_out() {
    let gate = Gate::new(8, 8);
    let come = |source: &str| -> Result<Pass, Full> {
        let mut pass = gate.enter(ip("192.0.2.1"), true)?;
        pass.stand_for(ip(source))?;
        Ok(pass)
    };
    let crowd: Vec<Pass> = (0..20).filter_map(|_| come("203.0.113.9").ok()).collect();
    assert_eq!(gate.open(), 6, "the last quarter is for others");
    let honest: Vec<Pass> = (0..4).map(|n| come(&format!("198.51.{n}.1")).unwrap()).collect();
    assert_eq!((taken(&honest), gate.open()), (0, 8));
    drop((crowd, honest));
    assert!(gate.inside().remembers_nobody());
}

#[test]
fn nothing_is_remembered_of_who_has_left() {
    let gate = Gate::new(10, 1);
    for last in 1..=9 {
        drop(enter(&gate, &format!("192.0.2.{last}")).unwrap());
    }
    let (first, second) = (enter(&gate, "192.0.2.1").unwrap(), enter(&gate, "192.0.2.1").unwrap());
    assert!(is_taken(&first));
    drop((first, second));
    assert!(gate.inside().remembers_nobody());
}

#[tokio::test]
async fn who_has_to_go_is_woken() {
    let gate = Gate::new(1, 1);
    let first = enter(&gate, "192.0.2.1").unwrap();
    let place = first.place();
    let hears = tokio::spawn(async move { place.taken().await });
    tokio::task::yield_now().await;
    let _second = enter(&gate, "192.0.2.1").unwrap();
    hears.await.unwrap();
}
