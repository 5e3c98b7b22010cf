//! What the topology file declares, as types.
//!
//! Names are logical: `event-store`, not `dev-event-store`. The field names are the file's own, and Terraform's
//! variables have the same shape.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The declared system.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Whose rules are checked beside AWS's; without it [`Topology::profile`] finds out.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// Largest message of a queue, in bytes, 262,144 by default. An event that does not fit into one travels as a reference instead of by value.
    #[serde(default = "default_event_bytes")]
    pub event_bytes_limit: u64,
    /// Namespace in CloudWatch of the metrics that the functions write; without one they write none.
    #[serde(default)]
    pub metrics_namespace: Option<String>,
    /// Kinesis streams by name.
    #[serde(default)]
    pub streams: BTreeMap<String, Stream>,
    /// DynamoDB tables by name.
    #[serde(default)]
    pub tables: BTreeMap<String, Table>,
    /// SQS queues by name.
    #[serde(default)]
    pub queues: BTreeMap<String, Queue>,
    /// SNS topics by name.
    #[serde(default)]
    pub topics: BTreeMap<String, Topic>,
    /// S3 buckets by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, Bucket>,
    /// EventBridge buses by name.
    #[serde(default)]
    pub buses: BTreeMap<String, Bus>,
    /// EventBridge rules by name.
    #[serde(default)]
    pub rules: BTreeMap<String, Rule>,
    /// Lambda functions by name; the name is also the binary's and the folder's, unless it declares a command.
    #[serde(default)]
    pub functions: BTreeMap<String, Function>,
}

/// Whose rules a topology keeps beside AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// This project's: those of its toolkit, its commands and its Terraform.
    Tidegate,
    /// Nobody's: AWS's rules are errors, and what loses events is a warning.
    Aws,
}

pub(super) fn default_event_bytes() -> u64 {
    262_144
}

/// A Kinesis stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Number of shards, 1 by default.
    #[serde(default = "one")]
    pub shards: u32,
    /// How long a record can be read, 24 to 8,760 hours; 24 by default.
    #[serde(default = "default_retention_hours")]
    pub retention_hours: u32,
}

fn one() -> u32 {
    1
}

fn default_retention_hours() -> u32 {
    24
}

/// A DynamoDB table, on demand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Partition key.
    pub partition_key: Key,
    /// Sort key.
    pub sort_key: Option<Key>,
    /// The table's stream and what its records carry; none by default.
    pub stream_view: Option<StreamView>,
    /// The attribute that holds the time to live.
    pub ttl_attribute: Option<String>,
    /// Idempotency records: how long it is known that an effect took place, 15 to 3,650 days.
    pub record_retention_days: Option<u32>,
    /// For a table of snapshots: for how many days they remember the causes of commits, 15 to
    /// 3,650.
    pub cause_retention_days: Option<u32>,
}

/// A key attribute of a table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Attribute name.
    pub name: String,
    /// Attribute type.
    #[serde(rename = "type")]
    pub kind: KeyType,
}

/// Type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum KeyType {
    /// String.
    S,
    /// Number.
    N,
    /// Binary.
    B,
}

/// What the records of a table's stream carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamView {
    /// The keys only.
    KeysOnly,
    /// The item after the write.
    NewImage,
    /// The item before the write.
    OldImage,
    /// Both.
    NewAndOldImages,
}

/// An SQS queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// How long a message is kept, 60 to 1,209,600 seconds; four days by default.
    #[serde(default = "default_message_retention")]
    pub retention_seconds: u32,
    /// First in, first out within a message group. The physical name then ends in `.fifo`.
    #[serde(default)]
    pub fifo: bool,
    /// How long a received message stays hidden; at least six times the timeout of a function that consumes it.
    #[serde(default = "default_visibility")]
    pub visibility_timeout_seconds: u32,
    /// Where a message goes that was received too often.
    pub redrive: Option<Redrive>,
}

fn default_message_retention() -> u32 {
    345_600
}

fn default_visibility() -> u32 {
    30
}

/// Redrive policy of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redrive {
    /// The dead-letter queue's name.
    pub queue: String,
    /// After how many receives.
    pub maximum_receives: u32,
}

/// A standard SNS topic. Who subscribes to it is not declared.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {}

/// An S3 bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Days after which objects expire; 0, which is the default, keeps them.
    #[serde(default)]
    pub expiration_days: u32,
}

/// An EventBridge bus.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// How long the archive keeps events; 0 means no archive.
    #[serde(default)]
    pub archive_days: u32,
}

/// An EventBridge rule with its one target.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The bus it listens on.
    pub bus: String,
    /// The event pattern, in EventBridge's own language.
    pub pattern: serde_json::Value,
    /// Where matching events go.
    pub target: Target,
}

