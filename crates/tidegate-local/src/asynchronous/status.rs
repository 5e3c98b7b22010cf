//! Status of a function's asynchronous invocations.

use serde::Serialize;

use crate::destination::DeliveryFailures;
use crate::driver::LastError;
use crate::running::Running;

/// State and counts of a function's asynchronous invocations since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AsynchronousStatus {
    /// Name of the function.
    pub function: String,
    /// Names of the rules with this target. Events of Invoke have no rule.
    pub rules: Vec<String>,
    /// Events that wait for an attempt, and events whose record has not arrived yet.
    pub waiting: u64,
    /// Invocations in flight.
    pub in_flight: u64,
    /// Function errors after which an event is tried again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Events that were given up.
    pub failed: u64,
    /// Events that the function handled.
    pub delivered: u64,
    /// Those of them with a record for the on-success destination.
    pub told: u64,
    /// Records that a destination refused for good.
    pub destination_failures: DeliveryFailures,
    /// The last failure of a poll, an invocation or a hand-over.
    pub last_error: Option<String>,
    /// When it happened, as RFC 3339.
    pub last_error_at: Option<String>,
    /// Activity counter before the last empty poll; `None` while an event is in work.
    pub idle_since: Option<u64>,
}

impl LastError for AsynchronousStatus {
    fn last_error(&mut self) -> &mut Option<String> {
        &mut self.last_error
    }

    fn last_error_at(&mut self) -> &mut Option<String> {
        &mut self.last_error_at
    }
}

/// A running asynchronous queue.
///
/// When it ends, its unfinished events become visible in their queue again.
pub type AsynchronousQueue = Running<AsynchronousStatus>;
