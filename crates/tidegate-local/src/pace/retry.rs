//! Decides how long a failed batch waits, and when it is given up.

use std::time::Duration;

use super::scale::scale;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);

/// Exponential back-off between two invocations with the same batch.
///
/// Lambda documents only that its back-off is exponential. The numbers here are this project's.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Creates a back-off of 100 ms that doubles up to one minute, all divided by `time_scale`.
    #[must_use]
    pub fn scaled(time_scale: f64) -> Self {
        Self { first: scale(FIRST, time_scale), longest: scale(LONGEST, time_scale) }
    }

    /// Returns the wait after a failure that follows `failures` other failures in a row.
    #[must_use]
    pub fn delay(self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures.min(30))).min(self.longest)
    }
}

/// Returns whether a batch is given up after `attempts` counted attempts.
///
/// Only invocations in which the function ran count as attempts. Throttles and splits do not. A
/// maximum of 2 retries allows 3 attempts.
#[must_use]
pub fn is_exhausted(attempts: u32, maximum_retry_attempts: Option<u32>) -> bool {
    maximum_retry_attempts.is_some_and(|maximum| attempts > maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let backoff = Backoff::scaled(1.0);
        let waits: Vec<u128> = [0, 1, 2, 9, 10, 400].map(|n| backoff.delay(n).as_millis()).to_vec();
        assert_eq!(waits, [100, 200, 400, 51_200, 60_000, 60_000]);
    }

    #[test]
    fn the_time_scale_divides_waits_and_their_cap() {
        let backoff = Backoff::scaled(60.0);
        assert_eq!(backoff.delay(20), Duration::from_secs(1));
        assert!(backoff.delay(0) < Duration::from_millis(2));
    }

    #[test]
    fn a_maximum_of_two_allows_three_invocations() {
        assert!(!is_exhausted(2, Some(2)));
        assert!(is_exhausted(3, Some(2)));
        assert!(!is_exhausted(u32::MAX, None));
    }
}
