//! Status of a topic.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::destination::DeliveryFailures;
use crate::driver::LastError;
use crate::running::Running;

/// State and counts of a topic since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopicStatus {
    /// Declared name.
    pub topic: String,
    /// Messages that not every matching subscription has yet.
    pub waiting: u64,
    /// Messages that were published to the topic.
    pub messages: u64,
    /// Messages that matched no subscription.
    pub unmatched: u64,
    /// Counts of the subscriptions, by name.
    pub subscriptions: BTreeMap<String, SubscriptionStatus>,
    /// Lost messages: neither the receiver nor the dead-letter queue accepted them.
    pub destination_failures: DeliveryFailures,
    /// The last failure of a poll or a delivery.
    pub last_error: Option<String>,
    /// When it happened, as RFC 3339.
    pub last_error_at: Option<String>,
    /// Activity counter before the last empty poll; `None` while the topic has work.
    pub idle_since: Option<u64>,
}

impl LastError for TopicStatus {
    fn last_error(&mut self) -> &mut Option<String> {
        &mut self.last_error
    }

    fn last_error_at(&mut self) -> &mut Option<String> {
        &mut self.last_error_at
    }
}

/// A running topic.
///
/// When it ends, messages that some receiver does not have become visible in its queue again.
pub type TopicFanout = Running<TopicStatus>;

/// Counts of a subscription since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubscriptionStatus {
    /// Messages that matched the filter policy.
    pub matched: u64,
    /// Messages that did not match it.
    pub filtered: u64,
    /// Those of them that a filter policy cannot be compared with: an attribute is not what its
    /// type says, or the body is not a JSON object.
    pub invalid: u64,
    /// Messages that the receiver does not have yet.
    pub waiting: u64,
    /// Those of them with a failed try.
    pub failing: u64,
    /// Messages that the receiver got.
    pub handed_over: u64,
    /// Tries after a failed one.
    pub retries: u64,
    /// Messages that were given up, and sent to the dead-letter queue if there is one.
    pub failed: u64,
    /// Why the last failed try failed.
    pub last_error: Option<String>,
    /// When it failed, as RFC 3339.
    pub last_error_at: Option<String>,
}
