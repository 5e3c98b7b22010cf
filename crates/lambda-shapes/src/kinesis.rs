//! Lambda's event record for Kinesis (AWS docs: "Using Lambda to process records from Amazon
//! Kinesis Data Streams", example event).

use aws_sdk_kinesis::types::Record as Source;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::moment::Moment;
use crate::record::{OrderingKey, Record};
use crate::sequence::SequenceNumber;

/// Where records come from, for the fields of the event.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Region, such as `us-east-1`.
    pub region: String,
    /// ARN of the stream.
    pub stream_arn: String,
    /// ARN of the role that reads it: the function's own.
    pub role_arn: String,
}

/// Turns a record that `GetRecords` returned into one with its element of the event. A record
/// without an arrival time arrived when it was read.
///
/// # Errors
/// The element cannot be serialised. This does not occur with these types.
pub fn record(
    source: &Source,
    shard: &str,
    origin: &Origin,
    read: Moment,
) -> serde_json::Result<Record> {
    let partition_key = source.partition_key.as_deref().unwrap_or_default();
    let arrived = Moment::arrival(source.approximate_arrival_timestamp).unwrap_or(read);
    let event = EventRecord {
        kinesis: Kinesis {
            kinesis_schema_version: "1.0",
            partition_key,
            sequence_number: &source.sequence_number,
            data: STANDARD.encode(source.data.as_ref()),
            approximate_arrival_timestamp: seconds(arrived.as_millis()),
        },
        event_source: "aws:kinesis",
        event_version: "1.0",
        event_id: format!("{shard}:{}", source.sequence_number),
        event_name: "aws:kinesis:record",
        invoke_identity_arn: &origin.role_arn,
        aws_region: &origin.region,
        event_source_arn: &origin.stream_arn,
    };
    Ok(Record {
        sequence: SequenceNumber::new(source.sequence_number.as_str()),
        key: OrderingKey::new(partition_key.as_bytes()),
        arrived,
        json: Bytes::from(serde_json::to_vec(&event)?),
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit exactly into an f64")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord<'a> {
    kinesis: Kinesis<'a>,
    event_source: &'static str,
    event_version: &'static str,
    #[serde(rename = "eventID")]
    event_id: String,
    event_name: &'static str,
    invoke_identity_arn: &'a str,
    aws_region: &'a str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kinesis<'a> {
    kinesis_schema_version: &'static str,
    partition_key: &'a str,
    sequence_number: &'a str,
    data: String,
    approximate_arrival_timestamp: f64,
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::{Blob, DateTime};
    use serde_json::{Value, json};

    use super::*;

    const READ: Moment = Moment::from_millis(1_545_084_660_000);

    fn origin() -> Origin {
        Origin {
            region: "us-east-2".to_owned(),
            stream_arn: "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream".to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/lambda-role".to_owned(),
        }
    }

    /// Returns the arrival time in the event, and the one that the engine uses.
    fn arrival(time: Option<DateTime>) -> (Value, i64) {
        let source = Source::builder().sequence_number("1").partition_key("1").data(Blob::new("x"));
        let source = source.set_approximate_arrival_timestamp(time).build().unwrap();
        let record = record(&source, "shardId-000000000006", &origin(), READ).unwrap();
        let event: Value = serde_json::from_slice(&record.json).unwrap();
        (event["kinesis"]["approximateArrivalTimestamp"].clone(), record.arrived.as_millis())
    }

    #[test]
    fn an_arrival_that_arrives_as_a_floating_point_number_is_its_nearest_millisecond() {
        let time = DateTime::from_secs_f64(1_795_314_453.965);
        assert_eq!(arrival(Some(time)), (json!(1_795_314_453.965), 1_795_314_453_965));
    }

    #[test]
    fn an_arrival_in_milliseconds_for_seconds_is_the_same_moment() {
        let time = DateTime::from_secs(1_795_314_453_965);
        assert_eq!(arrival(Some(time)), (json!(1_795_314_453.965), 1_795_314_453_965));
    }

    #[test]
    fn a_record_without_an_arrival_time_arrived_when_it_was_read() {
        for time in [None, Some(DateTime::from_secs(0))] {
            assert_eq!(arrival(time), (json!(1_545_084_660.0), READ.as_millis()), "{time:?}");
        }
    }

    #[test]
    fn an_aggregate_of_the_producer_library_is_one_record_with_its_bytes_as_they_were() {
        // The magic number, and a digest that is not text.
        let bytes = [&[0xF3, 0x89, 0x9A, 0xC2][..], &[0x0A, 0x01, b'k', 0xFF, 0x00, 0xFE]].concat();
        let source = Source::builder()
            .sequence_number("1")
            .partition_key("a")
            .data(Blob::new(bytes.clone()))
            .approximate_arrival_timestamp(DateTime::from_millis(0))
            .build()
            .unwrap();
        let origin =
            Origin { region: String::new(), stream_arn: String::new(), role_arn: String::new() };
        let event: Value =
            serde_json::from_slice(&record(&source, "s", &origin, READ).unwrap().json).unwrap();
        assert_eq!(STANDARD.decode(event["kinesis"]["data"].as_str().unwrap()).unwrap(), bytes);
    }

    #[test]
    fn a_record_has_lambdas_shape() {
        let source = Source::builder()
            .sequence_number("49590338271490256608559692538361571095921575989136588898")
            .partition_key("1")
            .data(Blob::new("Hello, this is a test."))
            .approximate_arrival_timestamp(DateTime::from_millis(1_545_084_650_987))
            .build()
            .unwrap();
        let record = record(&source, "shardId-000000000006", &origin(), READ).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&record.json).unwrap(),
            json!({
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1_545_084_650.987
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"
            })
        );
        assert_eq!(record.arrived, Moment::from_millis(1_545_084_650_987));
    }
}
