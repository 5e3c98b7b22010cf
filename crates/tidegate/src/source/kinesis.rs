use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::{RawValue, to_raw_value};

use super::aggregate::{UserRecord, user_records};
use super::{Body, Delivery, Identity, instant, unreadable};
use crate::failure::Failure;

pub(super) fn deliveries<'a>(record: &'a RawValue, deliveries: &mut Vec<Delivery<'a>>) {
    let plain = delivery(record);
    match plain.bytes().ok().and_then(user_records) {
        Some(records) if !is_user_record(&plain.position) => {
            deliveries
                .extend((0..).zip(records).map(|(number, user_record)| part(&plain, number, user_record)));
        }
        _ => deliveries.push(plain),
    }
}

/// The parts of a Kinesis record that a delivery needs.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventID")]
    event_id: Option<String>,
    kinesis: Kinesis,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kinesis {
    sequence_number: String,
    partition_key: String,
    data: String,
    /// Seconds since 1970, with a fraction.
    approximate_arrival_timestamp: f64,
}

fn delivery(record: &RawValue) -> Delivery<'_> {
    let read = serde_json::from_str::<Record>(record.get()).and_then(|read| {
        let data = STANDARD.decode(&read.kinesis.data).map_err(serde_json::Error::custom)?;
        Ok((read, data))
    });
    let (Record { event_id, kinesis }, data) = match read {
        Ok(read) => read,
        Err(error) => return unreadable(record, identity(record), &error),
    };
    let sequence = kinesis.sequence_number;
    Delivery {
        position: event_id.unwrap_or_else(|| sequence.clone()),
        subsequence: None,
        event: None,
        item: (!sequence.is_empty()).then_some(sequence),
        ordering_key: kinesis.partition_key,
        arrived_at: instant(kinesis.approximate_arrival_timestamp),
        attempts: None,
        body: Ok(Body::Bytes(data)),
        record,
    }
}

/// One user record of an aggregate. A failure of it is reported as one of the aggregate, which is all that Kinesis knows.
fn part<'a>(aggregate: &Delivery<'a>, number: u64, user_record: UserRecord) -> Delivery<'a> {
    let partition_key = user_record.partition_key.ok_or_else(|| {
        Failure::permanent(
            "unreadable_record",
            format!("user record {number} of the aggregate names a partition key that is not there"),
        )
    });
    Delivery {
        item: aggregate.item.clone(),
        position: format!("{}:{number}", aggregate.position),
        subsequence: Some(number),
        event: None,
        ordering_key: partition_key.as_ref().unwrap_or(&aggregate.ordering_key).clone(),
        arrived_at: aggregate.arrived_at,
        attempts: None,
        body: partition_key.map(|_| Body::Bytes(user_record.data)),
        record: aggregate.record,
    }
}

/// `shard:sequence:subsequence`, where Kinesis itself writes `shard:sequence`: a user record that was put into a dead letter. What is in it is taken apart no more.
fn is_user_record(position: &str) -> bool {
    position.matches(':').count() > 1
}

/// The Kinesis record of a user record, as if it had been put alone. Everything else in it is as it came.
pub(super) fn alone(
    aggregate: &RawValue,
    position: &str,
    partition_key: &str,
    data: &[u8],
) -> Option<Box<RawValue>> {
    let mut record: BTreeMap<&str, Box<RawValue>> = serde_json::from_str(aggregate.get()).ok()?;
    let mut kinesis: BTreeMap<&str, Box<RawValue>> =
        serde_json::from_str(record.get("kinesis")?.get()).ok()?;
    kinesis.insert("data", to_raw_value(&STANDARD.encode(data)).ok()?);
    kinesis.insert("partitionKey", to_raw_value(partition_key).ok()?);
    let kinesis = to_raw_value(&kinesis).ok()?;
    record.insert("kinesis", kinesis);
    record.insert("eventID", to_raw_value(position).ok()?);
    to_raw_value(&record).ok()
}

/// What can be told of a record whose data or timestamp is broken.
fn identity(record: &RawValue) -> Identity {
    #[derive(Deserialize)]
    struct Record {
        #[serde(rename = "eventID")]
        event_id: Option<String>,
        kinesis: Kinesis,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kinesis {
        sequence_number: Option<String>,
        partition_key: Option<String>,
    }
    match serde_json::from_str::<Record>(record.get()) {
        Ok(read) => Identity {
            position: read.event_id.or_else(|| read.kinesis.sequence_number.clone()),
            item: read.kinesis.sequence_number.filter(|sequence| !sequence.is_empty()),
            ordering_key: read.kinesis.partition_key,
        },
        Err(_) => Identity::default(),
    }
}
