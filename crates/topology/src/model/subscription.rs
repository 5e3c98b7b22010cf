//! Subscriptions of SNS topics.

use serde::Deserialize;

/// A subscription of a topic: messages go to a queue, or to a function.
///
/// Exactly one of queue and function is set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Topic whose messages are delivered.
    pub topic: String,
    /// The queue to send to.
    pub queue: Option<String>,
    /// The function to invoke asynchronously.
    pub function: Option<String>,
    /// Filter policy in SNS's language. Without it every message is delivered.
    pub filter_policy: Option<serde_json::Value>,
    /// What the filter policy is compared with; the message attributes by default.
    #[serde(default)]
    pub filter_policy_scope: FilterPolicyScope,
    /// Queues only: sends the message itself, not a notification around it.
    #[serde(default)]
    pub raw_message_delivery: bool,
    /// Queue for messages that could not be delivered.
    pub dead_letter_queue: Option<String>,
}

/// What a filter policy is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterPolicyScope {
    /// The message attributes (AWS: `MessageAttributes`).
    #[default]
    Attributes,
    /// The message, which must be a JSON object (AWS: `MessageBody`).
    Body,
}
