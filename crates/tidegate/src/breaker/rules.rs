//! When a breaker opens, and how long it stays open.

use std::time::Duration;

use jiff::Timestamp;

use super::state::Counts;

/// Failures in a row after which a breaker opens, unless its rules say another number.
const FAILURES_IN_A_ROW: u32 = 5;
/// Time for which calls are counted together, unless the rules say another one.
const WINDOW: Duration = Duration::from_secs(60);
/// Age up to which an environment relies on what it knows, unless the rules say another one.
const FRESHNESS: Duration = Duration::from_secs(5);

/// When a breaker opens, and how long it stays open.
///
/// A breaker opens by the first rule that is met. Calls are counted in *windows*: a window begins
/// with a failure, and the first failure after its end begins the next one.
///
/// ```
/// use std::time::Duration;
/// use tidegate::breaker::Rules;
///
/// // Opens after 5 failures in a row, or if 30 % of at least 40 calls in 2 minutes failed.
/// let rules = Rules::new(Duration::from_secs(60))
///     .failure_share(30, 40)
///     .window(Duration::from_secs(120));
/// # let _ = rules;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(super) cool_down: Duration,
    pub(super) failures_in_a_row: Option<u32>,
    /// Percent of failed calls, and the number of calls from which it counts.
    pub(super) share: Option<(u8, u32)>,
    pub(super) window: Duration,
    pub(super) freshness: Duration,
}

impl Rules {
    /// Creates rules by which a breaker stays open for `cool_down`, and opens after five failures
    /// in a row within a minute.
    ///
    /// A `cool_down` below one second is one second.
    pub fn new(cool_down: Duration) -> Self {
        Self {
            cool_down: cool_down.max(Duration::from_secs(1)),
            failures_in_a_row: Some(FAILURES_IN_A_ROW),
            share: None,
            window: WINDOW,
            freshness: FRESHNESS,
        }
    }

    /// Opens the breaker after this many failures without a reported success between them. `None`:
    /// no number opens it. Five by default.
    #[must_use]
    pub fn failures_in_a_row(self, number: Option<u32>) -> Self {
        Self { failures_in_a_row: number.map(|number| number.max(1)), ..self }
    }

    /// Opens the breaker if this share of the calls of a window failed, 1 to 100 percent, once
    /// there were `minimum_calls`.
    #[must_use]
    pub fn failure_share(self, percent: u8, minimum_calls: u32) -> Self {
        Self { share: Some((percent.clamp(1, 100), minimum_calls.max(1))), ..self }
    }

    /// Sets the length of a window; one minute by default.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        Self { window: window.max(Duration::from_secs(1)), ..self }
    }

    /// Sets the age up to which an environment relies on what it knows of the breaker; five seconds
    /// by default.
    ///
    /// So long does it take until every environment knows that another one opened the breaker. An
    /// environment reads at most once in this time.
    #[must_use]
    pub fn freshness(self, freshness: Duration) -> Self {
        Self { freshness, ..self }
    }

    /// Returns the rule by which these counts open the breaker.
    pub(super) fn met(&self, counts: &Counts, now: Timestamp) -> Option<String> {
        if counts.is_over(now, self.window) {
            return None;
        }
        let calls = counts.failures.saturating_add(counts.successes);
        if self.failures_in_a_row.is_some_and(|number| counts.in_a_row >= u64::from(number)) {
            return Some(format!("{} failures in a row", counts.in_a_row));
        }
        let (percent, minimum) = self.share?;
        let is_met = calls >= u64::from(minimum)
            && counts.failures.saturating_mul(100) >= calls.saturating_mul(u64::from(percent));
        is_met.then(|| format!("{} of {calls} calls failed", counts.failures))
    }
}
