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

use super::fields::{Fields, string};
use super::{Delivery, wrapper};
use crate::failure::Failure;

/// The record in the type that `aws_lambda_events` has for it, with every field that AWS documents.
///
/// Those types refuse what lacks a field that they require, needed or not: decode with them where
/// you need such a field, and with [`Delivery::json`] where the body is enough. A record that they
/// refuse costs itself: its failure is permanent, with the code `invalid_record`.
impl Delivery<'_> {
    /// The Kinesis record. A user record of an aggregate is a record as if it had been put alone.
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

    /// The message of a queue, its body as the queue has it: wrappers included.
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

    /// The record of a bucket's notification, also where a queue or a topic stands behind the
    /// bucket.
    ///
    /// # Errors
    /// The failure to read the delivery, or `invalid_record` (permanent) when it is not one.
    pub fn s3_record(&self) -> Result<S3EventRecord, Failure> {
        let body = std::str::from_utf8(self.bytes()?)
            .map_err(|error| Failure::permanent("invalid_record", error.to_string()))?;
        standard("S3 record", body)
    }

    /// The EventBridge event, also where a queue or a topic stands behind the rule. The text that
    /// Scheduler has for a `detail` is the JSON in it.
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
        let record = Fields::of(self.record).unwrap_or_default();
        let message = record.get("body").and_then(string).filter(|_| self.item.is_some());
        let message = message.or_else(|| record.object("Sns").get("Message").and_then(string));
        let text = message.unwrap_or_else(|| self.record.get().to_owned());
        let event = wrapper::event(&text);
        let event = Fields::in_text(&event)
            .filter(|event| event.get("detail").is_some())
            .and_then(|event| event.with(&[("detail", detail)]))
            .ok_or_else(|| Failure::permanent("invalid_record", format!("it is no {NAME}")))?;
        standard(NAME, event.get())
    }
}

fn standard<T: DeserializeOwned>(name: &str, json: &str) -> Result<T, Failure> {
    serde_json::from_str(json)
        .map_err(|error| Failure::permanent("invalid_record", format!("it is no {name} in full: {error}")))
}

#[cfg(test)]
mod tests;
