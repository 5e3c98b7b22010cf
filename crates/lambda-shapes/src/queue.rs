//! Lambda's event record for SQS (AWS docs: "Using Lambda with Amazon SQS", example event).

use std::collections::HashMap;

use aws_sdk_sqs::types::{Message as Source, MessageAttributeValue, MessageSystemAttributeName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::moment::Moment;

/// A received message.
#[derive(Clone, Debug)]
pub struct Message {
    /// `messageId`.
    pub id: String,
    /// Its receipt handle, with which it is deleted.
    pub receipt: String,
    /// Its message group, if the queue is FIFO.
    pub group: Option<String>,
    /// When it was sent.
    pub sent: Moment,
    /// Its element of the event's `Records`, as JSON.
    pub json: Bytes,
}

/// Turns a message that SQS returned into one with its element of the event.
///
/// # Errors
/// The element cannot be serialised. This does not occur with these types.
pub fn message(source: &Source, queue_arn: &str, region: &str) -> serde_json::Result<Message> {
    let event = EventRecord {
        message_id: source.message_id.as_deref().unwrap_or_default(),
        receipt_handle: source.receipt_handle.as_deref().unwrap_or_default(),
        body: source.body.as_deref().unwrap_or_default(),
        attributes: SystemAttributes(source.attributes.as_ref()),
        message_attributes: MessageAttributes(source.message_attributes.as_ref()),
        md5_of_message_attributes: source.md5_of_message_attributes.as_deref(),
        md5_of_body: source.md5_of_body.as_deref().unwrap_or_default(),
        event_source: "aws:sqs",
        event_source_arn: queue_arn,
        aws_region: region,
    };
    let group =
        source.attributes.as_ref().and_then(|a| a.get(&MessageSystemAttributeName::MessageGroupId));
    // Messages of a standard queue may have group ids too, for fair sharing. They do not imply an
    // order.
    let group = group.filter(|_| queue_arn.ends_with(".fifo"));
    Ok(Message {
        id: event.message_id.to_owned(),
        receipt: event.receipt_handle.to_owned(),
        group: group.cloned(),
        sent: sent(source.attributes.as_ref()),
        json: Bytes::from(serde_json::to_vec(&event)?),
    })
}

/// Returns when a message was sent (`SentTimestamp`); the current time if its queue does not say.
#[must_use]
pub fn sent(attributes: Option<&HashMap<MessageSystemAttributeName, String>>) -> Moment {
    attributes
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp))
        .and_then(|millis| millis.parse().ok())
        .map_or_else(Moment::now, Moment::from_millis)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: SystemAttributes<'a>,
    message_attributes: MessageAttributes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<&'a str>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

struct SystemAttributes<'a>(Option<&'a HashMap<MessageSystemAttributeName, String>>);

impl Serialize for SystemAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.0.into_iter().flatten().map(|(name, value)| (name.as_str(), value)))
    }
}

struct MessageAttributes<'a>(Option<&'a HashMap<String, MessageAttributeValue>>);

impl Serialize for MessageAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.0.into_iter().flatten().map(|(name, value)| (name, Attribute(value))))
    }
}

struct Attribute<'a>(&'a MessageAttributeValue);

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(text) = &self.0.string_value {
            map.serialize_entry("stringValue", text)?;
        }
        if let Some(bytes) = &self.0.binary_value {
            map.serialize_entry("binaryValue", &STANDARD.encode(bytes))?;
        }
        // SQS reserves both lists and leaves them empty.
        map.serialize_entry("stringListValues", &[(); 0])?;
        map.serialize_entry("binaryListValues", &[(); 0])?;
        map.serialize_entry("dataType", &self.0.data_type)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_message_has_lambdas_shape() {
        let attribute = MessageAttributeValue::builder()
            .data_type("String")
            .string_value("100")
            .build()
            .unwrap();
        let source = Source::builder()
            .message_id("059f36b4-87a3-44ab-83d2-661975830a7d")
            .receipt_handle("AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a")
            .body("Test message.")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1")
            .attributes(MessageSystemAttributeName::MessageGroupId, "g")
            .message_attributes("myAttribute", attribute)
            .md5_of_body("e4e68fb7bd0e697a0ae8f1bb342846b3")
            .build();
        let message =
            message(&source, "arn:aws:sqs:us-east-2:123456789012:my-queue", "us-east-2").unwrap();
        assert_eq!(message.group, None, "the groups of a standard queue have no order");
        let fifo =
            super::message(&source, "arn:aws:sqs:us-east-2:123456789012:q.fifo", "us-east-2")
                .unwrap();
        assert_eq!(fifo.group.as_deref(), Some("g"));
        assert_eq!(
            serde_json::from_slice::<Value>(&message.json).unwrap(),
            json!({
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": "Test message.",
                "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "g"},
                "messageAttributes": {
                    "myAttribute": {
                        "stringValue": "100", "stringListValues": [], "binaryListValues": [], "dataType": "String"
                    }
                },
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
                "awsRegion": "us-east-2"
            })
        );
    }
    #[test]
    fn a_message_keeps_what_its_queue_says_about_it() {
        use aws_sdk_sqs::primitives::Blob;
        use aws_sdk_sqs::types::MessageSystemAttributeName as Name;
        let bytes =
            MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new(b"ab"));
        let said = [
            (Name::ApproximateFirstReceiveTimestamp, "1573251510774"),
            (Name::ApproximateReceiveCount, "6"),
            (Name::AwsTraceHeader, "Root=1-5759e988-bd862e3fe1be46a994272793"),
            (Name::DeadLetterQueueSourceArn, "arn:aws:sqs:us-east-2:123456789012:source.fifo"),
            (Name::MessageDeduplicationId, "d"),
            (Name::MessageGroupId, "g"),
            (Name::SenderId, "AIDAIO23YVJENQZJOL4VO"),
            (Name::SentTimestamp, "1573251510774"),
            (Name::SequenceNumber, "18849496460467696128"),
        ];
        let mut source =
            Source::builder().message_id("m").message_attributes("b", bytes.build().unwrap());
        for (name, value) in said.clone() {
            source = source.attributes(name, value);
        }
        let message = message(
            &source.build(),
            "arn:aws:sqs:us-east-2:123456789012:letters.fifo",
            "us-east-2",
        )
        .unwrap();
        let event: Value = serde_json::from_slice(&message.json).unwrap();
        let expected: serde_json::Map<String, Value> = said
            .into_iter()
            .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
            .collect();
        assert_eq!(event["attributes"], Value::Object(expected));
        assert_eq!(event["messageAttributes"]["b"]["binaryValue"], "YWI=");
        assert_eq!(event["messageAttributes"]["b"].get("stringValue"), None);
    }
}
