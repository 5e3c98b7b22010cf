//! What is asked of a breaker's row: to count calls, and to change the phase.

use std::time::Duration;

use jiff::Timestamp;

use super::phase::{Operator, Phase};

/// Calls to be counted in the row of a closed breaker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Count {
    /// Number of the state in which the calls began. Another state does not count them.
    pub number: u64,
    /// Failures.
    pub failures: u64,
    /// Successes.
    pub successes: u64,
    /// Failures since the last success.
    pub in_a_row: u64,
    /// Time of the report. A window that is over by then gives way to a new one.
    pub at: Timestamp,
    /// Length of a window.
    pub window: Duration,
}

/// A change of the phase, conditional on the state from which it starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Change {
    /// Number of the state that is changed.
    pub number: u64,
    /// New phase.
    pub to: Phase,
    /// Time of the change.
    pub at: Timestamp,
    /// Text that no other change has, by which the writer recognises its own write.
    pub token: String,
    /// Why.
    pub reason: String,
    /// Operator, if one makes the change.
    pub operator: Option<Operator>,
    /// Number of events that were stored about the breaker before.
    pub events: u64,
}

impl Change {
    /// Sets the operator who makes the change.
    #[must_use]
    pub fn by(self, operator: Operator) -> Self {
        Self { operator: Some(operator), ..self }
    }
}
