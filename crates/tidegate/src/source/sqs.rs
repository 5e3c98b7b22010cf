//! Reads messages of an SQS queue.

use serde_json::value::{RawValue, to_raw_value};

use super::delivery::Delivery;
use super::fields::{Fields, string};
use super::wrapper;

/// Reads a message of a queue.
pub(super) fn deliveries<'a>(record: &'a RawValue, deliveries: &mut Vec<Delivery<'a>>) {
    let fields = match Fields::parse(record) {
        Ok(fields) => fields,
        Err(error) => return deliveries.push(Delivery::nameless(record).unreadable(error)),
    };
    let attributes = fields.object("attributes");
    let id = fields.text("messageId").filter(|id| !id.is_empty());
    let delivery = match &id {
        Some(id) => Delivery::at(record, id.clone()),
        None => Delivery::nameless(record),
    };
    let group = attributes.text("MessageGroupId").filter(|_| is_ordered(&fields));
    let delivery = Delivery {
        // Without a group, every message has its own lane.
        ordering_key: group.unwrap_or_else(|| delivery.position.clone()),
        attempts: attributes.text("ApproximateReceiveCount").and_then(|count| count.parse().ok()),
        arrived_at: attributes.instant("SentTimestamp"),
        source_arn: fields.source_arn(),
        item: id,
        ..delivery
    };
    if delivery.item.is_none() {
        return deliveries.push(delivery.unreadable("`messageId` is missing"));
    }
    match fields.get("body") {
        None => wrapper::unwrap(delivery, String::new(), deliveries),
        Some(body) => match (body.get() == "null").then(String::new).or_else(|| string(body)) {
            Some(body) => wrapper::unwrap(delivery, body, deliveries),
            None => deliveries.push(delivery.unreadable("`body` is not a string")),
        },
    }
}

/// Returns whether the message's group is an ordering key.
///
/// In a standard queue it is not: SQS uses it there to share the queue between tenants (fair
/// queues).
///
/// A message without the ARN of its queue comes from a manual invocation or a test. Its group
/// counts as an ordering key, because a needless redelivery does less harm than a wrong order.
fn is_ordered(fields: &Fields<'_>) -> bool {
    match fields.text("eventSourceARN") {
        Some(arn) if arn.starts_with("arn:") => arn.ends_with(".fifo"),
        _ => true,
    }
}

/// Creates a message with only one of the records in a body.
pub(super) fn alone(record: &RawValue, position: &str, data: &[u8]) -> Option<Box<RawValue>> {
    let fields = Fields::parse(record).ok()?;
    let body = wrapper::narrowed(&string(fields.get("body")?)?, data)?;
    let (body, id) = (to_raw_value(&body).ok()?, to_raw_value(position).ok()?);
    fields.with(&[("body", &body), ("messageId", &id)])
}
