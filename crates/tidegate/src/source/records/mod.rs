//! Deliveries in the types of `aws_lambda_events`, each decoded by itself.

use aws_lambda_events::dynamodb::EventRecord as DynamoDbRecord;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::kinesis::KinesisEventRecord;
use aws_lambda_events::s3::S3EventRecord;
use aws_lambda_events::sns::SnsRecord;
use aws_lambda_events::sqs::SqsMessage;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::delivery::Delivery;
use super::fields::{Fields, string};
use super::wrapper;
use crate::failure::Failure;

/// Decodes the record into the type that `aws_lambda_events` has for it.
///
/// These types reject a record that lacks a field which they require, needed or not. Decode with
/// them if you need such a field, and with [`Delivery::json`] if the body is enough. A rejected
/// record fails alone and for good, with the code `invalid_record`.
impl Delivery<'_> {
    /// The Kinesis record. For a user record of an aggregate: a record as if it had been put alone.
    ///
    /// # Errors
    /// `invalid_record` (permanent) when it is not one.
    pub fn kinesis_record(&self) -> Result<KinesisEventRecord, Failure> {
        standard("Kinesis record", self.own_record().get())
    }

    /// The record of a DynamoDB stream.
    ///
    /// # Errors
    /// `invalid_record` (permanent) when it is not one.
    pub fn dynamodb_record(&self) -> Result<DynamoDbRecord, Failure> {
        standard("record of a DynamoDB stream", self.record.get())
    }

    /// The message of a queue. Its body is as the queue has it, with wrappers.
    ///
    /// # Errors
    /// `invalid_record` (permanent) when it is not one.
    pub fn sqs_message(&self) -> Result<SqsMessage, Failure> {
        standard("SQS message", self.own_record().get())
    }

    /// The record of a topic that the function is subscribed to.
    ///
    /// # Errors
    /// `invalid_record` (permanent) when it is not one.
    pub fn sns_record(&self) -> Result<SnsRecord, Failure> {
        standard("SNS record", self.own_record().get())
    }

    /// The record of a bucket's notification, also if a queue or a topic stands between bucket and
    /// function.
    ///
    /// # Errors
    /// The failure to read the delivery, or `invalid_record` (permanent) when it is not one.
    pub fn s3_record(&self) -> Result<S3EventRecord, Failure> {
        let body = std::str::from_utf8(self.bytes()?)
            .map_err(|error| Failure::permanent("invalid_record", error.to_string()))?;
        standard("S3 record", body)
    }

    /// The EventBridge event, also if a queue or a topic stands between rule and function. Its
    /// `detail` is JSON, also for Scheduler, which sends it as a string.
    ///
    /// # Errors
    /// The failure to read the delivery, or `invalid_record` (permanent) when it is not one.
    pub fn eventbridge_event<T>(&self) -> Result<EventBridgeEvent<T>, Failure>
    where
        T: DeserializeOwned + Serialize,
    {
        const NAME: &str = "EventBridge event";
        let detail: &RawValue = serde_json::from_slice(self.bytes()?)
            .map_err(|error| Failure::permanent("invalid_record", error.to_string()))?;
        let record = Fields::parse(self.record).unwrap_or_default();
        let message = record.get("body").and_then(string).filter(|_| self.item.is_some());
        let message = message.or_else(|| record.object("Sns").get("Message").and_then(string));
        let text = message.unwrap_or_else(|| self.record.get().to_owned());
        let event = wrapper::event(&text);
        let event = Fields::in_text(&event)
            .filter(|event| event.get("detail").is_some())
            .and_then(|event| event.with(&[("detail", detail)]))
            .ok_or_else(|| Failure::permanent("invalid_record", format!("the record is not an {NAME}")))?;
        standard(NAME, event.get())
    }
}

fn standard<T: DeserializeOwned>(name: &str, json: &str) -> Result<T, Failure> {
    serde_json::from_str(json)
        .map_err(|error| Failure::permanent("invalid_record", format!("not a complete {name}: {error}")))
}

#[cfg(test)]
mod tests;
