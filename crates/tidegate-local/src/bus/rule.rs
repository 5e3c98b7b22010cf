//! A rule with its target.

use std::time::Duration;

use topology::pattern::Pattern;

/// A rule of a bus.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its declared name.
    pub name: String,
    /// Its ARN, as dead letters say it.
    pub arn: String,
    /// Which events it means.
    pub pattern: Pattern,
    /// Where they go.
    pub target: Target,
    /// The message group of what goes to a queue.
    pub message_group_id: Option<String>,
    /// ARN of the target, as dead letters say it.
    pub target_arn: String,
    /// URL of the queue for what could not be handed over.
    pub dead_letters: Option<String>,
    /// How long a hand-over is tried.
    pub retries: Retries,
}

/// The target of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A function, by its declared name: it is invoked asynchronously.
    Function(String),
    /// A queue, by its URL: it gets the event as a message.
    Queue(String),
}

/// How long a hand-over that fails is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Tries after the first.
    pub maximum_attempts: u32,
    /// Age of the event after which it is not tried again.
    pub maximum_age: Duration,
}
