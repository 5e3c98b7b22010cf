//! Subscriptions of a topic, in the form that their delivery needs.

use topology::filter_policy::{FilterPolicy, Verdict};

use super::notification::Notification;

/// A subscription of a topic.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Declared name.
    pub name: String,
    /// ARN of the subscription.
    pub arn: String,
    /// Receiver of matching messages.
    pub receiver: Receiver,
    /// Filter policy; without one every message matches.
    pub policy: Option<FilterPolicy>,
    /// Sends the message itself to a queue, not a notification around it.
    pub raw: bool,
    /// URL of the dead-letter queue.
    pub dead_letters: Option<String>,
}

/// The receiver of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A function, by its declared name. It is invoked asynchronously.
    Function(String),
    /// A queue, by its URL.
    Queue(String),
}

impl Subscription {
    /// Compares a message with the filter policy.
    pub(super) fn verdict(&self, notification: &Notification) -> Verdict {
        let Some(policy) = &self.policy else { return Verdict::Matches };
        let attributes = notification.attributes.iter();
        let attributes: Vec<_> = attributes
            .map(|(name, of)| topology::filter_policy::Attribute {
                name,
                kind: &of.kind,
                value: &of.value,
            })
            .collect();
        policy.verdict(&notification.message, &attributes)
    }
}
