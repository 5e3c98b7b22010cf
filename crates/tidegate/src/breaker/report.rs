//! Reads, counts and changes the shared state, and keeps what it learns.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::breaker::Breaker;
use super::change::Change;
use super::clock::later;
use super::measure;
use super::phase::Phase;
use super::port::Changed;
use super::state::BreakerState;
use crate::failure::Failure;

/// Attempts to change the phase. Counts of other environments disturb a transaction.
const ATTEMPTS: u32 = 4;
/// Pause before the second attempt; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(20);

impl Breaker {
    /// Reads the shared state.
    ///
    /// If calls fail in the present window, the successes of this environment are counted by the
    /// same request. Otherwise environments without failures would be missing in the share.
    pub(super) async fn refresh(&self, deadline: Instant) -> Result<BreakerState, Failure> {
        let (asked, window) = (self.now(), self.config.rules.window);
        let failing = self
            .known()
            .filter(|state| state.counts.failures > 0 && !state.counts.is_over(asked, window));
        if let Some(state) = failing
            && self.shared.tally.lock().is_about(state.number)
        {
            return self.count(deadline).await;
        }
        let look = self.config.store.look(&self.config.name);
        let state = timeout_at(deadline, look).await.unwrap_or_else(|_| Err(out_of_time()))?;
        self.see(&state, asked);
        Ok(state)
    }

    /// Reports a failure, together with those that ended while another report was on its way.
    ///
    /// A report that fails is made up for by the next one: losing the count of a failure must not
    /// lose the record.
    pub(super) async fn report(&self, deadline: Instant) {
        let Ok(_reporting) = timeout_at(deadline, self.shared.reporting.lock()).await else {
            return;
        };
        if !self.shared.tally.lock().has_failures() {
            return;
        }
        let breaker = self.name();
        match self.count(deadline).await {
            Ok(state) => self.open_if_met(state, deadline).await,
            Err(failure) => {
                warn!(breaker, reason = failure.reason(), "a failed call could not be counted");
            }
        }
    }

    async fn count(&self, deadline: Instant) -> Result<BreakerState, Failure> {
        let (asked, window) = (self.now(), self.config.rules.window);
        let count = self.shared.tally.lock().take(asked, window);
        let counted = self.config.store.count(&self.config.name, &count);
        match timeout_at(deadline, counted).await.unwrap_or_else(|_| Err(out_of_time())) {
            Ok(state) => {
                self.see(&state, asked);
                Ok(state)
            }
            Err(failure) => {
                self.shared.tally.lock().put_back(&count);
                Err(failure)
            }
        }
    }

    /// Opens a closed breaker whose counts meet a rule. Any environment that sees them does, so an
    /// opening is not lost with the environment that counted the last failure.
    pub(super) async fn open_if_met(&self, state: BreakerState, deadline: Instant) {
        let now = self.now();
        let met = match state.phase {
            Phase::Closed => self.config.rules.met(&state.counts, now),
            Phase::Open { .. } | Phase::HalfOpen { .. } => None,
        };
        let Some(reason) = met else { return };
        let change = state.change(self.opening(now), now, token(), reason);
        if let Err(failure) = self.change(change, deadline).await {
            let (breaker, reason) = (self.name(), failure.reason());
            warn!(
                breaker,
                reason, "the breaker could not be opened; the next failed call opens it"
            );
        }
    }

    /// Returns the phase of a breaker that opens now.
    pub(super) fn opening(&self, now: Timestamp) -> Phase {
        Phase::Open { until: later(now, self.config.rules.cool_down) }
    }

    /// Changes the phase, unless another change was faster. Returns the state afterwards.
    pub(super) async fn change(
        &self,
        change: Change,
        deadline: Instant,
    ) -> Result<Changed, Failure> {
        let (asked, mut pause, mut attempt) = (self.now(), PAUSE, 1);
        loop {
            let changing = self.config.store.change(&self.config.name, &change);
            match timeout_at(deadline, changing).await.unwrap_or_else(|_| Err(out_of_time())) {
                Ok(Changed::Yes(state)) => {
                    self.see(&state, asked);
                    self.announce(&state);
                    return Ok(Changed::Yes(state));
                }
                Ok(Changed::No(state)) => {
                    self.see(&state, asked);
                    return Ok(Changed::No(state));
                }
                Err(failure) if attempt == ATTEMPTS || Instant::now() + pause >= deadline => {
                    return Err(failure);
                }
                Err(_) => {}
            }
            sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }

    fn announce(&self, state: &BreakerState) {
        let (breaker, reason, number) = (self.name(), state.reason.as_str(), state.number);
        match state.phase {
            Phase::Closed => info!(breaker, number, reason, "the breaker closed"),
            Phase::Open { until } => {
                warn!(breaker, number, reason, %until, "the breaker opened");
            }
            Phase::HalfOpen { .. } => info!(breaker, number, "a probe begins"),
        }
        if let Some((metrics, function)) = &self.config.metrics {
            let line = measure::line(metrics.namespace(), function, breaker, &state.phase);
            metrics.write(&line);
        }
    }
}

/// Returns a text that no other change has.
pub(super) fn token() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn out_of_time() -> Failure {
    Failure::transient(
        "deadline",
        "the invocation's time ran out before the breaker's row answered",
    )
}
