//! Permission for one call, and what the call said about the provider.

use std::fmt;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tracing::warn;

use super::breaker::Breaker;
use super::phase::Phase;
use super::report::token;
use super::state::{BreakerState, Standing};
use crate::failure::Failure;
use crate::idempotency::Lease;

/// Largest number of characters of a reason that are kept.
const REASON_CHARACTERS: usize = 1_000;
/// Shortest time for the write that follows a probe, even at the end of an invocation.
const TIME_TO_TELL: Duration = Duration::from_millis(500);

/// Permission for one call to the provider.
///
/// Say what came of the call: [`succeeded`](Self::succeeded), [`failed`](Self::failed) or
/// [`unknown`](Self::unknown). A probe about which nothing is said keeps its lease until the end of
/// the invocation.
#[must_use = "say what came of the call"]
pub struct Permit {
    breaker: Breaker,
    lease: Lease,
    state: BreakerState,
    /// Other calls of the environment wait for the probe.
    probe: Option<OwnedMutexGuard<()>>,
}

impl Permit {
    /// Permits a call to a provider that works. `state` is closed.
    pub(super) fn call(breaker: Breaker, lease: Lease, state: BreakerState) -> Self {
        Self { breaker, lease, state, probe: None }
    }

    /// Permits the probe. `state` is half-open, and this environment owns it.
    pub(super) fn probe(
        breaker: Breaker,
        lease: Lease,
        state: BreakerState,
        turn: OwnedMutexGuard<()>,
    ) -> Self {
        Self { breaker, lease, state, probe: Some(turn) }
    }

    /// Returns whether the call is the probe of a half-open breaker.
    pub fn is_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// Says that the provider answered. A probe closes the breaker.
    ///
    /// Costs no request if the breaker was closed.
    pub async fn succeeded(self) {
        if self.is_probe() {
            self.end(Phase::Closed, "the probe succeeded").await;
        } else {
            self.add(false);
        }
    }

    /// Says that the call failed as in an outage. A probe opens the breaker again.
    ///
    /// Returns the failure with a delay of at least what is left of the cool-down, so that the
    /// message does not come again before the provider may have recovered.
    pub async fn failed(self, failure: Failure) -> Failure {
        let breaker = self.breaker.clone();
        let cool_down = breaker.config.rules.cool_down;
        let delay = if self.is_probe() {
            let reason = format!("the probe failed: {failure}");
            self.end(breaker.opening(breaker.now()), &reason).await;
            cool_down
        } else {
            self.add(true);
            breaker.report(self.until()).await;
            let standing = breaker.fresh().map(|state| state.standing(breaker.now(), cool_down));
            match standing {
                Some(Standing::Refused(left)) => left,
                Some(Standing::Closed | Standing::MayProbe) | None => cool_down,
            }
        };
        let delay = breaker.spread(delay).max(failure.retry_delay().unwrap_or_default());
        failure.retry_after(delay)
    }

    /// Says that the call told nothing about the provider, such as a call that was not made. A
    /// probe is given back, and the next call may be one.
    pub async fn unknown(self) {
        if self.is_probe() {
            let phase = Phase::Open { until: self.breaker.now() };
            self.end(phase, "the probe told nothing").await;
        }
    }

    /// Returns the time until which the breaker's row may still be written.
    fn until(&self) -> Instant {
        self.lease.deadline.max(Instant::now() + TIME_TO_TELL)
    }

    fn add(&self, failed: bool) {
        let (now, window) = (self.breaker.now(), self.breaker.config.rules.window);
        self.breaker.shared.tally.lock().add(self.state.number, failed, now, window);
    }

    /// Ends a probe. A probe whose end cannot be written ends with its lease.
    async fn end(self, to: Phase, reason: &str) {
        let reason = reason.chars().take(REASON_CHARACTERS).collect::<String>();
        let change = self.state.change(to, self.breaker.now(), token(), reason);
        if let Err(failure) = self.breaker.change(change, self.until()).await {
            let (breaker, reason) = (self.breaker.name(), failure.reason());
            warn!(breaker, reason, "the end of a probe could not be written; its lease ends it");
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_probe = self.is_probe();
        f.debug_struct("Permit").field("is_probe", &is_probe).finish_non_exhaustive()
    }
}
