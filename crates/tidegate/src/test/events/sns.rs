//! Builds events of an SNS topic.

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, raw};
use crate::ids::content_uuid;

/// Builds the event with which SNS invokes a function that is subscribed to a topic.
///
/// ```
/// use tidegate::source::Source;
/// use tidegate::test::SnsEvent;
///
/// let event = SnsEvent::new().topic("orders").message("hello").build();
/// let deliveries = Source::Sns.split(&event).unwrap();
/// assert_eq!(deliveries[0].bytes().unwrap(), b"hello");
/// assert!(deliveries[0].topic_arn.as_ref().unwrap().ends_with(":orders"));
/// ```
#[derive(Clone, Debug)]
pub struct SnsEvent {
    topic: String,
    published_at: Timestamp,
    records: Vec<Value>,
}

impl Default for SnsEvent {
    fn default() -> Self {
        Self { topic: "topic".to_owned(), published_at: Timestamp::now(), records: Vec::new() }
    }
}

impl SnsEvent {
    /// Creates an event of a topic named `topic`. The messages are published now. SNS itself sends
    /// one message per event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the topic of the messages that follow.
    #[must_use]
    pub fn topic(mut self, name: &str) -> Self {
        name.clone_into(&mut self.topic);
        self
    }

    /// Sets the time of publication of the messages that follow.
    #[must_use]
    pub fn published_at(mut self, time: Timestamp) -> Self {
        self.published_at = time;
        self
    }

    /// Adds a message.
    #[must_use]
    pub fn message(mut self, message: &str) -> Self {
        let topic = topic_arn(&self.topic);
        self.records.push(json!({
            "EventVersion": "1.0",
            "EventSubscriptionArn": format!("{topic}:00000000-0000-4000-8000-000000000000"),
            "EventSource": "aws:sns",
            "Sns": notification(&topic, message, self.records.len(), self.published_at, "Url"),
        }));
        self
    }

    /// Returns the event as a JSON tree, which a test can change.
    pub fn value(self) -> Value {
        json!({ "Records": self.records })
    }

    /// Builds the event of the invocation.
    pub fn build(self) -> Box<RawValue> {
        raw(&self.value())
    }
}

pub(super) fn topic_arn(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

/// Returns a notification. Lambda writes `SigningCertUrl`, the body of a queue's message
/// `SigningCertURL`.
pub(super) fn notification(
    topic_arn: &str,
    message: &str,
    number: usize,
    at: Timestamp,
    url: &str,
) -> Value {
    let id = content_uuid(&["notification", topic_arn, &number.to_string()]).to_string();
    let mut notification = json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": topic_arn,
        "Subject": null,
        "Message": message,
        "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "MessageAttributes": {},
    });
    if let Some(fields) = notification.as_object_mut() {
        let host = format!("https://sns.{REGION}.amazonaws.com");
        fields.insert(format!("SigningCert{url}"), format!("{host}/cert.pem").into());
        fields.insert(format!("Unsubscribe{url}"), format!("{host}/?Action=Unsubscribe").into());
    }
    notification
}
