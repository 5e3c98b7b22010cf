//! Takes the event of a Lambda invocation apart into deliveries, and puts the answer together.
//!
//! A batch is split before any body is decoded: a record that cannot be read becomes a delivery that says so, and costs its
//! neighbours nothing. (`aws_lambda_events` as it stands refuses the whole batch for one bad base64 or one missing attribute, so its
//! record types are applied one by one.)

mod dynamodb;
mod eventbridge;
mod kinesis;
mod response;
mod sqs;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub use dynamodb::{Change, ChangeKind};
pub use response::Response;

use crate::failure::Failure;
use crate::ids::content_id;

/// The service that invokes the function; each has its own event and its own way to report failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A Kinesis stream.
    Kinesis,
    /// A table's DynamoDB stream.
    DynamoDb,
    /// An SQS queue, standard or FIFO.
    Sqs,
    /// An EventBridge rule: one event, invoked asynchronously.
    EventBridge,
}

impl Source {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Kinesis => "kinesis",
            Source::DynamoDb => "dynamodb",
            Source::Sqs => "sqs",
            Source::EventBridge => "eventbridge",
        }
    }

    /// Splits the event of one invocation.
    ///
    /// # Errors
    /// When the event as a whole is none of this source's, so that there are no deliveries to tell apart.
    pub fn split(self, event: &RawValue) -> Result<Vec<Delivery<'_>>, Failure> {
        if self == Source::EventBridge {
            return Ok(vec![eventbridge::delivery(event)]);
        }
        #[derive(Deserialize)]
        struct Batch<'a> {
            #[serde(rename = "Records", borrow)]
            records: Vec<&'a RawValue>,
        }
        let batch: Batch<'_> = serde_json::from_str(event.get()).map_err(|error| {
            Failure::permanent("not_a_batch", format!("the event is no {} batch: {error}", self.as_str()))
        })?;
        let one = match self {
            Source::Kinesis => kinesis::delivery,
            Source::DynamoDb => dynamodb::delivery,
            Source::Sqs | Source::EventBridge => sqs::delivery,
        };
        Ok(batch.records.into_iter().map(one).collect())
    }
}

/// One record as a source hands it over: its body, not decoded yet, and where it came from.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// How the partial response names the record: sequence number or message id. None when the record does not even tell that.
    pub item: Option<String>,
    /// Where the record came from, the same on every redelivery: shard and sequence number, message id, event id.
    pub position: String,
    /// Deliveries of one ordering key are handled one after the other.
    pub ordering_key: String,
    /// When the transport took the record.
    pub arrived_at: Option<Timestamp>,
    /// The body, or why it cannot be read.
    pub body: Result<Body, Failure>,
    /// The record as it came, from which the invocation can be rebuilt.
    pub record: &'a RawValue,
}

impl Delivery<'_> {
    /// The body's bytes.
    ///
    /// # Errors
    /// The failure to read the record; or a permanent one when its body is a change of a table.
    pub fn bytes(&self) -> Result<&[u8], Failure> {
        match &self.body {
            Ok(Body::Bytes(bytes)) => Ok(bytes),
            Ok(Body::Change(_)) => Err(Failure::permanent(
                "unexpected_source",
                "the record is a change of a table, not a message",
            )),
            Err(failure) => Err(failure.clone()),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// As [`Self::bytes`], and `invalid_body` (permanent) when it is no such JSON. With `?` on a parser's own error it would be transient, and block its lane.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(self.bytes()?)
            .map_err(|error| Failure::permanent("invalid_body", error.to_string()))
    }

    /// The change of a table.
    ///
    /// # Errors
    /// The failure to read the record; or a permanent one when its body is a message.
    pub fn change(&self) -> Result<&Change, Failure> {
        match &self.body {
            Ok(Body::Change(change)) => Ok(change),
            Ok(Body::Bytes(_)) => Err(Failure::permanent(
                "unexpected_source",
                "the record is a message, not a change of a table",
            )),
            Err(failure) => Err(failure.clone()),
        }
    }
}

/// Body of a delivery.
#[derive(Debug)]
pub enum Body {
    /// A message.
    Bytes(Vec<u8>),
    /// A change of a table.
    Change(Change),
}

/// A record that could not be read; `identity` is what can still be told of it.
fn unreadable<'a>(record: &'a RawValue, identity: Identity, error: &serde_json::Error) -> Delivery<'a> {
    let position = identity.position.unwrap_or_else(|| content_id(&["record", record.get()]));
    Delivery {
        item: identity.item,
        ordering_key: identity.ordering_key.unwrap_or_else(|| position.clone()),
        position,
        arrived_at: None,
        body: Err(Failure::permanent("unreadable_record", error.to_string())),
        record,
    }
}

#[derive(Default)]
struct Identity {
    item: Option<String>,
    position: Option<String>,
    ordering_key: Option<String>,
}

#[cfg(test)]
mod tests;
