//! What a message is wrapped in on its way from a bus, a topic or a bucket into a queue.
//!
//! A wrapper is recognised by all of its fields, and taken off once: SNS's, and inside it, or by
//! itself, EventBridge's or S3's. What only resembles one, and what raw message delivery hands
//! over, is a message as it is; so is whatever is inside a `detail`.

#[cfg(feature = "aws-lambda-events")]
use std::borrow::Cow;

use serde_json::value::to_raw_value;

use super::fields::Fields;
use super::{Body, Delivery, eventbridge, s3, sns};

/// Hands over a message without its wrappers: as one delivery, or, of a notification of S3 with
/// several records, as one for each.
pub(super) fn unwrap<'a>(message: Delivery<'a>, text: String, deliveries: &mut Vec<Delivery<'a>>) {
    let notification = Fields::in_text(&text).as_ref().and_then(sns::notification);
    match notification {
        Some(sns) => {
            open(Delivery { topic_arn: Some(sns.topic_arn), ..message }, sns.message, deliveries);
        }
        None => open(message, text, deliveries),
    }
}

/// As [`unwrap`], of a message that SNS wraps no more.
pub(super) fn open<'a>(mut message: Delivery<'a>, text: String, deliveries: &mut Vec<Delivery<'a>>) {
    if let Some(fields) = Fields::in_text(&text) {
        if let Some(event) = eventbridge::wrapped(&fields) {
            message.event = Some(event.name);
            message.event_id = Some(event.id);
            message.body = Ok(Body::Bytes(event.detail));
            return deliveries.push(message);
        }
        if s3::is_test_event(&fields) {
            message.test_event = true;
        }
        if let Some(records) = s3::notified(&fields) {
            return s3::spread(&message, &records, deliveries);
        }
    }
    message.body = Ok(Body::Bytes(text.into_bytes()));
    deliveries.push(message);
}

/// The text of a message with nothing of S3's notification in it but this record.
pub(super) fn narrowed(text: &str, record: &[u8]) -> Option<String> {
    let event = format!(r#"{{"Records":[{}]}}"#, std::str::from_utf8(record).ok()?);
    let fields = Fields::in_text(text)?;
    if sns::notification(&fields).is_none() {
        return Some(event);
    }
    let message = to_raw_value(&event).ok()?;
    Some(fields.with(&[("Message", &message)])?.get().to_owned())
}

/// The text of an EventBridge event in the text of a message, wrapper included.
#[cfg(feature = "aws-lambda-events")]
pub(super) fn event(text: &str) -> Cow<'_, str> {
    let notification = Fields::in_text(text).as_ref().and_then(sns::notification);
    notification.map_or(Cow::Borrowed(text), |sns| Cow::Owned(sns.message))
}
