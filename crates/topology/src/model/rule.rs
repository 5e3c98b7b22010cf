//! Rules of EventBridge buses.

use serde::Deserialize;

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