/// Target of a rule: a function (asynchronous invocation) or a queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The function to invoke.
    pub function: Option<String>,
    /// The queue to send to.
    pub queue: Option<String>,
    /// The message group of what is sent to the queue; a FIFO queue needs one.
    pub message_group_id: Option<String>,
    /// Where events go that could not be handed over.
    pub dead_letter_queue: Option<String>,
    /// How often the hand-over is retried, at most 185 times, which is the default.
    #[serde(default = "default_rule_attempts")]
    pub maximum_retry_attempts: u32,
    /// How long it is retried, 60 to 86,400 seconds, which is the default.
    #[serde(default = "default_rule_age")]
    pub maximum_event_age_seconds: u32,
}

fn default_rule_attempts() -> u32 {
    185
}

fn default_rule_age() -> u32 {
    86_400
}

/// A Lambda function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Memory in MB, 128 by default.
    #[serde(default = "default_memory")]
    pub memory_mb: u32,
    /// Timeout of one invocation, 1 to 900 seconds; 3 by default.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u32,
    /// Most execution environments at a time on one machine, and the reserved concurrency where that is switched on; 10 by default, which is what a
    /// new account has in all.
    #[serde(default = "default_concurrency")]
    pub maximum_concurrency: u32,
    /// Environments that are reserved for it, which also limits it, whether or not reserving is switched on; 0 switches the function off: whatever is
    /// invoked is throttled.
    pub reserved_concurrency: Option<u32>,
    /// Program and arguments that run the function, in any language that speaks the Runtime API. Without it the function is a Rust binary of its
    /// name. For the local engine only: Terraform refuses it, since it deploys binaries.
    pub command: Option<Vec<String>>,
    /// Where the command runs, relative to the folder of the topology file, which it is by default.
    pub directory: Option<PathBuf>,
    /// What the function may touch, by the environment variable that tells it the physical name.
    #[serde(default)]
    pub uses: BTreeMap<String, Use>,
    /// Further environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Event source mappings by name.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    /// How asynchronous invocations are retried and given up.
    pub asynchronous: Option<Asynchronous>,
}

fn default_memory() -> u32 {
    128
}

fn default_timeout() -> u32 {
    3
}

fn default_concurrency() -> u32 {
    10
}

/// One declared use: exactly one resource, and how it is accessed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// A table; the variable holds its name.
    pub table: Option<String>,
    /// A queue; the variable holds its URL.
    pub queue: Option<String>,
    /// A bucket; the variable holds its name.
    pub bucket: Option<String>,
    /// A bus; the variable holds its name.
    pub bus: Option<String>,
    /// A stream; the variable holds its name.
    pub stream: Option<String>,
    /// A sender address at SES; the variable holds it.
    pub email: Option<String>,
    /// How it is accessed.
    pub access: Access,
}

/// How a function accesses a resource; IAM statements are derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reads only.
    Read,
    /// Tables: reads, and puts items; nothing is updated or deleted.
    Append,
    /// Writes only.
    Write,
    /// Both.
    ReadWrite,
}

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
    /// Streams: length of the tumbling windows in which the function keeps a state, 1 to 900 seconds; 0 is without.
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
    /// Age at which the function itself dead-letters a delivery that still fails, with its payload; streams need it.
    pub dead_letter_after_seconds: Option<u32>,
    /// Streams: where pointers to given-up batches go.
    pub on_failure: Option<Destination>,
    /// Queues: most concurrent batches, 2 to 1,000; needed there.
    pub maximum_concurrency: Option<u32>,
    /// Only records that one of these matches are delivered; without any, all are. What is not delivered is done with: a queue's message is
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
    /// The pattern of records that are delivered, in EventBridge's language: of `data` in a stream, of `dynamodb`, `eventName` and
    /// `userIdentity` in a table's stream, of `body` in a queue. It is JSON text, as Lambda takes it: Terraform's variables need one form
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

/// Asynchronous invocation of a function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asynchronous {
    /// Retries after a function error, 0 to 2, which is the default.
    #[serde(default = "default_retries")]
    pub maximum_retry_attempts: u32,
    /// How long an event is kept, 60 to 21,600 seconds, which is the default.
    #[serde(default = "default_event_age")]
    pub maximum_event_age_seconds: u32,
    /// Where events go that were given up; without it they are lost.
    pub on_failure: Option<Destination>,
    /// Where a record of each event goes that the function is done with, its answer included.
    pub on_success: Option<Destination>,
}

fn default_retries() -> u32 {
    2
}

fn default_event_age() -> u32 {
    21_600
}

/// A destination: exactly one. A stream mapping has queue, topic or bucket; what an event's success is told to is no bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// A standard queue.
    pub queue: Option<String>,
    /// A topic.
    pub topic: Option<String>,
    /// A bucket, which alone keeps the events of a stream that were given up. For failures only.
    pub bucket: Option<String>,
    /// A function, which is invoked asynchronously with the record.
    pub function: Option<String>,
    /// A bus, which gets an event with the record as its detail.
    pub bus: Option<String>,
}
