//! Events of an SQS queue.

use std::fmt::Write;

use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::sns::{notification, topic_arn};
use super::{ACCOUNT, EventBridgeEvent, REGION, raw};
use crate::ids::content_uuid;

/// A batch of messages of an SQS queue.
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
        SqsEvent {
            queue: "queue".to_owned(),
            sent_at: Timestamp::now(),
            receive_count: 1,
            messages: Vec::new(),
        }
    }
}

impl SqsEvent {
    /// An empty batch of the queue `queue`, whose messages are sent now and received for the first time.
    pub fn new() -> Self {
        SqsEvent::default()
    }

    /// The messages that follow are of this queue.
    #[must_use]
    pub fn queue(mut self, name: &str) -> Self {
        name.clone_into(&mut self.queue);
        self
    }

    /// The messages that follow were sent at this time.
    #[must_use]
    pub fn sent_at(mut self, time: Timestamp) -> Self {
        self.sent_at = time;
        self
    }

    /// The messages that follow are received for this time, from 1.
    #[must_use]
    pub fn receive_count(mut self, count: u32) -> Self {
        self.receive_count = count;
        self
    }

    /// One more message of a standard queue.
    #[must_use]
    pub fn message(self, body: &str) -> Self {
        self.push(Group::None, body)
    }

    /// Adds a message of a group in a FIFO queue, and `.fifo` to the queue's name.
    #[must_use]
    pub fn message_of(self, group: &str, body: &str) -> Self {
        self.push(Group::Ordered(group), body)
    }

    /// Adds a message of a standard queue with a group id, by which SQS shares the queue between
    /// tenants (fair queues). The group id says nothing about order.
    #[must_use]
    pub fn message_of_tenant(self, tenant: &str, body: &str) -> Self {
        self.push(Group::Tenant(tenant), body)
    }

    /// Adds a message that a rule sent to a standard queue: its body is the event.
    #[must_use]
    pub fn event(self, event: EventBridgeEvent) -> Self {
        let body = event.value().to_string();
        self.message(&body)
    }

    /// Adds a message of a standard queue that is subscribed to a topic without raw message
    /// delivery: its body is SNS's notification.
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
            attributes.insert("MessageDeduplicationId".to_owned(), deduplication.to_string().into());
            attributes.insert("SequenceNumber".to_owned(), format!("188494964604{number:08}").into());
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

    /// The id of a message, counted from 0: what a partial response names it by.
    pub fn message_id(place: usize) -> String {
        content_uuid(&["message", &place.to_string()]).to_string()
    }

    /// As a tree, to change what a test needs changed.
    pub fn value(self) -> Value {
        json!({ "Records": self.messages })
    }

    /// The event of the invocation.
    pub fn build(self) -> Box<RawValue> {
        raw(&self.value())
    }
}

/// What a message's group is for.
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
