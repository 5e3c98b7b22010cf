//! What has been created, and how it is reached.

use std::collections::BTreeMap;

/// An Amazon resource name.
pub type Arn = String;

/// What has been created, by declared name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// Kinesis streams.
    pub streams: BTreeMap<String, Arn>,
    /// DynamoDB tables.
    pub tables: BTreeMap<String, ProvisionedTable>,
    /// SQS queues.
    pub queues: BTreeMap<String, ProvisionedQueue>,
    /// The engine's own queues, each of which gets every event of a bus that has rules, by the bus.
    pub bus_queues: BTreeMap<String, ProvisionedQueue>,
    /// The engine's own queues behind Invoke, of the functions that are a destination, by the function's name.
    pub destination_queues: BTreeMap<String, ProvisionedQueue>,
    /// SNS topics.
    pub topics: BTreeMap<String, Arn>,
    /// EventBridge buses.
    pub buses: BTreeMap<String, Arn>,
}

/// A created table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionedTable {
    /// The table.
    pub arn: Arn,
    /// Its stream, if it declares one.
    pub stream_arn: Option<Arn>,
}

/// A created queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionedQueue {
    /// What SQS calls take.
    pub url: String,
    /// What others name it by.
    pub arn: Arn,
}
