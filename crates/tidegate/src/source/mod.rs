//! Takes the event of a Lambda invocation apart into deliveries, and puts the answer together.
//!
//! A batch is split before any body is decoded: a record that cannot be read becomes a delivery that says so, and costs its
//! neighbours nothing. Only what a delivery needs is read of a record: whatever else a source adds, leaves out or gets wrong costs nothing. (The types
//! of `aws_lambda_events` refuse a whole batch for one bad base64 or one missing attribute.)

mod aggregate;
mod dynamodb;
mod eventbridge;
mod kinesis;
mod response;
mod sqs;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

#[cfg(test)]
pub(crate) use aggregate::aggregated;
pub use dynamodb::{Change, ChangeKind};
pub use response::Response;

use crate::failure::Failure;
use crate::ids::content_id;

/// The service that invokes the function; each has its own event and its own way to report failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

    /// Splits the event of one invocation. A Kinesis record in which the Kinesis Producer Library put several user records is taken apart: each is a delivery of
    /// its own.
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
        let records = batch.records.into_iter();
        Ok(match self {
            Source::Kinesis => {
                let mut deliveries = Vec::with_capacity(records.len());
                records.for_each(|record| kinesis::deliveries(record, &mut deliveries));
                deliveries
            }
            Source::DynamoDb => records.map(dynamodb::delivery).collect(),
            Source::Sqs | Source::EventBridge => records.map(sqs::delivery).collect(),
        })
    }
}

/// One record as a source hands it over: its body, not decoded yet, and where it came from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery<'a> {
    /// How the partial response names the record: sequence number or message id. None when the record does not even tell that.
    pub item: Option<String>,
    /// Where the record came from, the same on every redelivery: shard and sequence number (and the number of the user record in an aggregate), message id, event
    /// id.
    pub position: String,
    /// Number of the user record in the aggregate it was taken out of, from 0.
    pub subsequence: Option<u64>,
    /// What EventBridge calls the event; other sources have no such name.
    pub event: Option<EventName>,
    /// Deliveries of one ordering key are handled one after the other.
    pub ordering_key: String,
    /// When the transport took the record.
    pub arrived_at: Option<Timestamp>,
    /// How often the record was handed out, this time included, by the source's own approximate count; queues alone keep one.
    pub attempts: Option<u32>,
    /// The body, or why it cannot be read.
    pub body: Result<Body, Failure>,
    /// The record as it came; of a user record, the whole aggregate.
    pub record: &'a RawValue,
}

impl Delivery<'_> {
    /// The record with nothing in it but this delivery, from which the invocation can be rebuilt: the record as it came, and of a user record a Kinesis record as
    /// if it had been put alone, at the same position. (The aggregate would bring its neighbours along, and a letter for each of them would hold all of them.)
    pub fn own_record(&self) -> Cow<'_, RawValue> {
        match (self.subsequence, &self.body) {
            (Some(_), Ok(Body::Bytes(data))) => {
                kinesis::alone(self.record, &self.position, &self.ordering_key, data)
                    .map_or(Cow::Borrowed(self.record), Cow::Owned)
            }
            _ => Cow::Borrowed(self.record),
        }
    }

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

/// What EventBridge calls an event, and matches its rules with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventName {
    /// Who produced it: `shop.orders`, `aws.s3`.
    pub source: String,
    /// Its type: `OrderPlaced`, `Object Created`.
    pub detail_type: String,
}

impl EventName {
    /// The name of the events of this type from this source.
    pub fn new(source: impl Into<String>, detail_type: impl Into<String>) -> Self {
        EventName { source: source.into(), detail_type: detail_type.into() }
    }
}

/// Body of a delivery.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// A message.
    Bytes(Vec<u8>),
    /// A change of a table.
    Change(Change),
}

/// A point in time as Lambda writes it, in seconds since 1970, to the millisecond. None for one that no calendar has.
fn instant(seconds: f64) -> Option<Timestamp> {
    // The conversion goes to the nearest number there is, so that nonsense ends outside the calendar.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
}

/// A record that could not be read; `identity` is what can still be told of it.
fn unreadable<'a>(record: &'a RawValue, identity: Identity, error: &serde_json::Error) -> Delivery<'a> {
    let position = identity.position.unwrap_or_else(|| content_id(&["record", record.get()]));
    Delivery {
        item: identity.item,
        ordering_key: identity.ordering_key.unwrap_or_else(|| position.clone()),
        position,
        subsequence: None,
        event: None,
        arrived_at: None,
        attempts: None,
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
mod properties;
#[cfg(test)]
mod tests;
