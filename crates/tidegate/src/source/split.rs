//! Splits the event of an invocation into deliveries.

use serde_json::value::RawValue;

use super::delivery::Delivery;
use super::fields::Fields;
use super::kind::Source;
use super::{dynamodb, eventbridge, kinesis, s3, sns, sqs};
use crate::failure::Failure;

impl Source {
    /// Splits the event of one invocation into deliveries.
    ///
    /// An event without an id has a hash of its content as its position. So two equal events have
    /// the same position here. [`Self::split_on`] gives them different positions.
    ///
    /// # Errors
    /// `not_a_batch`: the event as a whole is not an event of this source.
    pub fn split(self, event: &RawValue) -> Result<Vec<Delivery<'_>>, Failure> {
        self.split_on(event, "")
    }

    /// Splits the event of one invocation into deliveries, with different positions for equal
    /// events without ids.
    ///
    /// `occasion` identifies the invocation. It must stay the same when the invocation is retried,
    /// like Lambda's request id.
    ///
    /// Records may be in `Records`, as Lambda's event source mappings send them, or in a bare
    /// array, as EventBridge Pipes sends them. A Kinesis record may be an aggregate of the Kinesis
    /// Producer Library. Each user record in it is then a delivery.
    ///
    /// # Errors
    /// Same as [`Self::split`].
    pub fn split_on<'a>(
        self,
        event: &'a RawValue,
        occasion: &str,
    ) -> Result<Vec<Delivery<'a>>, Failure> {
        if self == Self::EventBridge {
            return Ok(vec![eventbridge::delivery(event, occasion)]);
        }
        if self == Self::S3 && Fields::parse(event).is_ok_and(|fields| s3::is_test_event(&fields)) {
            return Ok(vec![Delivery { test_event: true, ..Delivery::nameless(event) }]);
        }
        let records = records_of(event).map_err(|error| {
            let reason = format!(
                "the event is not a batch of {} records: {error}; compare the function's source with \
                 what invokes it",
                self.as_str()
            );
            Failure::permanent("not_a_batch", reason)
        })?;
        let mut deliveries = Vec::with_capacity(records.len());
        for record in records {
            match self {
                Self::Kinesis => kinesis::deliveries(record, &mut deliveries),
                Self::DynamoDb => deliveries.push(dynamodb::delivery(record)),
                Self::Sqs => sqs::deliveries(record, &mut deliveries),
                Self::Sns => sns::deliveries(record, &mut deliveries),
                Self::S3 | Self::EventBridge => deliveries.push(s3::delivery(record)),
            }
        }
        Ok(deliveries)
    }
}

/// Returns the records of an event. A bare array must not be empty.
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
