//! Rules of EventBridge buses.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An EventBridge rule with its targets.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Bus whose events the rule matches.
    pub bus: String,
    /// Event pattern in EventBridge's language.
    pub pattern: serde_json::Value,
    /// The only target of matching events. Exactly one of this and `targets` is set.
    pub target: Option<Target>,
    /// Several targets of matching events, by name; at most five.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
}

/// Target of a rule, with what it gets of an event.
///
/// Exactly one of function, queue, stream, topic and bus is set. At most one of the three inputs is
/// set; without one, the target gets the event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The function to invoke, asynchronously.
    pub function: Option<String>,
    /// The queue to send to.
    pub queue: Option<String>,
    /// The Kinesis stream to put records on.
    pub stream: Option<String>,
    /// The SNS topic to publish to.
    pub topic: Option<String>,
    /// The bus to put the event on.
    pub bus: Option<String>,
    /// Message group of events sent to the queue. A FIFO queue needs one.
    pub message_group_id: Option<String>,
    /// JSON path of the partition key in the event, for a stream. The event's id by default.
    pub partition_key_path: Option<String>,
    /// Constant that the target gets in place of the event.
    pub input: Option<serde_json::Value>,
    /// JSON path of the part of the event that the target gets.
    pub input_path: Option<String>,
    /// Template from which the target's input is made.
    pub input_transformer: Option<InputTransformer>,
    /// Queue for events that could not be delivered.
    pub dead_letter_queue: Option<String>,
    /// Retries of the delivery, 0 to 185; 185 by default.
    #[serde(default = "default_rule_attempts")]
    pub maximum_retry_attempts: u32,
    /// Seconds for which the delivery is retried, 60 to 86,400; 86,400 by default.
    #[serde(default = "default_rule_age")]
    pub maximum_event_age_seconds: u32,
}

/// What a target gets, as a template with values of the event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputTransformer {
    /// JSON path of each variable of the template; at most 100.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// The template, with variables as `<name>`.
    pub template: String,
}

fn default_rule_attempts() -> u32 {
    185
}

fn default_rule_age() -> u32 {
    86_400
}
