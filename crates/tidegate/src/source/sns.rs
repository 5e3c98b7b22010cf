//! Reads records of an SNS topic.

use serde_json::value::{RawValue, to_raw_value};

use super::delivery::Delivery;
use super::fields::{Fields, string};
use super::wrapper;

/// Reads a record of an SNS topic to which the function is subscribed.
pub(super) fn deliveries<'a>(record: &'a RawValue, deliveries: &mut Vec<Delivery<'a>>) {
    let fields = match Fields::parse(record) {
        Ok(fields) => fields.object("Sns"),
        Err(error) => return deliveries.push(Delivery::nameless(record).unreadable(error)),
    };
    let delivery = match fields.text("MessageId").filter(|id| !id.is_empty()) {
        Some(id) => Delivery::at(record, id),
        None => Delivery::nameless(record),
    };
    let delivery = Delivery {
        topic_arn: fields.get("TopicArn").and_then(string),
        arrived_at: fields.instant("Timestamp"),
        ..delivery
    };
    match fields.get("Message").and_then(string) {
        Some(message) => wrapper::open(delivery, message, deliveries),
        None => deliveries.push(delivery.unreadable("`Sns.Message` is not a string")),
    }
}

/// Creates a record with only one of the deliveries in a notification.
pub(super) fn alone(record: &RawValue, position: &str, data: &[u8]) -> Option<Box<RawValue>> {
    let fields = Fields::parse(record).ok()?;
    let sns = Fields::parse(fields.get("Sns")?).ok()?;
    let message = wrapper::narrowed(&string(sns.get("Message")?)?, data)?;
    let (message, id) = (to_raw_value(&message).ok()?, to_raw_value(position).ok()?);
    let sns = sns.with(&[("Message", &message), ("MessageId", &id)])?;
    fields.with(&[("Sns", &sns)])
}
