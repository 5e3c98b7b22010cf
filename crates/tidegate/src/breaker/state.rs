//! The shared state of a breaker, and every change that it allows.
//!
//! The DynamoDB store writes these functions as conditions, and the double calls them. The model
//! checker runs on them.

use std::time::Duration;

use jiff::Timestamp;

use super::change::{Change, Count};
use super::clock::{earlier, later};
use super::phase::{Operator, Phase};

/// Most by which the clocks of two execution environments may differ.
///
/// A probe's lease ends for others this much later than for its owner.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(1);

/// The shared state of a breaker: what its row holds.
///
/// The default is that of a breaker without a row: closed, and never changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BreakerState {
    /// Number of changes of the phase so far. Every change is conditional on it.
    pub number: u64,
    /// Phase.
    pub phase: Phase,
    /// Time of the last change.
    pub since: Option<Timestamp>,
    /// Why the last change took place.
    pub reason: String,
    /// Who made the last change, if an operator did, and the operator's note.
    pub operator: Option<Operator>,
    /// Token of the last change. That of a half-open breaker owns the probe.
    pub token: String,
    /// Calls that were counted since the last change.
    pub counts: Counts,
    /// Number of events that were stored about the breaker.
    pub events: u64,
}

/// Calls that were counted in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counts {
    /// Beginning of the window. `None`: nothing was counted since the last change.
    pub begun: Option<Timestamp>,
    /// Failures.
    pub failures: u64,
    /// Successes that environments reported together with failures.
    pub successes: u64,
    /// Failures since the last reported success.
    pub in_a_row: u64,
}

impl Counts {
    /// Returns whether the window has ended, or has not begun.
    pub(super) fn is_over(&self, now: Timestamp, window: Duration) -> bool {
        self.begun.is_none_or(|begun| begun <= earlier(now, window))
    }
}

/// What a state means for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The call may go through.
    Closed,
    /// The call is refused. It should come again after this time at the earliest.
    Refused(Duration),
    /// The call may become the probe.
    MayProbe,
}

impl BreakerState {
    /// Returns what the state means for a call at this time. The breaker stays open for
    /// `cool_down`.
    ///
    /// A call that is refused by an open breaker comes again when the cool-down is over. If a probe
    /// is on its way, it comes again after the cool-down that would follow a failed probe. So it is
    /// received once in a cool-down, however long the outage is.
    pub fn standing(&self, now: Timestamp, cool_down: Duration) -> Standing {
        match self.phase {
            Phase::Closed => Standing::Closed,
            Phase::Open { until } => match left(until, now) {
                Some(left) => Standing::Refused(left.min(cool_down)),
                None => Standing::MayProbe,
            },
            Phase::HalfOpen { lease_until } => {
                match left(later(lease_until, MAX_CLOCK_SKEW), now) {
                    Some(left) => Standing::Refused(left.saturating_add(cool_down)),
                    None => Standing::MayProbe,
                }
            }
        }
    }

    /// Counts calls. Returns `None` if the state does not take them: they began in another phase.
    pub fn counted(&self, count: &Count) -> Option<Self> {
        if self.phase != Phase::Closed || self.number != count.number {
            return None;
        }
        let mut state = self.clone();
        let counts = &mut state.counts;
        if counts.is_over(count.at, count.window) {
            *counts = Counts { begun: Some(count.at), ..Counts::default() };
        }
        counts.failures = counts.failures.saturating_add(count.failures);
        counts.in_a_row = match count.successes {
            0 => counts.in_a_row.saturating_add(count.in_a_row),
            _ => count.in_a_row,
        };
        counts.successes = counts.successes.saturating_add(count.successes);
        Some(state)
    }

    /// Changes the phase. Returns `None` if the change is refused: another one was faster.
    ///
    /// A change that took place before, with its answer lost, gives the same state again.
    pub fn changed(&self, change: &Change) -> Option<Self> {
        if self.is_after(change) {
            return Some(self.clone());
        }
        (self.number == change.number).then(|| Self::after(change, change.events))
    }

    /// Returns the state after a change. `events`: number of events that are stored by then.
    pub(super) fn after(change: &Change, events: u64) -> Self {
        Self {
            number: change.number.saturating_add(1),
            phase: change.to,
            since: Some(change.at),
            reason: change.reason.clone(),
            operator: change.operator.clone(),
            token: change.token.clone(),
            counts: Counts::default(),
            events,
        }
    }

    /// Returns the change of this state to a phase, at this time.
    ///
    /// `token` is a text that no other change has. In a half-open breaker it owns the probe.
    pub fn change(
        &self,
        to: Phase,
        at: Timestamp,
        token: impl Into<String>,
        reason: impl Into<String>,
    ) -> Change {
        Change {
            number: self.number,
            to,
            at,
            token: token.into(),
            reason: reason.into(),
            operator: None,
            events: self.events,
        }
    }

    /// Returns whether the state is the one to which this change led.
    pub(super) fn is_after(&self, change: &Change) -> bool {
        self.number == change.number.saturating_add(1) && self.token == change.token
    }
}

/// Returns the time until `end`, if it has not come.
fn left(end: Timestamp, now: Timestamp) -> Option<Duration> {
    let left = Duration::try_from(end.duration_since(now)).ok()?;
    (!left.is_zero()).then_some(left)
}
