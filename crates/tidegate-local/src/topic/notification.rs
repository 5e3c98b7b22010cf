//! A published message: read from the notification that the emulator writes, and written as SNS
//! writes it for queues and functions.
//!
//! Sources: SNS Developer Guide, `sns-message-and-json-formats` and `fifo-topic-message-delivery`;
//! Lambda Developer Guide, `with-sns`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use engine_client::local::REGION;

/// What a notification has in place of a signature: the engine cannot sign for SNS.
const UNSIGNED: &str = "UNSIGNED";

/// A published message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Id that the publisher was told.
    pub id: String,
    /// ARN of the topic.
    pub topic_arn: String,
    /// Subject, if the publisher gave one.
    pub subject: Option<String>,
    /// The message.
    pub message: String,
    /// When it was published, as ISO 8601.
    pub timestamp: String,
    /// Message attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// Message group: the order of a FIFO topic, or the fair share of a standard queue.
    pub group: Option<String>,
    /// FIFO topics: messages with the same id within five minutes count as one.
    pub deduplication: Option<String>,
    /// FIFO topics: number of the message in its topic.
    pub sequence: Option<String>,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Data type: `String`, `String.Array`, `Number` or `Binary`, perhaps with a label.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Value; that of a binary attribute is in base64.
    #[serde(rename = "Value", default)]
    pub value: String,
}

/// What the emulator puts into the topic's queue.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
    sequence_number: Option<String>,
}

/// The JSON around a message in a queue.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ForQueue<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<&'a str>,
    topic_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    message: &'a str,
    timestamp: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    signature: Option<Signature>,
    #[serde(rename = "UnsubscribeURL")]
    unsubscribe: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: &'a BTreeMap<String, Attribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Signature {
    signature_version: &'static str,
    signature: &'static str,
    #[serde(rename = "SigningCertURL")]
    certificate: String,
}

impl Notification {
    /// Reads the notification that the emulator wrote.
    ///
    /// # Errors
    /// The text is not a notification.
    pub fn parse(body: &str) -> Result<Self, String> {
        let read: Received = serde_json::from_str(body)
            .map_err(|error| format!("a message is not a notification of SNS: {error}"))?;
        Ok(Self {
            id: read.message_id,
            topic_arn: read.topic_arn,
            subject: read.subject,
            message: read.message,
            timestamp: read.timestamp,
            attributes: read.message_attributes,
            group: None,
            deduplication: None,
            sequence: read.sequence_number,
        })
    }

    /// Returns whether the topic is a FIFO topic.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.topic_arn.ends_with(".fifo")
    }

    /// Returns the body of a queue's message without raw delivery.
    ///
    /// A FIFO topic signs nothing.
    #[must_use]
    pub fn for_queue(&self, subscription_arn: &str) -> String {
        let body = ForQueue {
            kind: "Notification",
            message_id: &self.id,
            sequence_number: self.sequence.as_deref(),
            topic_arn: &self.topic_arn,
            subject: self.subject.as_deref(),
            message: &self.message,
            timestamp: &self.timestamp,
            signature: (!self.is_fifo()).then(|| Signature {
                signature_version: "1",
                signature: UNSIGNED,
                certificate: certificate(),
            }),
            unsubscribe: unsubscribe(subscription_arn),
            message_attributes: &self.attributes,
        };
        serde_json::to_string(&body).unwrap_or_default()
    }

    /// Returns the event of a function's invocation.
    #[must_use]
    pub fn for_function(&self, subscription_arn: &str) -> String {
        json!({"Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription_arn,
            "Sns": {
                "Type": "Notification",
                "MessageId": self.id,
                "TopicArn": self.topic_arn,
                "Subject": self.subject,
                "Message": self.message,
                "Timestamp": self.timestamp,
                "SignatureVersion": "1",
                "Signature": UNSIGNED,
                "SigningCertUrl": certificate(),
                "UnsubscribeUrl": unsubscribe(subscription_arn),
                "MessageAttributes": self.attributes,
            },
        }]})
        .to_string()
    }
}

fn certificate() -> String {
    format!("https://sns.{REGION}.amazonaws.com/SimpleNotificationService-local.pem")
}

fn unsubscribe(subscription_arn: &str) -> String {
    format!(
        "https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"
    )
}
