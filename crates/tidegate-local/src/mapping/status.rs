//! Status of a mapping.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::destination::DeliveryFailures;
use crate::driver::LastError;
use crate::mapping::lane_status::LaneStatus;
use lambda_shapes::moment::Moment;

/// State and counts of a mapping since the engine started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingStatus {
    /// Name for people, such as `orders → order-processor`.
    pub name: String,
    /// Name of the function.
    pub function: String,
    /// Name of the stream, table or queue.
    pub source: String,
    /// `kinesis`, `dynamodb` or `sqs`.
    pub kind: &'static str,
    /// Checkpoint per shard; `None` before the first.
    pub positions: BTreeMap<String, Option<String>>,
    /// Records that were read and are not done.
    pub lag: u64,
    /// Distance of the slowest shard from the newest record in milliseconds, if the source reports
    /// it.
    pub millis_behind: Option<i64>,
    /// Age in milliseconds of the oldest record read and not done, if the records have a time.
    ///
    /// In a queue, failed messages that are hidden until their next attempt count, too.
    pub oldest_ms: Option<u64>,
    /// Invocations in flight.
    pub in_flight: u64,
    /// Invocations that failed or reported failed records.
    pub failures: u64,
    /// Invocations begun, including throttled ones.
    pub invocations: u64,
    /// Failed invocations after which records were delivered again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Records that were given up.
    pub discarded: u64,
    /// On-failure records that the destination refused for good.
    pub destination_failures: DeliveryFailures,
    /// Records that the filter rejected.
    pub filtered: u64,
    /// Records that the function handled.
    pub records_delivered: u64,
    /// The last failure of a poll, an invocation or a hand-over.
    pub last_error: Option<String>,
    /// When it happened, as RFC 3339.
    pub last_error_at: Option<String>,
    /// Lanes that have records and shards that are not read, at most ten per shard; in a queue, at
    /// most ten batches that wait after a throttle.
    pub lanes: Vec<LaneStatus>,
    /// Not a time: activity counter before the last empty poll; `None` while the mapping has work.
    pub idle_since: Option<u64>,
}

impl LastError for MappingStatus {
    fn last_error(&mut self) -> &mut Option<String> {
        &mut self.last_error
    }

    fn last_error_at(&mut self) -> &mut Option<String> {
        &mut self.last_error_at
    }
}

/// A running mapping.
pub type Mapping = crate::running::Running<MappingStatus>;

/// Returns how long ago this moment was, in milliseconds.
pub(super) fn age(oldest: Option<Moment>) -> Option<u64> {
    let age = Moment::from(Timestamp::now()).since(oldest?);
    Some(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}
