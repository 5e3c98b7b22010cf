//! Reads records of a bucket's notifications.

use serde_json::value::RawValue;

use super::body::Body;
use super::delivery::Delivery;
use super::fields::Fields;
use crate::ids::content_id;

/// Reads a record of a bucket's notification.
///
/// A record has no id. But it has S3's request id, the object's sequencer and the time, so no two
/// records are equal.
pub(super) fn delivery(record: &RawValue) -> Delivery<'_> {
    let position = content_id(&["s3", record.get()]);
    let fields = match Fields::parse(record) {
        Ok(fields) => fields,
        Err(error) => return Delivery::at(record, position).unreadable(error),
    };
    let s3 = fields.object("s3");
    let object = s3.object("bucket").text("name").zip(s3.object("object").text("key"));
    Delivery {
        ordering_key: object
            .map_or_else(|| position.clone(), |(bucket, key)| format!("{bucket}/{key}")),
        arrived_at: fields.instant("eventTime"),
        body: Ok(Body::Bytes(record.get().as_bytes().to_vec())),
        ..Delivery::at(record, position)
    }
}

/// Returns whether the object is the message that S3 sends to a new target of notifications.
pub(super) fn is_test_event(fields: &Fields<'_>) -> bool {
    const NAMES: [&str; 6] = ["Service", "Event", "Time", "Bucket", "RequestId", "HostId"];
    let known = NAMES.iter().filter(|name| fields.once(name).is_some()).count();
    fields.strict("Service").as_deref() == Some("Amazon S3")
        && fields.strict("Event").as_deref() == Some("s3:TestEvent")
        && fields.strict("Bucket").is_some()
        && known == fields.count()
}

/// Returns the records of a notification in the body of a message. Each must have the fields that
/// S3 writes into every record.
pub(super) fn notified<'a>(fields: &Fields<'a>) -> Option<Vec<&'a RawValue>> {
    let records = fields.once("Records").filter(|_| fields.count() == 1)?;
    let records: Vec<&RawValue> = serde_json::from_str(records.get()).ok()?;
    let is_s3 = |record: &&RawValue| {
        Fields::parse(record).is_ok_and(|record| {
            record.strict("eventSource").as_deref() == Some("aws:s3")
                && record.strict("eventName").is_some()
                && record.once("s3").is_some_and(|s3| s3.get().starts_with('{'))
        })
    };
    (!records.is_empty() && records.iter().all(is_s3)).then_some(records)
}

/// Creates one delivery per record of a notification. A partial batch response names the message,
/// because the queue or topic knows only that.
pub(super) fn spread<'a>(
    message: &Delivery<'a>,
    records: &[&RawValue],
    deliveries: &mut Vec<Delivery<'a>>,
) {
    let one = records.len() == 1;
    for (number, record) in (0..).zip(records) {
        let position =
            if one { message.position.clone() } else { format!("{}:{number}", message.position) };
        let of_its_own = message.ordering_key == message.position;
        deliveries.push(Delivery {
            item: message.item.clone(),
            subsequence: (!one).then_some(number),
            topic_arn: message.topic_arn.clone(),
            ordering_key: if of_its_own { position.clone() } else { message.ordering_key.clone() },
            arrived_at: message.arrived_at,
            attempts: message.attempts,
            source_arn: message.source_arn.clone(),
            body: Ok(Body::Bytes(record.get().as_bytes().to_vec())),
            ..Delivery::at(message.record, position)
        });
    }
}
