//! Decides whether a call may go through.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout_at;

use super::breaker::Breaker;
use super::clock::in_milliseconds;
use super::permit::Permit;
use super::phase::Phase;
use super::port::Changed;
use super::report::token;
use super::state::{BreakerState, Standing};
use crate::failure::Failure;
use crate::idempotency::Lease;

/// States that a call sees at most before it is refused. Each is a change of another environment.
const STATES: usize = 4;

impl Breaker {
    /// Code of the failure of a call that was refused.
    pub const OPEN: &'static str = "breaker_open";

    /// Asks whether a call may go through. [`Self::call`] does it for you.
    ///
    /// Costs no request if the breaker is known to be closed or open, and what is known is fresh
    /// ([`Rules::freshness`](super::Rules::freshness)). Otherwise it costs one read, and the write
    /// of the probe's lease if the cool-down is over. The lease ends with the invocation.
    ///
    /// Calls of the same environment wait for its probe, and then go by what it found.
    ///
    /// # Errors
    /// - [`Self::OPEN`] (transient): the breaker is open, or the probe of another environment is on
    ///   its way. The delay is what is left of the cool-down and up to a fifth of it. The failure
    ///   passes ([`Failure::is_passing`]), so it makes no dead letter.
    /// - The failure to read or write the breaker's row (transient).
    pub async fn admit(&self, lease: impl Into<Lease>) -> Result<Permit, Failure> {
        let (lease, cool_down) = (lease.into(), self.config.rules.cool_down);
        if let Some(state) = self.fresh() {
            match (state.phase, state.standing(self.now(), cool_down)) {
                (_, Standing::Closed) => return Ok(Permit::call(self.clone(), lease, state)),
                (Phase::Open { .. }, Standing::Refused(left)) => {
                    return Err(self.refusal(&state, left));
                }
                // The probe may be one of this environment.
                (_, Standing::Refused(_) | Standing::MayProbe) => {}
            }
        }
        let turn = Arc::clone(&self.shared.turn).lock_owned();
        let Ok(turn) = timeout_at(lease.deadline, turn).await else {
            return Err(self.refusal(&self.known().unwrap_or_default(), cool_down));
        };
        let mut state = match self.fresh() {
            Some(state) => state,
            None => self.refresh(lease.deadline).await?,
        };
        for _ in 0..STATES {
            let now = self.now();
            let change = match state.standing(now, cool_down) {
                Standing::Refused(left) => return Err(self.refusal(&state, left)),
                Standing::Closed => match self.config.rules.met(&state.counts, now) {
                    None => return Ok(Permit::call(self.clone(), lease, state)),
                    Some(reason) => state.change(self.opening(now), now, token(), reason),
                },
                Standing::MayProbe => {
                    let lease_until = in_milliseconds(lease.until);
                    let phase = Phase::HalfOpen { lease_until };
                    state.change(phase, now, token(), "the cool-down is over")
                }
            };
            state = match self.change(change, lease.deadline).await? {
                Changed::Yes(state) if matches!(state.phase, Phase::HalfOpen { .. }) => {
                    return Ok(Permit::probe(self.clone(), lease, state, turn));
                }
                Changed::Yes(state) | Changed::No(state) => state,
            };
        }
        Err(self.refusal(&state, cool_down))
    }

    fn refusal(&self, state: &BreakerState, left: Duration) -> Failure {
        let (name, phase) = (self.name(), state.phase.as_str());
        let reason = format!("breaker {name} is {phase}: {}; the call was not made", state.reason);
        Failure::transient(Self::OPEN, reason).retry_after(self.spread(left))
    }
}
