//! How many files the process may have open, and how many of them are for connections. Where accept runs out of descriptors,
//! so does everything else: the database, the look-ups, the pages.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::PRIVATE_WORKERS;
use crate::{
    config::{Config, Listen, LmtpListen},
    limits::{DESCRIPTORS_OWN_MIN, DESCRIPTORS_PER_WORKER, DESCRIPTORS_RESERVED, HTTP_WAITING_MAX, SMTP_WAITING_MAX},
};

/// What a configuration needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    /// For everything that is no connection from outside.
    own: u64,
    /// Without these nothing works.
    own_min: u64,
    public: u64,
    /// For each of so many mail listeners.
    mail: u64,
    mail_listeners: u64,
    private: u64,
}

/// Raises the soft limit as far as it is needed. Where the hard limit does not suffice, lowers the numbers of connections and
/// says so.
pub(super) fn make_room(config: &mut Config) -> anyhow::Result<()> {
    let need = Need::of(config);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(need.total(), |maximum| need.total().min(maximum));
    let mut limit = current;
    // Only where it has to be: a filter of system calls may forbid it.
    if let Some(soft) = current.filter(|soft| *soft < wanted) {
        match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
            Ok(()) => limit = Some(wanted),
            Err(error) => tracing::warn!(soft, wanted, %error, "the limit of open files cannot be raised"),
        }
    }
    let Some(limit) = limit.filter(|limit| *limit < need.total()) else { return Ok(()) };
    let lowered = need.within(limit).ok_or_else(|| {
        anyhow::anyhow!(
            "the process may open {limit} files (RLIMIT_NOFILE), which is not enough to start: allow at least {}, better {}",
            need.least(),
            need.total()
        )
    })?;
    tracing::warn!("{}", need.described(limit, &lowered));
    lowered.lay_over(config);
    Ok(())
}

/// What [`make_room`] would have to lower under the limits of this process.
pub fn shortage(config: &Config) -> Option<String> {
    let need = Need::of(config);
    let limit = getrlimit(Resource::Nofile).maximum.filter(|limit| *limit < need.total())?;
    Some(match need.within(limit) {
        Some(lowered) => format!("started from here, {}", need.described(limit, &lowered)),
        None => format!("a process started from here may open {limit} files; `serve` needs at least {}", need.least()),
    })
}

impl Need {
    fn of(config: &Config) -> Need {
        let smtp = &config.smtp;
        let public = config.public.listen != Listen::Off;
        let private = config.private.listen != Listen::Off;
        let private_workers = if private { PRIVATE_WORKERS as u64 } else { 0 };
        let mail_listeners = u64::from(smtp.listen != Listen::Off) + u64::from(smtp.lmtp != LmtpListen::Off);
        let of_workers = (1 + private_workers) * DESCRIPTORS_PER_WORKER;
        let waiting = u64::from(public) * HTTP_WAITING_MAX as u64 + mail_listeners * SMTP_WAITING_MAX as u64;
        Need {
            own: DESCRIPTORS_RESERVED + of_workers + waiting,
            own_min: DESCRIPTORS_OWN_MIN + of_workers + waiting,
            public: if public { config.public.connections_max as u64 } else { 0 },
            mail: smtp.connections_max as u64,
            mail_listeners,
            private: if private { config.private.connections_max as u64 } else { 0 },
        }
    }

    fn total(&self) -> u64 {
        [self.public, self.mail.saturating_mul(self.mail_listeners), self.private]
            .into_iter()
            .fold(self.own, u64::saturating_add)
    }

    /// What one connection of each kind takes.
    fn least(&self) -> u64 {
        self.own_min + u64::from(self.public > 0) + self.mail_listeners + 2 * u64::from(self.private > 0)
    }

