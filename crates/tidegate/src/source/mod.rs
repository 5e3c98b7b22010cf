//! Takes the event of a Lambda invocation apart into deliveries, and puts the answer together.
//!
//! A batch is split before any body is decoded: a record that cannot be read becomes a delivery that says so, and costs its
//! neighbours nothing. Only what a delivery needs is read of a record: whatever else a source adds, leaves out or gets wrong costs nothing. (The types
//! of `aws_lambda_events` refuse a whole batch for one bad base64 or one missing attribute.)

mod aggregate;
mod delivery;
mod dynamodb;
mod eventbridge;
mod fields;
mod kinesis;
#[cfg(feature = "aws-lambda-events")]
mod records;
mod response;
mod s3;
mod sns;
mod sqs;
mod wrapper;

use serde_json::value::RawValue;

#[cfg(test)]
pub(crate) use aggregate::aggregated;
pub(crate) use delivery::alone;
pub use delivery::{Body, Delivery, EventName};
pub use dynamodb::{Change, ChangeKind};
#[cfg(test)]
pub(crate) use fields::scanned;
pub use response::Response;

use self::fields::Fields;
use crate::failure::Failure;

/// The service that invokes the function; each has its own event and its own way to report failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A Kinesis stream.
    Kinesis,
    /// A table's DynamoDB stream.
    DynamoDb,
    /// An SQS queue, standard or FIFO. Messages of EventBridge, SNS and S3 are unwrapped.
    Sqs,
    /// An EventBridge rule or a schedule of EventBridge Scheduler: one event, or one constant input,
    /// invoked asynchronously.
    EventBridge,
    /// An SNS topic that the function is subscribed to, invoked asynchronously.
    Sns,
    /// Notifications of an S3 bucket, invoked asynchronously. Each record is a delivery.
    S3,
}

impl Source {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Kinesis => "kinesis",
            Source::DynamoDb => "dynamodb",
            Source::Sqs => "sqs",
            Source::EventBridge => "eventbridge",
            Source::Sns => "sns",
            Source::S3 => "s3",
        }
    }

    /// Whether this source invokes the function asynchronously. Lambda then ignores the function's
    /// answer, and retries a failed invocation as a whole.
    pub fn is_asynchronous(self) -> bool {
        matches!(self, Source::EventBridge | Source::Sns | Source::S3)
    }

    /// Splits the event of one invocation into deliveries.
    ///
    /// The position of an event without an id is a hash of its content alone, so two equal ones
    /// cannot be told apart. [`Self::split_on`] tells them apart.
    ///
    /// # Errors
    /// `not_a_batch` if the event as a whole is not one of this source.
    pub fn split(self, event: &RawValue) -> Result<Vec<Delivery<'_>>, Failure> {
        self.split_on(event, "")
    }

    /// Splits the event of one invocation into deliveries, and tells equal events without ids
    /// apart.
    ///
    /// `occasion` names the invocation and must stay the same when the invocation is retried, as
    /// Lambda's request id does. Records may come in `Records`, as Lambda's mappings send them, or
    /// in a bare array, as EventBridge Pipes sends them. Each user record that the Kinesis Producer
    /// Library put into one Kinesis record is a delivery of its own.
    ///
    /// # Errors
    /// As [`Self::split`].
    pub fn split_on<'a>(self, event: &'a RawValue, occasion: &str) -> Result<Vec<Delivery<'a>>, Failure> {
        if self == Source::EventBridge {
            return Ok(vec![eventbridge::delivery(event, occasion)]);
        }
        if self == Source::S3 && Fields::of(event).is_ok_and(|fields| s3::is_test_event(&fields)) {
            return Ok(vec![Delivery { test_event: true, ..Delivery::nameless(event) }]);
        }
        let records = records_of(event).map_err(|error| {
            let reason = format!("the event is not a batch of {}: {error}", self.as_str());
            Failure::permanent("not_a_batch", reason)
        })?;
        let mut deliveries = Vec::with_capacity(records.len());
        for record in records {
            match self {
                Source::Kinesis => kinesis::deliveries(record, &mut deliveries),
                Source::DynamoDb => deliveries.push(dynamodb::delivery(record)),
                Source::Sqs => sqs::deliveries(record, &mut deliveries),
                Source::Sns => sns::deliveries(record, &mut deliveries),
                Source::S3 | Source::EventBridge => deliveries.push(s3::delivery(record)),
            }
        }
        Ok(deliveries)
    }
}

/// The records of an event. A bare array must not be empty.
fn records_of(event: &RawValue) -> serde_json::Result<Vec<&RawValue>> {
    if event.get().starts_with('[') {
        let records: Vec<&RawValue> = serde_json::from_str(event.get())?;
        return if records.is_empty() { Err(missing()) } else { Ok(records) };
    }
    let (records, _) = Fields::taking(event, "Records")?;
    records.ok_or_else(missing)
}

fn missing() -> serde_json::Error {
    serde::de::Error::custom("it has no `Records`")
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
