//! Letters of SNS subscriptions: messages that their receiver did not get.
//!
//! Such a letter does not name its subscription. Its queue and its topic do, if the topology
//! declares one subscription with both.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A notification that SNS could not deliver.
#[derive(Debug)]
pub(crate) struct Undelivered {
    /// ARN of the topic.
    pub(crate) topic_arn: String,
    /// Error code.
    pub(crate) error_code: Option<String>,
    /// Error message.
    pub(crate) error_message: Option<String>,
    /// Event of the invocation of a subscribed function.
    pub(crate) event: Box<RawValue>,
}

/// The parts of a notification that an event repeats, or that name the topic.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    #[serde(rename = "Type")]
    kind: String,
    topic_arn: String,
    #[serde(rename = "Message")]
    _message: String,
}

/// Returns whether message attributes say that SNS, or a function's old dead-letter configuration,
/// could not deliver the body.
pub(super) fn is_undelivered(attributes: &BTreeMap<String, String>) -> bool {
    attributes.contains_key("RequestID") && attributes.contains_key("ErrorCode")
}

impl Undelivered {
    /// Reads a letter with these attributes; `None` if its body is not a notification.
    pub(super) fn parse(body: &str, attributes: &BTreeMap<String, String>) -> Option<Self> {
        let read: Notification = serde_json::from_str(body).ok()?;
        if read.kind != "Notification" {
            return None;
        }
        // The notification stays as it was written.
        let topic = serde_json::to_string(&read.topic_arn).ok()?;
        let event = format!(
            r#"{{"Records":[{{"EventSource":"aws:sns","EventVersion":"1.0","EventSubscriptionArn":{topic},"Sns":{body}}}]}}"#
        );
        Some(Self {
            topic_arn: read.topic_arn,
            error_code: attributes.get("ErrorCode").cloned(),
            error_message: attributes.get("ErrorMessage").cloned(),
            event: RawValue::from_string(event).ok()?,
        })
    }

    /// Returns the topic's name in SNS.
    pub(crate) fn topic(&self) -> &str {
        self.topic_arn.rsplit(':').next().unwrap_or(&self.topic_arn)
    }
}