    /// The same with as many connections as the limit allows: the pages keep at least a quarter of them, the rest is lowered
    /// evenly. `None` where it is too low for anything.
    fn within(&self, limit: u64) -> Option<Need> {
        if limit < self.least() {
            return None;
        }
        let own = self.own.min(limit / 4 * 3).max(self.own_min).min(limit - (self.least() - self.own_min));
        let spare = limit - own;
        let from_outside = self.public + self.mail * self.mail_listeners;
        let private = match (self.private, from_outside) {
            (private, 0) => private.min(spare),
            (private, _) => private.min((spare / 4).max(2)),
        };
        // One for each listener, the rest by what they would have.
        let left = spare - private - u64::from(self.public > 0) - self.mail_listeners;
        let share = |wanted: u64| {
            let lowered = u128::from(wanted) * u128::from(left) / u128::from(from_outside.max(1));
            wanted.min(1 + u64::try_from(lowered).unwrap_or(wanted))
        };
        Some(Need { own, private, public: share(self.public), mail: share(self.mail), ..*self })
    }

    fn described(&self, limit: u64, lowered: &Need) -> String {
        let mut said = format!(
            "the process may open {limit} files (RLIMIT_NOFILE, LimitNOFILE= in the systemd unit), and {} are needed: ",
            self.total()
        );
        let settings = [
            ("public", self.public, lowered.public),
            ("smtp", self.mail * self.mail_listeners.min(1), lowered.mail),
            ("private", self.private, lowered.private),
        ];
        let lowered: Vec<String> = settings
            .into_iter()
            .filter(|(_, wanted, lowered)| lowered < wanted)
            .map(|(section, wanted, lowered)| format!("{section}.connections_max is {lowered} instead of {wanted}"))
            .collect();
        said.push_str(&lowered.join(", "));
        said
    }

    fn lay_over(&self, config: &mut Config) {
        let max = |connections: u64| usize::try_from(connections).unwrap_or(usize::MAX).max(1);
        config.public.connections_max = config.public.connections_max.min(max(self.public));
        config.smtp.connections_max = config.smtp.connections_max.min(max(self.mail));
        config.private.connections_max = config.private.connections_max.min(max(self.private));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: Need = Need { own: 300, own_min: 60, public: 1_024, mail: 256, mail_listeners: 2, private: 128 };

    #[test]
    fn everything_within_the_limit_and_nobody_without_a_place() {
        assert_eq!(NEED.total(), 300 + 1_024 + 512 + 128);
        for limit in NEED.least()..NEED.total() {
            let lowered = NEED.within(limit).unwrap();
            assert!(lowered.total() <= limit, "{limit}: {lowered:?}");
            assert!(lowered.own >= NEED.own_min);
            assert!(lowered.public >= 1 && lowered.mail >= 1 && lowered.private >= 2, "{limit}: {lowered:?}");
        }
        assert_eq!(NEED.within(NEED.least() - 1), None);
        let lowered = NEED.within(1_024).unwrap();
        assert_eq!((lowered.own, lowered.private, lowered.public, lowered.mail), (300, 128, 396, 99));
    }

    #[test]
    fn what_is_off_needs_nothing() {
        let need = Need { public: 0, mail_listeners: 0, ..NEED };
        assert_eq!(need.within(400).unwrap().private, 100);
        let mut config = Config::default();
        (config.public.listen, config.private.listen) = (Listen::Off, Listen::Off);
        let need = Need::of(&config);
        assert_eq!((need.public, need.private, need.mail_listeners), (0, 0, 0));
        assert_eq!(need.total(), need.own);
    }

    #[test]
    fn it_is_told_what_is_lowered() {
        let described = NEED.described(256, &NEED.within(256).unwrap());
        assert!(described.contains("may open 256 files"), "{described}");
        assert!(described.contains("public.connections_max is 31 instead of 1024"), "{described}");
        assert!(described.contains("smtp.connections_max is 8 instead of 256"), "{described}");
        assert!(described.contains("private.connections_max is 16 instead of 128"), "{described}");
    }
}
