//! Counts completed work, so that the engine can recognise that it is idle.
//!
//! Every completed invocation and every hand-over bumps the counter *after* its effects are done. A
//! poller notes the value that it read *before* a poll that came back empty. If the note still
//! equals the counter, then nothing that could have produced input has finished since that poll
//! began.
//!
//! Example: a poller reads 7, polls and finds nothing. While the counter stays at 7, its source is
//! still empty. When another function ends and bumps the counter to 8, that function may have
//! written to the source: the poller has to look again.

use tokio::sync::watch;

/// Counts completed work and wakes the tasks that wait for it.
#[derive(Debug)]
pub struct Activity {
    counter: watch::Sender<u64>,
}

impl Activity {
    /// Creates a counter at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { counter: watch::Sender::new(0) }
    }

    /// Notes that an invocation was completed or an event handed over, including its effects.
    pub fn bump(&self) {
        self.counter.send_modify(|value| *value = value.wrapping_add(1));
    }

    /// Returns the current value of the counter.
    #[must_use]
    pub fn now(&self) -> u64 {
        *self.counter.borrow()
    }

    /// Waits until the counter differs from `seen`.
    ///
    /// Returns at once if it already does.
    pub async fn changed_from(&self, seen: u64) {
        // The sender outlives the receiver, so waiting cannot fail.
        let _ = self.counter.subscribe().wait_for(|value| *value != seen).await;
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::Activity;

    #[test]
    fn a_bump_changes_the_value() {
        let activity = Activity::new();
        let seen = activity.now();
        activity.bump();
        assert_ne!(activity.now(), seen);
    }

    #[test]
    fn a_waiter_sees_a_bump_from_before_it_began_to_wait() {
        let activity = Activity::new();
        let seen = activity.now();
        assert!(activity.changed_from(seen).now_or_never().is_none());
        activity.bump();
        assert!(activity.changed_from(seen).now_or_never().is_some());
    }
}
