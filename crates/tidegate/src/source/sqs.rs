use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Body, Delivery, Identity, unreadable};

/// The parts of a message that a delivery needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: Option<String>,
    body: Option<String>,
    attributes: Option<Attributes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    message_group_id: Option<String>,
    /// Milliseconds since 1970.
    sent_timestamp: Option<String>,
    approximate_receive_count: Option<String>,
}

pub(super) fn delivery(record: &RawValue) -> Delivery<'_> {
    let read = match serde_json::from_str::<Message>(record.get()) {
        Ok(read) => read,
        Err(error) => return unreadable(record, identity(record), &error),
    };
    let Some(id) = read.message_id.filter(|id| !id.is_empty()) else {
        let error = serde::de::Error::custom("`messageId` is missing");
        return unreadable(record, Identity::default(), &error);
    };
    let attributes = read.attributes.unwrap_or_default();
    Delivery {
        // Without a group every message is a lane of its own.
        ordering_key: attributes.message_group_id.unwrap_or_else(|| id.clone()),
        position: id.clone(),
        subsequence: None,
        event: None,
        attempts: attributes.approximate_receive_count.and_then(|count| count.parse().ok()),
        item: Some(id),
        arrived_at: attributes
            .sent_timestamp
            .and_then(|millis| millis.parse().ok())
            .and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        body: Ok(Body::Bytes(read.body.unwrap_or_default().into_bytes())),
        record,
    }
}

/// What can be told of a message with malformed attributes. Its group is read on its own, so that a FIFO group still stops at it.
fn identity(record: &RawValue) -> Identity {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Message {
        message_id: Option<String>,
        attributes: Option<serde_json::Value>,
    }
    match serde_json::from_str::<Message>(record.get()) {
        Ok(read) => {
            let group = read.attributes.as_ref().and_then(|attributes| attributes.get("MessageGroupId"));
            Identity {
                ordering_key: group.and_then(|group| group.as_str()).map(str::to_owned),
                position: read.message_id.clone(),
                item: read.message_id.filter(|id| !id.is_empty()),
            }
        }
        Err(_) => Identity::default(),
    }
}
