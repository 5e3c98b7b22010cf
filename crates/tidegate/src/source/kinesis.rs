use aws_lambda_events::kinesis::KinesisEventRecord;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Body, Delivery, Identity, unreadable};

pub(super) fn delivery(record: &RawValue) -> Delivery<'_> {
    let read = match serde_json::from_str::<KinesisEventRecord>(record.get()) {
        Ok(read) => read,
        Err(error) => return unreadable(record, identity(record), &error),
    };
    let sequence = read.kinesis.sequence_number;
    Delivery {
        position: read.event_id.unwrap_or_else(|| sequence.clone()),
        item: (!sequence.is_empty()).then_some(sequence),
        ordering_key: read.kinesis.partition_key,
        arrived_at: Timestamp::from_millisecond(
            read.kinesis.approximate_arrival_timestamp.timestamp_millis(),
        )
        .ok(),
        body: Ok(Body::Bytes(read.kinesis.data.0)),
        record,
    }
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
