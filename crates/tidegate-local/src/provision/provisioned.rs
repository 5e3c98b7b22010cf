//! The created resources, with their names for AWS calls.

use std::collections::BTreeMap;

use super::statements::Statements;

/// An Amazon Resource Name.
pub type Arn = String;

/// Resources that were created, by declared name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// Kinesis streams.
    pub streams: BTreeMap<String, Arn>,
    /// DynamoDB tables.
    pub tables: BTreeMap<String, ProvisionedTable>,
    /// SQS queues.
    pub queues: BTreeMap<String, ProvisionedQueue>,
    /// The engine's own queues that receive every event of a bus with rules, by bus.
    pub bus_queues: BTreeMap<String, ProvisionedQueue>,
    /// The engine's own queues of asynchronous invocation for functions that are a destination, by
    /// function.
    pub destination_queues: BTreeMap<String, ProvisionedQueue>,
    /// SNS topics.
    pub topics: BTreeMap<String, Arn>,
    /// The engine's own queues that receive every message of a topic with subscriptions, by topic.
    pub topic_queues: BTreeMap<String, ProvisionedQueue>,
    /// EventBridge buses.
    pub buses: BTreeMap<String, Arn>,
    /// How functions send conditional writes to the tables. `None` if no function does, or if it
    /// was not asked.
    pub statements: Option<Statements>,
}

/// A created table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionedTable {
    /// ARN of the table.
    pub arn: Arn,
    /// ARN of its stream, if it declares one.
    pub stream_arn: Option<Arn>,
}

/// A created queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionedQueue {
    /// URL, by which SQS calls name it.
    pub url: String,
    /// ARN, by which other resources name it.
    pub arn: Arn,
}

impl ProvisionedQueue {
    /// Returns the queue's name in SQS.
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }
}
