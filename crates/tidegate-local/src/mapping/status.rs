//! What a mapping says about itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::destination::DeliveryFailures;
use crate::driver::LastError;
use lambda_shapes::moment::Moment;

/// State and counts of a mapping since the engine started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingStatus {
    /// For people: `orders → order-processor`.
    pub name: String,
    /// The function.
    pub function: String,
    /// The stream, table or queue.
    pub source: String,
    /// `kinesis`, `dynamodb` or `sqs`.
    pub kind: &'static str,
    /// Checkpoint per shard, where something is done.
    pub positions: BTreeMap<String, Option<String>>,
    /// Records read and not done.
    pub lag: u64,
    /// How far behind the newest record the slowest shard is read, where the source says so.
    pub millis_behind: Option<i64>,
    /// Age in milliseconds of the oldest record read and not done, where the source's records say
    /// when they were written. In a queue those count that have failed and are hidden until they
    /// come again.
    pub oldest_ms: Option<u64>,
    /// Invocations going on.
    pub in_flight: u64,
    /// Invocations that failed, or reported failed records.
    pub failures: u64,
    /// Invocations begun, throttled ones included.
    pub invocations: u64,
    /// Failed invocations after which records were delivered again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Records given up.
    pub discarded: u64,
    /// On-failure records that the destination refused for good.
    pub destination_failures: DeliveryFailures,
    /// Records that no filter let pass.
    pub filtered: u64,
    /// Records the function is done with.
    pub records_delivered: u64,
    /// The last failure of a poll, an invocation or a hand-over.
    pub last_error: Option<String>,
    /// The activity counter before a poll that found nothing while nothing was going on here; none
    /// while there is.
    pub idle_since: Option<u64>,
}

impl LastError for MappingStatus {
    fn last_error(&mut self) -> &mut Option<String> {
        &mut self.last_error
    }
}

/// A running mapping.
pub type Mapping = crate::running::Running<MappingStatus>;

/// How long ago that was, in milliseconds.
pub(super) fn age(oldest: Option<Moment>) -> Option<u64> {
    let age = Moment::from(Timestamp::now()).since(oldest?);
    Some(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}
