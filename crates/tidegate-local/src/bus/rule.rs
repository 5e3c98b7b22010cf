//! Rules of a bus and their targets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::archive::Archive;
use crate::wake::Wake;
use topology::input::{Input, JsonPath};
use topology::pattern::Pattern;

/// A rule of a bus with one of its targets. A rule with several targets is several of these, so
/// that each hand-over has tries and a dead letter of its own.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Name that is unique on the bus: `RULE`, or `RULE/TARGET` for one of several targets.
    pub name: String,
    /// Name of the rule.
    pub rule: String,
    /// ARN of the rule, as dead letters name it.
    pub arn: String,
    /// Pattern of the events that the rule matches.
    pub pattern: Pattern,
    /// What the target gets of an event.
    pub input: Input,
    /// Target of matching events.
    pub target: Target,
    /// ARN of the target, as dead letters name it.
    pub target_arn: String,
    /// URL of the target's dead-letter queue.
    pub dead_letters: Option<String>,
    /// Retry policy of the target.
    pub retries: Retries,
}

/// The target of a rule.
#[derive(Clone, Debug)]
pub enum Target {
    /// A function, by its declared name. It is invoked asynchronously.
    Function(String),
    /// A queue, which gets the input as a message.
    Queue {
        /// URL of the queue.
        url: String,
        /// Message group, which a FIFO queue needs.
        group: Option<String>,
    },
    /// A Kinesis stream, which gets the input as a record.
    Stream {
        /// ARN of the stream.
        arn: String,
        /// Path of the partition key in the event; the event's id without one.
        partition_key: Option<JsonPath>,
    },
    /// An SNS topic, by its ARN. It gets the input as a message.
    Topic(String),
    /// Another bus, which gets the event itself.
    Bus(OtherBus),
    /// The archive of the bus. EventBridge, too, archives by a rule of its own.
    Archive(Arc<Archive>),
}

/// A bus that is the target of a rule.
#[derive(Clone)]
pub struct OtherBus {
    /// Declared name.
    pub name: String,
    /// URL of the engine's own queue of that bus. `None` if nothing reads that bus, so that it
    /// takes every event and does nothing with it.
    pub queue_url: Option<String>,
    /// Wakes the router of that bus.
    pub wake: Arc<Wake>,
}

impl fmt::Debug for OtherBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherBus").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Limits of the tries of a hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Tries after the first.
    pub maximum_attempts: u32,
    /// Age of the event after which it is not tried again.
    pub maximum_age: Duration,
}
