//! Removes the wrappers that a bus, a topic or a bucket puts around a message in a queue.
//!
//! A wrapper is recognised by all of its fields. Each is removed at most once: first that of SNS,
//! then that of EventBridge or S3, inside it or alone. These are not unwrapped:
//!
//! - a body that only resembles a wrapper
//! - a body from raw message delivery
//! - anything inside a `detail`

#[cfg(feature = "aws-lambda-events")]
use std::borrow::Cow;

use serde_json::value::to_raw_value;

use super::body::Body;
use super::delivery::Delivery;
use super::fields::Fields;
use super::notification::notification;
use super::{eventbridge, s3};

/// Unwraps a message into one delivery, or an S3 notification into one delivery per record.
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

/// Unwraps a message without SNS's wrapper, otherwise like [`unwrap`].
pub(super) fn open<'a>(message: Delivery<'a>, text: String, deliveries: &mut Vec<Delivery<'a>>) {
    let left = match Fields::in_text(&text) {
        None => Some(message),
        Some(fields) => inside(message, &fields, deliveries),
    };
    whole(left, text, deliveries);
}

/// Removes the wrapper of EventBridge or S3. Returns the message if it has neither.
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
    deliveries.extend(
        message.map(|message| Delivery { body: Ok(Body::Bytes(text.into_bytes())), ..message }),
    );
}

/// Returns the text of a message in which the S3 notification has only this record.
pub(super) fn narrowed(text: &str, record: &[u8]) -> Option<String> {
    let event = format!(r#"{{"Records":[{}]}}"#, std::str::from_utf8(record).ok()?);
    let fields = Fields::in_text(text)?;
    if notification(&fields).is_none() {
        return Some(event);
    }
    let message = to_raw_value(&event).ok()?;
    Some(fields.with(&[("Message", &message)])?.get().to_owned())
}

/// Returns the text of an EventBridge event, wrapper included, from the text of a message.
#[cfg(feature = "aws-lambda-events")]
pub(super) fn event(text: &str) -> Cow<'_, str> {
    let notification = Fields::in_text(text).as_ref().and_then(notification);
    notification.map_or(Cow::Borrowed(text), |sns| Cow::Owned(sns.message))
}
