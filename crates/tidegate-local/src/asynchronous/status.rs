//! What the asynchronous invocation of a function says about itself.

use serde::Serialize;

use crate::destination::DeliveryFailures;
use crate::driver::LastError;
use crate::running::Running;

/// State and counts of a function's asynchronous invocations since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AsynchronousStatus {
    /// The function.
    pub function: String,
    /// The rules with this target; Invoke is not among them.
    pub rules: Vec<String>,
    /// Events that wait for an attempt, or the record of whose end is on its way.
    pub waiting: u64,
    /// Invocations going on.
    pub in_flight: u64,
    /// Function errors after which an event is tried again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Events given up.
    pub failed: u64,
    /// Events the function is done with.
    pub delivered: u64,
    /// Those of them whose record goes to an on-success destination.
    pub told: u64,
    /// Records that a destination refused for good.
    pub destination_failures: DeliveryFailures,
    /// The last failure of a poll, an invocation or a hand-over.
    pub last_error: Option<String>,
    /// The activity counter before polls that found nothing while nothing was going on here; none
    /// while there is.
    pub idle_since: Option<u64>,
}

impl LastError for AsynchronousStatus {
    fn last_error(&mut self) -> &mut Option<String> {
        &mut self.last_error
    }
}

/// A running asynchronous queue. Events that are unfinished when it ends become visible in their
/// queue again.
pub type AsynchronousQueue = Running<AsynchronousStatus>;
