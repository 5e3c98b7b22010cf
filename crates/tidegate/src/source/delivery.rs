//! One record as its source delivers it.

use std::fmt::Display;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::body::Body;
use super::change::Change;
use super::event_name::EventName;
use crate::failure::Failure;
use crate::ids::content_id;

/// One record as a source hands it over: its body, not decoded yet, and where it came from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery<'a> {
    /// Identifier of the record in a partial batch response: its sequence number or message id.
    /// `None` if the record has none, and for sources without partial batch responses.
    pub item: Option<String>,
    /// Place of the record in its source, the same on every redelivery. It is one of these:
    ///
    /// - shard and sequence number, plus the number of the user record in an aggregate
    /// - message id
    /// - event id
    /// - for an event without an id, a hash of its content and of [`Self::occasion`]
    pub position: String,
    /// Request id of the invocation that delivered an event without an id. Lambda keeps the request
    /// id when it retries an asynchronous invocation.
    pub occasion: Option<String>,
    /// Number of the record in its aggregate or notification, from 0.
    pub subsequence: Option<u64>,
    /// Source and detail type of an EventBridge event, including one that a rule sent through a
    /// queue or a topic. `None` for other messages.
    pub event: Option<EventName>,
    /// EventBridge's id of the event. A retry by EventBridge has the same id. An event that is put
    /// again has another.
    pub event_id: Option<String>,
    /// ARN of the SNS topic through which the message came.
    pub topic_arn: Option<String>,
    /// Ordering key. Deliveries with the same key are handled one after the other.
    pub ordering_key: String,
    /// Time at which the transport accepted the record.
    pub arrived_at: Option<Timestamp>,
    /// Number of times that the source has handed over the record, including this time. Only queues
    /// count, and only approximately.
    pub attempts: Option<u32>,
    /// Body without the wrappers of EventBridge and SNS, or the reason why it cannot be read.
    pub body: Result<Body, Failure>,
    /// Record as it arrived, with its wrappers. For a user record it is the whole aggregate.
    pub record: &'a RawValue,
    /// ARN of the stream or queue, if the record contains it.
    pub(crate) source_arn: Option<Arc<str>>,
    /// Whether this is the test event that S3 sends when a notification is configured.
    pub(crate) test_event: bool,
}

impl<'a> Delivery<'a> {
    /// Creates a delivery at this position, in its own lane and without a body.
    pub(super) fn at(record: &'a RawValue, position: String) -> Self {
        Delivery {
            item: None,
            ordering_key: position.clone(),
            position,
            occasion: None,
            subsequence: None,
            event: None,
            event_id: None,
            topic_arn: None,
            arrived_at: None,
            attempts: None,
            body: Ok(Body::Bytes(Vec::new())),
            record,
            source_arn: None,
            test_event: false,
        }
    }

    /// Creates a delivery without a position of its own. The position is a hash of its content.
    pub(super) fn nameless(record: &'a RawValue) -> Self {
        Delivery::at(record, content_id(&["record", record.get()]))
    }

    /// Marks the delivery as unreadable.
    pub(super) fn unreadable(mut self, reason: impl Display) -> Self {
        self.body = Err(Failure::permanent("unreadable_record", reason.to_string()));
        self
    }

    /// Returns whether the record is S3's `s3:TestEvent`, which S3 sends when a notification is
    /// configured.
    ///
    /// The event has no content. A [`Runner`](crate::batch::Runner) counts it as filtered and does
    /// not decode it.
    pub fn is_test_event(&self) -> bool {
        self.test_event
    }
}

impl Delivery<'_> {
    /// Returns the body of a delivery that is one of several in its record.
    pub(crate) fn part(&self) -> Option<&[u8]> {
        match (self.subsequence, &self.body) {
            (Some(_), Ok(Body::Bytes(data))) => Some(data),
            _ => None,
        }
    }

    /// Returns the bytes of the body.
    ///
    /// # Errors
    /// - The failure to read the record.
    /// - `unexpected_source` (permanent): the body is a change of a table.
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

    /// Decodes the body as JSON.
    ///
    /// # Errors
    /// - The errors of [`Self::bytes`].
    /// - `invalid_body` (permanent): the body is not JSON of this type. (A parser's own error,
    ///   returned with `?`, would be transient and block its lane.)
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(self.bytes()?)
            .map_err(|error| Failure::permanent("invalid_body", error.to_string()))
    }

    /// Returns the change of a table.
    ///
    /// # Errors
    /// - The failure to read the record.
    /// - `unexpected_source` (permanent): the body is a message.
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
