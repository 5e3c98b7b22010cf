//! Rules of a bus and their targets.

use std::time::Duration;

use topology::pattern::Pattern;

/// A rule of a bus.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Declared name.
    pub name: String,
    /// ARN of the rule, as dead letters name it.
    pub arn: String,
    /// Pattern of the events that the rule matches.
    pub pattern: Pattern,
    /// Target of matching events.
    pub target: Target,
    /// Message group of events that go to a FIFO queue.
    pub message_group_id: Option<String>,
    /// ARN of the target, as dead letters name it.
    pub target_arn: String,
    /// URL of the target's dead-letter queue.
    pub dead_letters: Option<String>,
    /// Retry policy of the target.
    pub retries: Retries,
}

/// The target of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A function, by its declared name. It is invoked asynchronously.
    Function(String),
    /// A queue, by its URL. It gets the event as a message.
    Queue(String),
}

/// Limits of the tries of a hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Tries after the first.
    pub maximum_attempts: u32,
    /// Age of the event after which it is not tried again.
    pub maximum_age: Duration,
}
