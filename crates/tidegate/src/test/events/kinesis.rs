//! Events of a Kinesis stream.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, raw, seconds, sequence_number};

/// A batch of records of a Kinesis stream's first shard.
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
        KinesisEvent { stream: "stream".to_owned(), arrived_at: Timestamp::now(), records: Vec::new() }
    }
}

impl KinesisEvent {
    /// An empty batch of the stream `stream`, whose records arrive now.
    pub fn new() -> Self {
        KinesisEvent::default()
    }

    /// The records that follow are of this stream.
    #[must_use]
    pub fn stream(mut self, name: &str) -> Self {
        name.clone_into(&mut self.stream);
        self
    }

    /// The records that follow arrived at this time.
    #[must_use]
    pub fn arrived_at(mut self, time: Timestamp) -> Self {
        self.arrived_at = time;
        self
    }

    /// One more record, with the next sequence number.
    #[must_use]
    pub fn record(self, partition_key: &str, data: impl AsRef<[u8]>) -> Self {
        let data = STANDARD.encode(data);
        self.record_with_base64(partition_key, &data)
    }

    /// One more record whose data are this text, which need not be base64: what a faulty emulator or bridge sends.
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

    /// The sequence number of a record, counted from 0: what a partial response names it by.
    pub fn sequence_number(place: usize) -> String {
        sequence_number(place + 1)
    }

    /// As a tree, to change what a test needs changed.
    pub fn value(self) -> Value {
        json!({ "Records": self.records })
    }

    /// The event of the invocation.
    pub fn build(self) -> Box<RawValue> {
        raw(&self.value())
    }
}
