//! What is declared beside functions and rules: streams, tables, queues, topics, buckets, buses.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A Kinesis stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Number of shards, 1 by default.
    #[serde(default = "one")]
    pub shards: u32,
    /// Hours for which a record can be read, 24 to 8,760; 24 by default.
    #[serde(default = "default_retention_hours")]
    pub retention_hours: u32,
}

fn one() -> u32 {
    1
}

fn default_retention_hours() -> u32 {
    24
}

/// A DynamoDB table with on-demand capacity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Partition key.
    pub partition_key: Key,
    /// Sort key.
    pub sort_key: Option<Key>,
    /// Content of the records of the table's stream. Without it the table has no stream.
    pub stream_view: Option<StreamView>,
    /// Attribute that holds the time to live.
    pub ttl_attribute: Option<String>,
    /// For a table of idempotency records: days for which they are kept, 15 to 3,650.
    pub record_retention_days: Option<u32>,
    /// For a table of snapshots: days for which they remember the causes of commits, 15 to 3,650.
    pub cause_retention_days: Option<u32>,
    /// For an event store: the format in which functions write commits, 1 or 2. Without it they
    /// write the newest that they know.
    pub commit_format: Option<u32>,
    /// Global secondary indexes by name.
    #[serde(default)]
    pub indexes: BTreeMap<String, Index>,
}

/// A global secondary index of a table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Partition key.
    pub partition_key: Key,
    /// Sort key.
    pub sort_key: Option<Key>,
    /// Attributes that the index has; all by default.
    #[serde(default)]
    pub projection: IndexProjection,
    /// With the projection `INCLUDE`: attributes besides the keys.
    #[serde(default)]
    pub attributes: Vec<String>,
}

/// Attributes that an index has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IndexProjection {
    /// All attributes.
    #[default]
    All,
    /// The keys of the table and of the index.
    KeysOnly,
    /// The keys, and attributes that are named.
    Include,
}

/// A key attribute of a table or an index.
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

/// Content of the records of a table's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamView {
    /// The keys only.
    KeysOnly,
    /// The item after the write.
    NewImage,
    /// The item before the write.
    OldImage,
    /// The item before and after the write.
    NewAndOldImages,
}

/// An SQS queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Seconds for which a message is kept, 60 to 1,209,600; four days by default.
    #[serde(default = "default_message_retention")]
    pub retention_seconds: u32,
    /// Makes it a FIFO queue, ordered within a message group. Its physical name ends in `.fifo`.
    #[serde(default)]
    pub fifo: bool,
    /// Seconds for which a received message stays hidden.
    ///
    /// AWS recommends six times the timeout of a function that reads the queue, plus its batching
    /// window. Less is a warning.
    #[serde(default = "default_visibility")]
    pub visibility_timeout_seconds: u32,
    /// Dead-letter queue for messages that were received too often.
    pub redrive: Option<Redrive>,
    /// Whether operators send messages to it by hand, as they do to the queue of a process.
    #[serde(default)]
    pub operators_send: bool,
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
    /// Receives after which a message is moved.
    pub maximum_receives: u32,
}

/// An SNS topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Makes it a FIFO topic, ordered within a message group. Its physical name ends in `.fifo`.
    #[serde(default)]
    pub fifo: bool,
    /// FIFO topics: messages with the same content within five minutes count as one.
    #[serde(default)]
    pub content_based_deduplication: bool,
}

/// An S3 bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Days after which objects expire. 0, the default, keeps them.
    #[serde(default)]
    pub expiration_days: u32,
}

/// An EventBridge bus.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// Days for which the archive keeps events. 0, the default, means no archive.
    #[serde(default)]
    pub archive_days: u32,
}
