//! The counter by which "nothing is going on any more" is recognised.
//!
//! Whoever completes an invocation or hands over an event bumps the counter *after* the effects are
//! done. A poller notes the value it read *before* a poll that came back empty. A note that equals
//! the counter therefore proves that nothing which could have produced input has finished since
//! that poll began.

use tokio::sync::watch;

/// Counts completed work, and wakes those who wait for it.
#[derive(Debug)]
pub struct Activity {
    counter: watch::Sender<u64>,
}

impl Activity {
    /// A counter at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { counter: watch::Sender::new(0) }
    }

    /// Says that an invocation was completed or an event handed over, its effects included.
    pub fn bump(&self) {
        self.counter.send_modify(|value| *value = value.wrapping_add(1));
    }

    /// The counter's value.
    #[must_use]
    pub fn now(&self) -> u64 {
        *self.counter.borrow()
    }

    /// Waits until the counter differs from `seen`; returns at once when it already does.
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
