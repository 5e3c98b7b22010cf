//! Builds events of an SQS queue.

use std::fmt::Write;

use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::sns::{notification, topic_arn};
use super::{ACCOUNT, EventBridgeEvent, REGION, raw};
use crate::ids::content_uuid;

/// Builds a batch of messages of an SQS queue.
///
/// ```
/// use tidegate::source::Source;
/// use tidegate::test::SqsEvent;
///
/// let event = SqsEvent::new().message("hello").message_of("group", "ordered").build();
/// let deliveries = Source::Sqs.split(&event).unwrap();
/// assert_eq!(deliveries[0].bytes().unwrap(), b"hello");
/// assert_eq!(deliveries[1].ordering_key, "group");
/// ```
#[derive(Clone, Debug)]
pub struct SqsEvent {
    queue: String,
    sent_at: Timestamp,
    receive_count: u32,
    messages: Vec<Value>,
}

impl Default for SqsEvent {
    fn default() -> Self {
        Self {
            queue: "queue".to_owned(),
            sent_at: Timestamp::now(),
            receive_count: 1,
            messages: Vec::new(),
        }
    }
}

impl SqsEvent {
    /// Creates an empty batch of a queue named `queue`. The messages are sent now, and received for
    /// the first time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the queue of the messages that follow.
    #[must_use]
    pub fn queue(mut self, name: &str) -> Self {
        name.clone_into(&mut self.queue);
        self
    }

    /// Sets the time at which the messages that follow were sent.
    #[must_use]
    pub fn sent_at(mut self, time: Timestamp) -> Self {
        self.sent_at = time;
        self
    }

    /// Sets how often the messages that follow were received, including this time; at least 1.
    #[must_use]
    pub fn receive_count(mut self, count: u32) -> Self {
        self.receive_count = count;
        self
    }

    /// Adds a message of a standard queue.
    #[must_use]
    pub fn message(self, body: &str) -> Self {
        self.push(Group::None, body)
    }

    /// Adds a message of a group in a FIFO queue. Appends `.fifo` to the queue's name.
    #[must_use]
    pub fn message_of(self, group: &str, body: &str) -> Self {
        self.push(Group::Ordered(group), body)
    }

    /// Adds a message of a standard queue with a group id.
    ///
    /// SQS uses such a group id to share the queue between tenants (fair queues). It does not
    /// affect the order.
    #[must_use]
    pub fn message_of_tenant(self, tenant: &str, body: &str) -> Self {
        self.push(Group::Tenant(tenant), body)
    }

    /// Adds a message that a rule sent to a standard queue. Its body is the event.
    #[must_use]
    pub fn event(self, event: EventBridgeEvent) -> Self {
        let body = event.value().to_string();
        self.message(&body)
    }

    /// Adds a message of a standard queue that is subscribed to a topic without raw message
    /// delivery. Its body is SNS's notification.
    #[must_use]
    pub fn notification(self, topic: &str, message: &str) -> Self {
        let (number, at) = (self.messages.len(), self.sent_at);
        let body = notification(&topic_arn(topic), message, number, at, "URL").to_string();
        self.message(&body)
    }

    fn push(mut self, group: Group<'_>, body: &str) -> Self {
        let number = self.messages.len();
        let sent = self.sent_at.as_millisecond();
        let mut attributes = json!({
            "ApproximateReceiveCount": self.receive_count.to_string(),
            "SentTimestamp": sent.to_string(),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": (sent + 2).to_string(),
        });
        let mut queue = self.queue.clone();
        if let (Group::Tenant(group), Some(attributes)) = (group, attributes.as_object_mut()) {
            attributes.insert("MessageGroupId".to_owned(), group.into());
        }
        if let (Group::Ordered(group), Some(attributes)) = (group, attributes.as_object_mut()) {
            if !queue.ends_with(".fifo") {
                queue.push_str(".fifo");
            }
            let deduplication = content_uuid(&["deduplication", &number.to_string(), body]);
            attributes.insert("MessageGroupId".to_owned(), group.into());
            attributes
                .insert("MessageDeduplicationId".to_owned(), deduplication.to_string().into());
            attributes
                .insert("SequenceNumber".to_owned(), format!("188494964604{number:08}").into());
        }
        self.messages.push(json!({
            "messageId": Self::message_id(number),
            "receiptHandle": format!("receipt-{number}"),
            "body": body,
            "attributes": attributes,
            "messageAttributes": {},
            "md5OfBody": hex(&Md5::digest(body.as_bytes())),
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"),
            "awsRegion": REGION,
        }));
        self
    }

    /// Returns the id of the message at this place, from 0. A partial batch response names the
    /// message by it.
    pub fn message_id(place: usize) -> String {
        content_uuid(&["message", &place.to_string()]).to_string()
    }

    /// Returns the event as a JSON tree, which a test can change.
    pub fn value(self) -> Value {
        json!({ "Records": self.messages })
    }

    /// Builds the event of the invocation.
    pub fn build(self) -> Box<RawValue> {
        raw(&self.value())
    }
}

/// The purpose of a message's group.
#[derive(Clone, Copy)]
enum Group<'a> {
    None,
    Tenant(&'a str),
    Ordered(&'a str),
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
