//! What a bus says about itself.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::destination::DeliveryFailures;
use crate::driver::LastError;
use crate::running::Running;

/// State and counts of a bus since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BusStatus {
    /// Its declared name.
    pub bus: String,
    /// Events that some target does not have yet.
    pub waiting: u64,
    /// Events that came.
    pub events: u64,
    /// Events that no rule matched.
    pub unmatched: u64,
    /// Its rules.
    pub rules: BTreeMap<String, RuleStatus>,
    /// Events that neither a target has nor its dead-letter queue.
    pub destination_failures: DeliveryFailures,
    /// The last failure of a poll or a hand-over.
    pub last_error: Option<String>,
    /// The activity counter before a poll that found nothing while nothing was going on here; none
    /// while there is.
    pub idle_since: Option<u64>,
}

impl LastError for BusStatus {
    fn last_error(&mut self) -> &mut Option<String> {
        &mut self.last_error
    }
}

/// A running bus. Events that some target does not have when it ends become visible in its queue
/// again.
pub type BusRouter = Running<BusStatus>;

/// Counts of a rule since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleStatus {
    /// Events it matched.
    pub matched: u64,
    /// Events its target does not have yet.
    pub waiting: u64,
    /// Those of them of which a try has failed.
    pub failing: u64,
    /// Events its target has.
    pub handed_over: u64,
    /// Tries after a failed one.
    pub retries: u64,
    /// Events given up: to the dead-letter queue of its target, if it has one that takes them.
    pub failed: u64,
    /// Why the last try that failed did.
    pub last_error: Option<String>,
}
