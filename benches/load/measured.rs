//! What one run of a load measured.

use std::{fmt, time::Duration};

pub(crate) struct Measured {
    /// Of each answer, sorted.
    latencies: Vec<Duration>,
    took: Duration,
    /// What was answered, in the plural.
    what: &'static str,
}

impl Measured {
    pub(crate) fn new(mut latencies: Vec<Duration>, took: Duration, what: &'static str) -> Measured {
        latencies.sort_unstable();
        Measured { latencies, took, what }
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    fn quantile(&self, share: f64) -> Duration {
        self.latencies[((self.latencies.len() - 1) as f64 * share) as usize]
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, p999] = [0.5, 0.99, 0.999].map(|share| self.quantile(share));
        write!(
            f,
            "{:>9.0} {}/s   median {median:>9.1?}   p99 {p99:>9.1?}   p99.9 {p999:>9.1?}",
            self.per_second(),
            self.what
        )
    }
}
