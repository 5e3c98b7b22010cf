//! Limits the calls of a projector to the deadline of its invocation.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::failure::Failure;

/// Failure code of a call that was cut off. It is not known whether the call took effect.
const CUT_OFF: &str = "deadline";

/// The time from which an invocation starts no more calls and cancels those in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub(super) Instant);

impl Deadline {
    pub(super) fn is_over(self) -> bool {
        Instant::now() >= self.0
    }

    /// Waits for a call until the deadline. A call that is cut off may have taken effect.
    pub(super) async fn call<T, E>(self, call: impl Future<Output = Result<T, E>>) -> Result<T, E>
    where
        E: From<Failure>,
    {
        timeout_at(self.0, call).await.unwrap_or_else(|_| Err(cut_off().into()))
    }

    /// Pauses, until the deadline at the latest.
    pub(super) async fn pause(self, pause: Duration) {
        sleep_until(self.0.min(Instant::now() + pause)).await;
    }

    /// Returns the deadline of what may take half of the time that is left.
    pub(super) fn half(self) -> Self {
        let now = Instant::now();
        Self(now + self.0.saturating_duration_since(now) / 2)
    }
}

/// Creates the failure of what the deadline interrupted.
pub(super) fn cut_off() -> Failure {
    let reason = "no answer came in the time of the invocation; the call may have taken effect";
    Failure::transient(CUT_OFF, reason)
}
