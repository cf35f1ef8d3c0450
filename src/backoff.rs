//! How long to wait before what failed is tried again. Pure.

use std::time::Duration;

/// The pause after a failure that so many others preceded: `first`, then twice as long each time, `longest` at most.
pub fn doubled(first: Duration, failures_before: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << failures_before.min(20)).min(longest)
}

/// Between half of the pause and all of it, so that many clients do not come back as one. `random`: any byte.
pub fn spread(pause: Duration, random: u8) -> Duration {
    pause.mul_f64(0.5 + f64::from(random) / 510.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pause = |failures| doubled(Duration::from_secs(1), failures, Duration::from_secs(300)).as_secs();
        assert_eq!([0, 1, 2, 8, 9, u32::MAX].map(pause), [1, 2, 4, 256, 300, 300]);
    }

    #[test]
    fn a_pause_is_spread_over_its_second_half() {
        let second = Duration::from_secs(1);
        assert_eq!((spread(second, 0), spread(second, 255)), (second / 2, second));
    }
}
