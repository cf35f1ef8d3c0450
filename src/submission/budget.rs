//! What each client may cost over time: a bucket that leaks evenly, for the sender's address and for each network around it.

use std::{collections::HashMap, net::IpAddr, time::Duration, time::Instant};

use super::ClientNetwork;

/// One budget that every client has for itself, in units of the caller's choice.
#[derive(Debug)]
pub struct ClientBudget {
    /// Units that the smallest network may use at once, and get back over one period.
    size: u64,
    period: Duration,
    clients_max: usize,
    used: HashMap<ClientNetwork, Used>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    units: f64,
    at: Instant,
    /// Units this client may have used up at once.
    size: f64,
}

impl Used {
    /// Units used up that have not come back.
    fn now(&self, now: Instant, period: Duration) -> f64 {
        let back = now.saturating_duration_since(self.at).as_secs_f64() / period.as_secs_f64() * self.size;
        (self.units - back).max(0.0)
    }
}

impl ClientBudget {
    /// `size` units in each `period`; 0: no bound. Of at most `clients_max` networks it is remembered what they used.
    pub fn new(size: u64, period: Duration, clients_max: usize) -> ClientBudget {
        ClientBudget { size, period, clients_max, used: HashMap::new() }
    }

    /// Charges the address and the networks around it, or none of them and says how long to wait. Whoever has used nothing may
    /// take more at once than there is, and then waits the longer: else it could never.
    pub fn charge(&mut self, address: IpAddr, units: u64, now: Instant) -> Result<(), Duration> {
        if self.size == 0 || units == 0 {
            return Ok(());
        }
        let wait = ClientNetwork::levels(address).map(|(client, factor)| self.wait(client, factor, units, now)).max();
        match wait {
            Some(wait) if !wait.is_zero() => return Err(wait),
            _ => {}
        }
        self.make_room(now);
        for (client, factor) in ClientNetwork::levels(address) {
            let size = self.size as f64 * f64::from(factor);
            let used = self.used.get(&client).map_or(0.0, |used| used.now(now, self.period));
            self.used.insert(client, Used { units: used + units as f64, at: now, size });
        }
        Ok(())
    }

    fn wait(&self, client: ClientNetwork, factor: u32, units: u64, now: Instant) -> Duration {
        let Some(used) = self.used.get(&client) else { return Duration::ZERO };
        let (size, used) = (self.size as f64 * f64::from(factor), used.now(now, self.period));
        let excess = (used + units as f64 - size).min(used);
        // Less than one unit is rounding.
        if excess < 1.0 { Duration::ZERO } else { self.period.mul_f64(excess / size) }
    }

    /// Forgets those who have everything back, and then those nearest to it: whoever has used most is remembered longest.
    fn make_room(&mut self, now: Instant) {
        if self.used.len() < self.clients_max {
            return;
        }
        let period = self.period;
        self.used.retain(|_, used| used.now(now, period) >= 1.0);
        if self.used.len() < self.clients_max / 2 {
            return;
        }
        let mut by_share: Vec<(f64, ClientNetwork)> =
            self.used.iter().map(|(client, used)| (used.now(now, period) / used.size, *client)).collect();
        by_share.sort_unstable_by(|(left, _), (right, _)| left.total_cmp(right));
        let nearest = by_share.len().saturating_sub(self.clients_max / 2);
        for (_, client) in by_share.iter().take(nearest) {
            self.used.remove(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_used_comes_back_evenly() {
        let (mut budget, start) = (ClientBudget::new(600, MINUTE, 100), Instant::now());
        budget.charge(ip("192.0.2.1"), 600, start).unwrap();
        let wait = budget.charge(ip("192.0.2.1"), 60, start).unwrap_err();
        assert_eq!(wait.as_millis(), 6_000);
        budget.charge(ip("192.0.2.2"), 600, start).unwrap();
        budget.charge(ip("192.0.2.1"), 60, start + wait).unwrap();
        budget.charge(ip("192.0.2.1"), 60, start + wait).unwrap_err();
    }

    #[test]
    fn who_is_refused_is_not_charged() {
        let (mut budget, start) = (ClientBudget::new(600, MINUTE, 100), Instant::now());
        budget.charge(ip("192.0.2.1"), 500, start).unwrap();
        for _ in 0..100 {
            budget.charge(ip("192.0.2.1"), 500, start).unwrap_err();
        }
        budget.charge(ip("192.0.2.1"), 100, start).unwrap();
    }

    #[test]
    fn a_network_has_a_budget_besides_its_addresses() {
        let (mut budget, start) = (ClientBudget::new(10, MINUTE, 1_000), Instant::now());
        let taken = |budget: &mut ClientBudget, addresses: &mut dyn Iterator<Item = IpAddr>| {
            addresses.filter(|address| budget.charge(*address, 10, start).is_ok()).count()
        };
        let mut of_a_slash_24 = (0..=255).map(|last| IpAddr::from([192, 0, 2, last]));
        assert_eq!(taken(&mut budget, &mut of_a_slash_24), 4);
        let slash_64 = |third: u16, fourth: u16| IpAddr::from([0x2001, 0xdb8, third, fourth, 0, 0, 0, 1]);
        assert_eq!(taken(&mut budget, &mut (0..256).map(|fourth| slash_64(1, fourth))), 4, "of one /56");
        assert_eq!(taken(&mut budget, &mut (0..4_096).map(|fourth| slash_64(2, fourth * 16))), 16, "of one /48");
        assert_eq!(taken(&mut budget, &mut std::iter::once(slash_64(3, 0))), 1);
    }

    #[test]
    fn more_than_there_is_passes_once_and_is_paid_for() {
        let (mut budget, start) = (ClientBudget::new(600, MINUTE, 100), Instant::now());
        budget.charge(ip("192.0.2.1"), 6_000, start).unwrap();
        let wait = budget.charge(ip("192.0.2.1"), 1, start).unwrap_err();
        assert!(wait > 8 * MINUTE, "{wait:?}");
        let wait = budget.charge(ip("192.0.2.1"), 6_000, start + 5 * MINUTE).unwrap_err();
        assert_eq!(wait.as_secs(), 5 * 60);
        budget.charge(ip("192.0.2.1"), 6_000, start + 10 * MINUTE).unwrap();
    }

    #[test]
    fn without_a_size_there_is_no_bound() {
        let mut budget = ClientBudget::new(0, MINUTE, 10);
        for _ in 0..1_000 {
            budget.charge(ip("192.0.2.1"), u64::MAX, Instant::now()).unwrap();
        }
        assert!(budget.used.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_who_used_most_is_remembered() {
        let (mut budget, start) = (ClientBudget::new(100, MINUTE, 1_000), Instant::now());
        let heavy = ip("203.0.113.5");
        budget.charge(heavy, 100, start).unwrap();
        for number in 0..100_000u32 {
            let _ = budget.charge(
                IpAddr::from((0x0a00_0000 + number * 256).to_be_bytes()),
                1 + u64::from(number % 5),
                start,
            );
            assert!(budget.used.len() <= 1_002, "{}", budget.used.len());
        }
        budget.charge(heavy, 100, start).unwrap_err();
        // Everything has come back: nothing is remembered of it.
        for number in 0..1_000u32 {
            budget.charge(IpAddr::from(number.to_be_bytes()), 1, start + 2 * MINUTE).unwrap();
        }
        assert!(!budget.used.contains_key(&ClientNetwork::widest(heavy)));
    }
}
