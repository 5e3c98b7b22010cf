use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Change, kinesis, sns, sqs};
use crate::failure::Failure;
use crate::ids::content_id;

/// One record as a source hands it over: its body, not decoded yet, and where it came from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery<'a> {
    /// How the partial response names the record: sequence number or message id. None when the
    /// record does not even tell that, and for sources that know no partial response.
    pub item: Option<String>,
    /// Where the record came from, the same on every redelivery: shard and sequence number (and the
    /// number of the user record in an aggregate), message id, event id. Of an event without an id,
    /// a hash of its content and of [`Self::occasion`].
    pub position: String,
    /// Which invocation brought the event, where its content alone does not tell it from another
    /// one: Lambda's request id, which Lambda keeps when it tries an asynchronous invocation again.
    pub occasion: Option<String>,
    /// Number of the record in the aggregate or notification it was taken out of, from 0.
    pub subsequence: Option<u64>,
    /// What EventBridge calls the event, also where a queue or a topic stands behind the rule;
    /// other messages have no such name.
    pub event: Option<EventName>,
    /// EventBridge's id of the event; it survives EventBridge's retries, and is another one when
    /// the event is put again.
    pub event_id: Option<String>,
    /// The SNS topic that the message came through.
    pub topic_arn: Option<String>,
    /// Deliveries of one ordering key are handled one after the other.
    pub ordering_key: String,
    /// When the transport took the record.
    pub arrived_at: Option<Timestamp>,
    /// How often the record was handed out, this time included, by the source's own approximate
    /// count; queues alone keep one.
    pub attempts: Option<u32>,
    /// The body without the wrappers of EventBridge and SNS, or why it cannot be read.
    pub body: Result<Body, Failure>,
    /// The record as it came, wrappers included; of a user record, the whole aggregate.
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

    /// A record that does not say where it came from: its content does.
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
    /// The record with nothing in it but this delivery, from which the invocation can be rebuilt:
    /// the record as it came, and of one of several that came in one record, a record as if it had
    /// come alone, at the same position. (The whole would bring its neighbours along, and a letter
    /// for each of them would hold all of them.)
    pub fn own_record(&self) -> Cow<'_, RawValue> {
        let alone = self.part().and_then(|data| alone(self.record, &self.position, &self.ordering_key, data));
        alone.map_or(Cow::Borrowed(self.record), Cow::Owned)
    }

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
    /// As [`Self::bytes`], and `invalid_body` (permanent) when it is no such JSON. With `?` on a
    /// parser's own error it would be transient, and block its lane.
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

/// One of several that came in `record`, as a record by itself. Scans `record`.
pub(crate) fn alone(
    record: &RawValue,
    position: &str,
    ordering_key: &str,
    data: &[u8],
) -> Option<Box<RawValue>> {
    kinesis::alone(record, position, ordering_key, data)
        .or_else(|| sqs::alone(record, position, data))
        .or_else(|| sns::alone(record, position, data))
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
