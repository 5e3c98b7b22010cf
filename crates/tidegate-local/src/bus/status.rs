//! Status of a bus.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::destination::DeliveryFailures;
use crate::driver::LastError;
use crate::running::Running;

/// State and counts of a bus since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BusStatus {
    /// Declared name.
    pub bus: String,
    /// Events that are not yet handed to every target.
    pub waiting: u64,
    /// Events that the bus received.
    pub events: u64,
    /// Events that no rule matched.
    pub unmatched: u64,
    /// Counts of the rules, by name.
    pub rules: BTreeMap<String, RuleStatus>,
    /// Lost events: neither the target nor its dead-letter queue accepted them.
    pub destination_failures: DeliveryFailures,
    /// The last failure of a poll or a hand-over.
    pub last_error: Option<String>,
    /// When it happened, as RFC 3339.
    pub last_error_at: Option<String>,
    /// Activity counter before the last empty poll; `None` while the bus has work.
    pub idle_since: Option<u64>,
}

impl LastError for BusStatus {
    fn last_error(&mut self) -> &mut Option<String> {
        &mut self.last_error
    }

    fn last_error_at(&mut self) -> &mut Option<String> {
        &mut self.last_error_at
    }
}

/// A running bus.
///
/// When it ends, events that some target does not have become visible in its queue again.
pub type BusRouter = Running<BusStatus>;

/// Counts of a rule since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleStatus {
    /// Events that the rule matched.
    pub matched: u64,
    /// Events that the target does not have yet.
    pub waiting: u64,
    /// Those of them with a failed try.
    pub failing: u64,
    /// Events that the target received.
    pub handed_over: u64,
    /// Tries after a failed one.
    pub retries: u64,
    /// Events that were given up, and sent to the target's dead-letter queue if it has one.
    pub failed: u64,
    /// Why the last failed try failed.
    pub last_error: Option<String>,
    /// When it failed, as RFC 3339.
    pub last_error_at: Option<String>,
}
