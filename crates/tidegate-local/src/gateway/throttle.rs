//! Throttling of a stage: a token bucket.

use parking_lot::Mutex;
use tokio::time::Instant;
use topology::Throttling;

/// The account's own limits, which hold for a stage without throttling (AWS docs: Amazon API
/// Gateway quotas).
const ACCOUNT: Throttling = Throttling { rate: 10_000.0, burst: 5_000 };

/// A token bucket: each request takes a token, and tokens come back at a rate.
#[derive(Debug)]
pub(crate) struct Bucket {
    limits: Throttling,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Creates a full bucket.
    pub(crate) fn new(declared: Option<Throttling>, now: Instant) -> Self {
        let limits = declared.unwrap_or(ACCOUNT);
        Self { limits, level: Mutex::new(Level { tokens: limits.burst.into(), at: now }) }
    }

    /// Takes a token. Returns whether there was one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut level = self.level.lock();
        let came = now.saturating_duration_since(level.at).as_secs_f64() * self.limits.rate;
        level.tokens = (level.tokens + came).min(self.limits.burst.into());
        level.at = level.at.max(now);
        let taken = level.tokens >= 1.0;
        if taken {
            level.tokens -= 1.0;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_requests_at_the_rate() {
        let start = Instant::now();
        let bucket = Bucket::new(Some(Throttling { rate: 2.0, burst: 3 }), start);
        let at = |milliseconds| bucket.take(start + Duration::from_millis(milliseconds));
        assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
        assert_eq!([at(499), at(500), at(500)], [false, true, false]);
        // However long nothing comes, no more than the burst is saved up.
        assert_eq!([at(60_000), at(60_000), at(60_000), at(60_000)], [true, true, true, false]);
        // A request that was timed before the last one gives nothing back.
        assert!(!at(0));
    }

    #[test]
    fn without_throttling_the_accounts_limits_hold() {
        let start = Instant::now();
        let bucket = Bucket::new(None, start);
        assert_eq!((0..5_001).filter(|_| bucket.take(start)).count(), 5_000);
    }
}
