//! Event source mappings.

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::destination::Destination;

/// An event source mapping. It reads exactly one of stream, table and queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// A Kinesis stream.
    pub stream: Option<String>,
    /// A table whose DynamoDB stream is read.
    pub table: Option<String>,
    /// An SQS queue.
    pub queue: Option<String>,
    /// Most records in one batch; by default 10 for a queue and 100 for a stream.
    #[serde(default)]
    pub batch_size: u32,
    /// Batching window in seconds, 0 to 300.
    #[serde(default)]
    pub batching_window_seconds: u32,
    /// Streams: length of the tumbling windows in seconds, 1 to 900. 0 means no windows.
    #[serde(default)]
    pub tumbling_window_seconds: u32,
    /// The function answers with partial batch responses.
    #[serde(default)]
    pub report_batch_item_failures: bool,
    /// Streams: position at which a new mapping starts.
    pub starting_position: Option<StartingPosition>,
    /// Kinesis with `AT_TIMESTAMP`: time at which a new mapping starts, in RFC 3339.
    #[serde(default, deserialize_with = "moment")]
    pub starting_position_timestamp: Option<Timestamp>,
    /// Streams: concurrent batches per shard, 1 to 10.
    pub parallelization_factor: Option<u32>,
    /// Streams: splits a failed batch into halves.
    #[serde(default)]
    pub bisect_on_error: bool,
    /// Streams: retries of a batch before it is discarded. -1 means no limit.
    pub maximum_retry_attempts: Option<i32>,
    /// Streams: age in seconds at which a record is discarded. -1 means no limit.
    pub maximum_record_age_seconds: Option<i32>,
    /// Age in seconds at which the function itself dead-letters a delivery that still fails, with
    /// its payload.
    ///
    /// Streams need it.
    pub dead_letter_after_seconds: Option<u32>,
    /// Streams: destination of the pointers to discarded batches.
    pub on_failure: Option<Destination>,
    /// Queues: most concurrent batches, 2 to 1,000; required.
    pub maximum_concurrency: Option<u32>,
    /// Filters of which a record must match at least one to be delivered. Without filters, all
    /// records are delivered.
    ///
    /// A queue's message that matches none is deleted. A stream's record that matches none is
    /// skipped.
    #[serde(default)]
    pub filter_criteria: Vec<Filter>,
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let moment = text.parse().map_err(|_| {
        D::Error::custom(format!("{text} is not a time; use one such as 2026-01-31T12:00:00Z"))
    })?;
    Ok(Some(moment))
}

/// One filter of an event source mapping.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Pattern of the delivered records, in EventBridge's language.
    ///
    /// It matches `data` in a stream, `body` in a queue, and `dynamodb`, `eventName` and
    /// `userIdentity` in a table's stream. It is JSON text, as in Lambda's API, because Terraform's
    /// variables need one type for the sources of all functions.
    pub pattern: String,
}

/// Position at which a new stream mapping starts to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// The oldest record that can be read.
    TrimHorizon,
    /// Records written from now on.
    Latest,
    /// Records written at a given time or later; Kinesis only.
    AtTimestamp,
}
