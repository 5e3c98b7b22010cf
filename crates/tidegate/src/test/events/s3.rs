//! Builds events of a bucket's notifications.

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, raw};
use crate::ids::content_uuid;

/// Builds the event with which S3 notifies a function about the objects of a bucket.
///
/// ```
/// use serde_json::Value;
/// use tidegate::source::Source;
/// use tidegate::test::S3Event;
///
/// let event = S3Event::new("photos").object("ObjectCreated:Put", "a.png", 1024).build();
/// let record: Value = Source::S3.split(&event).unwrap()[0].json().unwrap();
/// assert_eq!(record["s3"]["object"]["key"], "a.png");
/// ```
#[derive(Clone, Debug)]
pub struct S3Event {
    bucket: String,
    occurred_at: Timestamp,
    records: Vec<Value>,
}

impl S3Event {
    /// Creates a notification of this bucket. The time of the records is now. S3 itself sends one
    /// record per event.
    pub fn new(bucket: &str) -> Self {
        Self { bucket: bucket.to_owned(), occurred_at: Timestamp::now(), records: Vec::new() }
    }

    /// Sets the time of the records that follow.
    #[must_use]
    pub fn occurred_at(mut self, time: Timestamp) -> Self {
        self.occurred_at = time;
        self
    }

    /// Adds a record of an event such as `ObjectCreated:Put`. `key` is the object's key in
    /// URL-encoded form, `size` its size in bytes.
    #[must_use]
    pub fn object(mut self, event: &str, key: &str, size: u64) -> Self {
        let number = self.records.len();
        let id = content_uuid(&["object", &self.bucket, key, &number.to_string()]).simple();
        self.records.push(json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": self.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "eventName": event,
            "userIdentity": { "principalId": "EXAMPLE" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": { "x-amz-request-id": id.to_string(), "x-amz-id-2": "EXAMPLE" },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "notification",
                "bucket": {
                    "name": self.bucket,
                    "ownerIdentity": { "principalId": ACCOUNT },
                    "arn": format!("arn:aws:s3:::{}", self.bucket),
                },
                "object": {
                    "key": key,
                    "size": size,
                    "eTag": "0123456789abcdef0123456789abcdef",
                    "sequencer": format!("0A1B2C3D4E5F{number:06}"),
                },
            },
        }));
        self
    }

    /// Returns the test event that S3 sends to a new target of the bucket's notifications.
    pub fn test_event(bucket: &str) -> Value {
        json!({
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": "2026-01-01T00:00:00.000Z",
            "Bucket": bucket,
            "RequestId": "EXAMPLE",
            "HostId": "EXAMPLE",
        })
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
