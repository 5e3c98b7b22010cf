//! Event source mappings.

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::destination::Destination;

/// An event source mapping: exactly one of stream, table and queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// A Kinesis stream.
    pub stream: Option<String>,
    /// A table whose DynamoDB stream is read.
    pub table: Option<String>,
    /// An SQS queue.
    pub queue: Option<String>,
    /// Most records in one batch; by default 10 of a queue and 100 of a stream.
    #[serde(default)]
    pub batch_size: u32,
    /// How long a batch is gathered, 0 to 300 seconds.
    #[serde(default)]
    pub batching_window_seconds: u32,
    /// Streams: length of the tumbling windows in which the function keeps a state, 1 to 900
    /// seconds; 0 is without.
    #[serde(default)]
    pub tumbling_window_seconds: u32,
    /// The function answers with partial responses.
    #[serde(default)]
    pub report_batch_item_failures: bool,
    /// Streams: where a new mapping starts.
    pub starting_position: Option<StartingPosition>,
    /// Kinesis at `AT_TIMESTAMP`: the moment at which a new mapping starts, as RFC 3339.
    #[serde(default, deserialize_with = "moment")]
    pub starting_position_timestamp: Option<Timestamp>,
    /// Streams: concurrent batches per shard, 1 to 10.
    pub parallelization_factor: Option<u32>,
    /// Streams: a failed batch is halved.
    #[serde(default)]
    pub bisect_on_error: bool,
    /// Streams: retries of a batch before it is given up; -1 is without limit.
    pub maximum_retry_attempts: Option<i32>,
    /// Streams: age of a record at which it is given up; -1 is without limit.
    pub maximum_record_age_seconds: Option<i32>,
    /// Age at which the function itself dead-letters a delivery that still fails, with its payload;
    /// streams need it.
    pub dead_letter_after_seconds: Option<u32>,
    /// Streams: where pointers to given-up batches go.
    pub on_failure: Option<Destination>,
    /// Queues: most concurrent batches, 2 to 1,000; needed there.
    pub maximum_concurrency: Option<u32>,
    /// Only records that one of these matches are delivered; without any, all are. What is not
    /// delivered is done with: a queue's message is
    /// deleted, a stream's record passed over.
    #[serde(default)]
    pub filter_criteria: Vec<Filter>,
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let moment = text.parse().map_err(|_| {
        D::Error::custom(format!("{text} is no moment; one such as 2026-01-31T12:00:00Z is needed"))
    })?;
    Ok(Some(moment))
}

/// One filter of an event source mapping.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The pattern of records that are delivered, in EventBridge's language: of `data` in a stream,
    /// of `dynamodb`, `eventName` and
    /// `userIdentity` in a table's stream, of `body` in a queue. It is JSON text, as Lambda takes
    /// it: Terraform's variables need one form
    /// for the sources of all functions.
    pub pattern: String,
}

/// Where a new stream mapping starts reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// The oldest record that can be read.
    TrimHorizon,
    /// Records written from now on.
    Latest,
    /// Records written at a moment or later; Kinesis alone.
    AtTimestamp,
}
