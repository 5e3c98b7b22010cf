//! Removes what a bus, a topic or a bucket wraps around a message on its way into a queue.
//!
//! A wrapper is recognised by all of its fields, and each is removed at most once: SNS's, and
//! inside it or by itself, EventBridge's or S3's. A body that only resembles a wrapper is a message
//! as it is. So is a body from raw message delivery, and anything inside a `detail`.

#[cfg(feature = "aws-lambda-events")]
use std::borrow::Cow;

use serde_json::value::to_raw_value;

use super::body::Body;
use super::delivery::Delivery;
use super::fields::Fields;
use super::notification::notification;
use super::{eventbridge, s3};

/// Unwraps a message into one delivery, or, for a notification of S3, one for each record.
pub(super) fn unwrap<'a>(message: Delivery<'a>, text: String, deliveries: &mut Vec<Delivery<'a>>) {
    let left = match Fields::in_text(&text) {
        None => Some(message),
        Some(fields) => match notification(&fields) {
            Some(sns) => {
                let message = Delivery { topic_arn: Some(sns.topic_arn), ..message };
                return open(message, sns.message, deliveries);
            }
            None => inside(message, &fields, deliveries),
        },
    };
    whole(left, text, deliveries);
}

/// As [`unwrap`], for a message without SNS's wrapper.
pub(super) fn open<'a>(message: Delivery<'a>, text: String, deliveries: &mut Vec<Delivery<'a>>) {
    let left = match Fields::in_text(&text) {
        None => Some(message),
        Some(fields) => inside(message, &fields, deliveries),
    };
    whole(left, text, deliveries);
}

/// Unwraps what EventBridge or S3 wrapped. Returns the message if neither wrapped it.
fn inside<'a>(
    mut message: Delivery<'a>,
    fields: &Fields<'_>,
    deliveries: &mut Vec<Delivery<'a>>,
) -> Option<Delivery<'a>> {
    if let Some(event) = eventbridge::wrapped(fields) {
        message.event = Some(event.name);
        message.event_id = Some(event.id);
        message.body = Ok(Body::Bytes(event.detail));
        deliveries.push(message);
        return None;
    }
    if let Some(records) = s3::notified(fields) {
        s3::spread(&message, &records, deliveries);
        return None;
    }
    message.test_event = s3::is_test_event(fields);
    Some(message)
}

fn whole<'a>(message: Option<Delivery<'a>>, text: String, deliveries: &mut Vec<Delivery<'a>>) {
    deliveries
        .extend(message.map(|message| Delivery { body: Ok(Body::Bytes(text.into_bytes())), ..message }));
}

/// The text of a message whose S3 notification has only this record.
pub(super) fn narrowed(text: &str, record: &[u8]) -> Option<String> {
    let event = format!(r#"{{"Records":[{}]}}"#, std::str::from_utf8(record).ok()?);
    let fields = Fields::in_text(text)?;
    if notification(&fields).is_none() {
        return Some(event);
    }
    let message = to_raw_value(&event).ok()?;
    Some(fields.with(&[("Message", &message)])?.get().to_owned())
}

/// The text of an EventBridge event in the text of a message, wrapper included.
#[cfg(feature = "aws-lambda-events")]
pub(super) fn event(text: &str) -> Cow<'_, str> {
    let notification = Fields::in_text(text).as_ref().and_then(notification);
    notification.map_or(Cow::Borrowed(text), |sns| Cow::Owned(sns.message))
}
