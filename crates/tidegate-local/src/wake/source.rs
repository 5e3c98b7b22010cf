//! The wakes of one source.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Precision of [`Wake::later`]. Wakes in the same step are one: a queue in which a thousand
/// messages become visible at once is woken once.
const STEP: Duration = Duration::from_millis(100);

/// Longest wait of [`Wake::later`]: SQS hides and delays messages for at most twelve hours.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// Counts the writes to one source, and wakes the tasks that wait for one.
#[derive(Debug)]
pub struct Wake {
    writes: watch::Sender<u64>,
    born: Instant,
    /// Steps since `born` at whose end it wakes by itself.
    later: Mutex<BTreeSet<u128>>,
}

impl Wake {
    /// Creates the wake of a source to which nothing was written.
    #[must_use]
    pub fn new() -> Self {
        Self { writes: watch::Sender::new(0), born: Instant::now(), later: Mutex::default() }
    }

    /// Notes that something was written and can be read now.
    pub fn written(&self) {
        self.writes.send_modify(|writes| *writes = writes.wrapping_add(1));
    }

    /// Notes that something can be read after this time: a delayed message, or one that is hidden.
    ///
    /// Must be called within a Tokio runtime.
    pub fn later(self: &Arc<Self>, wait: Duration) {
        let wait = wait.min(LONGEST);
        let after = (self.born.elapsed() + wait).as_nanos().div_ceil(STEP.as_nanos());
        if !self.later.lock().insert(after) {
            return;
        }
        let at = Instant::now() + wait;
        // Weak: what nobody polls any more needs no wake.
        let wake = Arc::downgrade(self);
        tokio::spawn(async move {
            sleep_until(at + STEP).await;
            if let Some(wake) = wake.upgrade() {
                wake.later.lock().remove(&after);
                wake.written();
            }
        });
    }

    /// Returns the current count.
    #[must_use]
    pub fn now(&self) -> u64 {
        *self.writes.borrow()
    }

    /// Waits until the count differs from `seen`.
    ///
    /// Returns at once if it already does.
    pub async fn changed_from(&self, seen: u64) {
        // The sender outlives the receiver, so waiting cannot fail.
        let _ = self.writes.subscribe().wait_for(|writes| *writes != seen).await;
    }
}

impl Default for Wake {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// Waits for a wake, at most a day.
    async fn woken(wake: &Wake) -> Duration {
        let began = Instant::now();
        let day = Duration::from_secs(24 * 60 * 60);
        tokio::time::timeout(day, wake.changed_from(0)).await.expect("it wakes");
        began.elapsed()
    }

    #[test]
    fn a_write_from_before_the_wait_ends_it() {
        let wake = Wake::new();
        let seen = wake.now();
        assert!(wake.changed_from(seen).now_or_never().is_none());
        wake.written();
        assert!(wake.changed_from(seen).now_or_never().is_some());
        assert!(wake.changed_from(wake.now()).now_or_never().is_none(), "it was seen");
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_be_read_later_wakes_once_and_not_before() {
        let wake = Arc::new(Wake::new());
        for _ in 0..1000 {
            wake.later(Duration::from_secs(30));
        }
        assert_eq!(wake.later.lock().len(), 1, "a wait per message");
        let waited = woken(&wake).await;
        assert!((30_000..30_300).contains(&waited.as_millis()), "{waited:?}");
        assert_eq!((wake.now(), wake.later.lock().len()), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_nobody_can_mean_wakes_after_twelve_hours() {
        let wake = Arc::new(Wake::new());
        wake.later(Duration::MAX);
        assert_eq!(woken(&wake).await.as_secs(), LONGEST.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn moments_that_differ_each_wake() {
        let wake = Arc::new(Wake::new());
        for seconds in [2, 1, 3] {
            wake.later(Duration::from_secs(seconds));
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(wake.now(), 3);
    }
}
