//! Reads records of a Kinesis stream.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::{RawValue, to_raw_value};

use super::aggregate::{UserRecord, user_records};
use super::body::Body;
use super::delivery::Delivery;
use super::fields::{Fields, PerhapsFields, borrowed};
use crate::failure::Failure;

pub(super) fn deliveries<'a>(record: &'a RawValue, deliveries: &mut Vec<Delivery<'a>>) {
    let plain = delivery(record);
    match plain.bytes().ok().and_then(user_records) {
        Some(records) if !is_user_record(&plain.position) => {
            deliveries.extend(
                (0..).zip(records).map(|(number, user_record)| part(&plain, number, user_record)),
            );
        }
        _ => deliveries.push(plain),
    }
}

/// Returns the fields that Kinesis adds to a record. Lambda's event source mapping puts them into
/// an object. EventBridge Pipes puts them beside the other fields of the record.
fn kinesis<'a>(fields: &Fields<'a>) -> Option<Fields<'a>> {
    fields.get("kinesis").and_then(|kinesis| Fields::parse(kinesis).ok())
}

fn delivery(record: &RawValue) -> Delivery<'_> {
    let (nested, fields) = match Fields::taking::<PerhapsFields<'_>>(record, "kinesis") {
        Ok((nested, fields)) => (nested.and_then(|nested| nested.0), fields),
        Err(error) => return Delivery::nameless(record).unreadable(error),
    };
    let kinesis = nested.as_ref().unwrap_or(&fields);
    let sequence = kinesis.text("sequenceNumber");
    let event_id = fields.text("eventID").filter(|id| !id.is_empty());
    let delivery = match event_id.or_else(|| sequence.clone()) {
        Some(position) => Delivery::at(record, position),
        None => Delivery::nameless(record),
    };
    let partition_key = kinesis.text("partitionKey");
    let missing = match (&sequence, &partition_key) {
        (None, _) => Some("`sequenceNumber` is not a string"),
        (_, None) => Some("`partitionKey` is not a string"),
        _ => None,
    };
    let delivery = Delivery {
        item: sequence.filter(|sequence| !sequence.is_empty()),
        ordering_key: partition_key.unwrap_or_else(|| delivery.position.clone()),
        arrived_at: kinesis.instant("approximateArrivalTimestamp"),
        source_arn: fields.source_arn(),
        ..delivery
    };
    if let Some(missing) = missing {
        return delivery.unreadable(missing);
    }
    let Some(data) = kinesis.get("data").and_then(borrowed) else {
        return delivery.unreadable("`data` is not a string");
    };
    match STANDARD.decode(data.as_bytes()) {
        Ok(data) => Delivery { body: Ok(Body::Bytes(data)), ..delivery },
        Err(error) => delivery.unreadable(error),
    }
}

/// Creates the delivery of one user record. Its failure is reported as one of the aggregate,
/// because Kinesis knows only the aggregate.
fn part<'a>(aggregate: &Delivery<'a>, number: u64, user_record: UserRecord) -> Delivery<'a> {
    let partition_key = user_record.partition_key.ok_or_else(|| {
        Failure::permanent(
            "unreadable_record",
            format!(
                "user record {number} refers to a partition key that the aggregate does not contain"
            ),
        )
    });
    Delivery {
        item: aggregate.item.clone(),
        subsequence: Some(number),
        ordering_key: partition_key.as_ref().unwrap_or(&aggregate.ordering_key).clone(),
        arrived_at: aggregate.arrived_at,
        source_arn: aggregate.source_arn.clone(),
        body: partition_key.map(|_| Body::Bytes(user_record.data)),
        ..Delivery::at(aggregate.record, format!("{}:{number}", aggregate.position))
    }
}

/// Returns whether the position is `shard:sequence:subsequence`: that of a user record in a dead
/// letter. Kinesis itself writes `shard:sequence`. The data of such a record is not split again.
fn is_user_record(position: &str) -> bool {
    position.matches(':').count() > 1
}

/// Creates a Kinesis record for one user record, as if it had been put alone. All other fields stay
/// as they arrived.
pub(super) fn alone(
    aggregate: &RawValue,
    position: &str,
    partition_key: &str,
    data: &[u8],
) -> Option<Box<RawValue>> {
    let record = Fields::parse(aggregate).ok()?;
    let data = to_raw_value(&STANDARD.encode(data)).ok()?;
    let (key, id) = (to_raw_value(partition_key).ok()?, to_raw_value(position).ok()?);
    let own = [("data", &*data), ("partitionKey", &*key)];
    match kinesis(&record) {
        Some(kinesis) => record.with(&[("kinesis", &kinesis.with(&own)?), ("eventID", &id)]),
        None => {
            record.get("sequenceNumber")?;
            let [data, key] = own;
            record.with(&[data, key, ("eventID", &id)])
        }
    }
}
