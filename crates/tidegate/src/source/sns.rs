use serde_json::value::{RawValue, to_raw_value};

use super::fields::{Fields, string};
use super::{Delivery, wrapper};

/// A record of an SNS topic that the function is subscribed to.
pub(super) fn deliveries<'a>(record: &'a RawValue, deliveries: &mut Vec<Delivery<'a>>) {
    let fields = match Fields::of(record) {
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

/// A record for one of several deliveries that came in one notification.
pub(super) fn alone(record: &RawValue, position: &str, data: &[u8]) -> Option<Box<RawValue>> {
    let fields = Fields::of(record).ok()?;
    let sns = Fields::of(fields.get("Sns")?).ok()?;
    let message = wrapper::narrowed(&string(sns.get("Message")?)?, data)?;
    let (message, id) = (to_raw_value(&message).ok()?, to_raw_value(position).ok()?);
    let sns = sns.with(&[("Message", &message), ("MessageId", &id)])?;
    fields.with(&[("Sns", &sns)])
}

/// The notification that SNS wraps around a message in a queue.
pub(super) struct Notification {
    pub(super) topic_arn: String,
    pub(super) message: String,
}

/// The notification in a body, which must have the fields that SNS writes, each once and in its
/// form.
pub(super) fn notification(fields: &Fields<'_>) -> Option<Notification> {
    let is_arn = |arn: &String| {
        let mut parts = arn.splitn(6, ':');
        parts.next() == Some("arn") && parts.nth(1) == Some("sns") && parts.nth(2).is_some()
    };
    let as_written = fields.strict("Type")? == "Notification"
        && fields.strict("MessageId").is_some()
        && fields.strict("Timestamp").is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok());
    let topic_arn = fields.strict("TopicArn").filter(|_| as_written).filter(is_arn)?;
    let message = fields.once("Message").and_then(string)?;
    Some(Notification { topic_arn, message })
}
