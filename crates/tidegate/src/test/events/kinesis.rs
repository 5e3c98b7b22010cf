//! Builds events of a Kinesis stream.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, raw, seconds, sequence_number};

/// Builds a batch of records of a Kinesis stream's first shard.
///
/// ```
/// use tidegate::source::Source;
/// use tidegate::test::KinesisEvent;
///
/// let event = KinesisEvent::new().record("order#1", "hello").record("order#2", [0xff]).build();
/// let deliveries = Source::Kinesis.split(&event).unwrap();
/// assert_eq!(deliveries[0].bytes().unwrap(), b"hello");
/// assert_eq!(deliveries[1].ordering_key, "order#2");
/// ```
#[derive(Clone, Debug)]
pub struct KinesisEvent {
    stream: String,
    arrived_at: Timestamp,
    records: Vec<Value>,
}

impl Default for KinesisEvent {
    fn default() -> Self {
        Self { stream: "stream".to_owned(), arrived_at: Timestamp::now(), records: Vec::new() }
    }
}

impl KinesisEvent {
    /// Creates an empty batch of a stream named `stream`. The records arrive now.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the stream of the records that follow.
    #[must_use]
    pub fn stream(mut self, name: &str) -> Self {
        name.clone_into(&mut self.stream);
        self
    }

    /// Sets the arrival time of the records that follow.
    #[must_use]
    pub fn arrived_at(mut self, time: Timestamp) -> Self {
        self.arrived_at = time;
        self
    }

    /// Adds a record, with the next sequence number.
    #[must_use]
    pub fn record(self, partition_key: &str, data: impl AsRef<[u8]>) -> Self {
        let data = STANDARD.encode(data);
        self.record_with_base64(partition_key, &data)
    }

    /// Adds a record with this text as its data, which need not be base64. A faulty emulator or
    /// bridge may send such a record.
    #[must_use]
    pub fn record_with_base64(mut self, partition_key: &str, data: &str) -> Self {
        let sequence = sequence_number(self.records.len() + 1);
        self.records.push(json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": partition_key,
                "sequenceNumber": sequence,
                "data": data,
                "approximateArrivalTimestamp": seconds(self.arrived_at),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("shardId-000000000000:{sequence}"),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": format!("arn:aws:iam::{ACCOUNT}:role/function"),
            "awsRegion": REGION,
            "eventSourceARN": format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{}", self.stream),
        }));
        self
    }

    /// Returns the sequence number of the record at this place, from 0. A partial batch response
    /// names the record by it.
    pub fn sequence_number(place: usize) -> String {
        sequence_number(place + 1)
    }

    /// Returns the event as a JSON tree, which a test can change.
    pub fn value(self) -> Value {
        json!({ "Records": self.records })
    }

    /// Builds the event of the invocation.
    pub fn build(self) -> Box<RawValue> {
        raw(&self.value())
    }
}
