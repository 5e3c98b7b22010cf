//! Decodes deliveries into the types of `aws_lambda_events`, each on its own.

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

/// Decodes the record into its type in `aws_lambda_events`.
///
/// These types reject a record without a field that they require, even if your code does not need
/// that field. Use them if you need such a field. Otherwise use [`Delivery::json`]. A rejected
/// record fails alone and permanently, with the code `invalid_record`.
impl Delivery<'_> {
    /// Decodes a Kinesis record.
    ///
    /// For a user record of an aggregate, the result is a record that seems to have been put alone.
    ///
    /// # Errors
    /// `invalid_record` (permanent): the record is not a Kinesis record.
    pub fn kinesis_record(&self) -> Result<KinesisEventRecord, Failure> {
        standard("Kinesis record", self.own_record().get())
    }

    /// Decodes a record of a DynamoDB stream.
    ///
    /// # Errors
    /// `invalid_record` (permanent): the record is not of a DynamoDB stream.
    pub fn dynamodb_record(&self) -> Result<DynamoDbRecord, Failure> {
        standard("record of a DynamoDB stream", self.record.get())
    }

    /// Decodes a message of a queue.
    ///
    /// Its body is as the queue has it, with wrappers.
    ///
    /// # Errors
    /// `invalid_record` (permanent): the record is not an SQS message.
    pub fn sqs_message(&self) -> Result<SqsMessage, Failure> {
        standard("SQS message", self.own_record().get())
    }

    /// Decodes a record of a topic to which the function is subscribed.
    ///
    /// # Errors
    /// `invalid_record` (permanent): the record is not an SNS record.
    pub fn sns_record(&self) -> Result<SnsRecord, Failure> {
        standard("SNS record", self.own_record().get())
    }

    /// Decodes a record of a bucket's notification, including one that came through a queue or a
    /// topic.
    ///
    /// # Errors
    /// - The failure to read the delivery.
    /// - `invalid_record` (permanent): the body is not an S3 record.
    pub fn s3_record(&self) -> Result<S3EventRecord, Failure> {
        let body = std::str::from_utf8(self.bytes()?)
            .map_err(|error| Failure::permanent("invalid_record", error.to_string()))?;
        standard("S3 record", body)
    }

    /// Decodes an EventBridge event, including one that came through a queue or a topic.
    ///
    /// Its `detail` is JSON. This includes the events of Scheduler, which sends the detail as a
    /// string.
    ///
    /// # Errors
    /// - The failure to read the delivery.
    /// - `invalid_record` (permanent): the record is not an EventBridge event.
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
            .ok_or_else(|| {
                Failure::permanent("invalid_record", format!("the record is not an {NAME}"))
            })?;
        standard(NAME, event.get())
    }
}

fn standard<T: DeserializeOwned>(name: &str, json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| {
        Failure::permanent("invalid_record", format!("not a complete {name}: {error}"))
    })
}

#[cfg(test)]
mod tests;
