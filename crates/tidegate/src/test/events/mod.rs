//! Builders of the events with which AWS invokes a function. Each field is as in AWS's
//! documentation of the source.

mod dynamodb;
mod eventbridge;
mod http;
mod kinesis;
mod s3;
mod sns;
mod sqs;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

pub use dynamodb::DynamoDbEvent;
pub use eventbridge::EventBridgeEvent;
pub use http::HttpEvent;
pub use kinesis::KinesisEvent;
pub use s3::S3Event;
pub use sns::SnsEvent;
pub use sqs::SqsEvent;

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";

/// Returns the JSON of an invocation. A tree is always valid JSON, so the result is never null.
fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Returns seconds with milliseconds behind the decimal point.
fn seconds(time: Timestamp) -> Value {
    Value::from(time.as_millisecond() as f64 / 1000.0)
}

/// Returns the `number`th sequence number of a shard: 56 digits, like those of Kinesis.
fn sequence_number(number: usize) -> String {
    format!("49544985256907437005704571851{number:027}")
}
