//! Rules of EventBridge buses.

use serde::Deserialize;

/// An EventBridge rule with its one target.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Bus whose events the rule matches.
    pub bus: String,
    /// Event pattern in EventBridge's language.
    pub pattern: serde_json::Value,
    /// Target of matching events.
    pub target: Target,
}

/// Target of a rule: a function, which is invoked asynchronously, or a queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The function to invoke.
    pub function: Option<String>,
    /// The queue to send to.
    pub queue: Option<String>,
    /// Message group of events sent to the queue. A FIFO queue needs one.
    pub message_group_id: Option<String>,
    /// Queue for events that could not be delivered.
    pub dead_letter_queue: Option<String>,
    /// Retries of the delivery, 0 to 185; 185 by default.
    #[serde(default = "default_rule_attempts")]
    pub maximum_retry_attempts: u32,
    /// Seconds for which the delivery is retried, 60 to 86,400; 86,400 by default.
    #[serde(default = "default_rule_age")]
    pub maximum_event_age_seconds: u32,
}

fn default_rule_attempts() -> u32 {
    185
}

fn default_rule_age() -> u32 {
    86_400
}
