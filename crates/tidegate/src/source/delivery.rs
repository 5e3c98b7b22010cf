//! One record as a source hands it over.

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
    /// How the partial response names the record: its sequence number or message id. `None` if the
    /// record does not have one, and for sources without partial responses.
    pub item: Option<String>,
    /// Where the record came from, the same on every redelivery: shard and sequence number (and the
    /// number of the user record in an aggregate), message id, or event id. For an event without an
    /// id it is a hash of its content and of [`Self::occasion`].
    pub position: String,
    /// The request id of the invocation that brought an event without an id. Lambda keeps the
    /// request id when it retries an asynchronous invocation.
    pub occasion: Option<String>,
    /// Number of the record in the aggregate or notification that held it, from 0.
    pub subsequence: Option<u64>,
    /// Source and detail-type of an EventBridge event, also if a queue or a topic stands between
    /// rule and function. `None` for other messages.
    pub event: Option<EventName>,
    /// EventBridge's id of the event. EventBridge keeps it when it retries; an event that is put
    /// again has another.
    pub event_id: Option<String>,
    /// The SNS topic that the message came through.
    pub topic_arn: Option<String>,
    /// Deliveries of one ordering key are handled one after the other.
    pub ordering_key: String,
    /// When the transport took the record.
    pub arrived_at: Option<Timestamp>,
    /// How often the source handed out the record, this time included. Only queues count, and only
    /// approximately.
    pub attempts: Option<u32>,
    /// The body without the wrappers of EventBridge and SNS, or why it cannot be read.
    pub body: Result<Body, Failure>,
    /// The record as it arrived, with its wrappers. For a user record: the whole aggregate.
    pub record: &'a RawValue,
    /// The ARN of the stream or queue, where the record tells it.
    pub(crate) source_arn: Option<Arc<str>>,
    /// S3's message that a notification was configured.
    pub(crate) test_event: bool,
}

impl<'a> Delivery<'a> {
    /// A record at this position, a lane of its own, with no body yet.
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

    /// A record without a position of its own; the position is a hash of its content.
    pub(super) fn nameless(record: &'a RawValue) -> Self {
        Delivery::at(record, content_id(&["record", record.get()]))
    }

    /// The record, which could not be read.
    pub(super) fn unreadable(mut self, reason: impl Display) -> Self {
        self.body = Err(Failure::permanent("unreadable_record", reason.to_string()));
        self
    }

    /// Whether the record is S3's `s3:TestEvent`, which it writes when a notification is
    /// configured. It holds nothing: a [`Runner`](crate::batch::Runner) counts it as filtered and
    /// does not decode it.
    pub fn is_test_event(&self) -> bool {
        self.test_event
    }
}

impl Delivery<'_> {
    /// The body of one of several that came in one record.
    pub(crate) fn part(&self) -> Option<&[u8]> {
        match (self.subsequence, &self.body) {
            (Some(_), Ok(Body::Bytes(data))) => Some(data),
            _ => None,
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
    /// As [`Self::bytes`], and `invalid_body` (permanent) if the body is not JSON of this type. (A
    /// parser's own error, passed on with `?`, would be transient and block its lane.)
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
