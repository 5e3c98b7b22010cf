use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::ids::content_id;
use crate::source::{Delivery, Source};

/// A dead letter as written by a function itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Recognises the shape: always [`DeadLetter::KIND`].
    pub kind: String,
    /// Derived from function and position, and for a table's stream from its ARN: the same delivery
    /// given up twice is one letter.
    pub id: String,
    /// The function that gave up.
    pub function: String,
    /// The kind of source: `kinesis`, `dynamodb`, `sqs`, `eventbridge`, `sns`, `s3`.
    pub source: String,
    /// Where the record came from: shard and sequence number (and the number of the user record in an aggregate), message id, event id.
    pub position: String,
    /// The invocation that brought the event, if the event has no id; see [`Delivery::occasion`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occasion: Option<String>,
    /// Number of the user record in the aggregate it was taken out of, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subsequence: Option<u64>,
    /// The record's ordering key.
    pub ordering_key: String,
    /// Class of the failure.
    pub class: String,
    /// Its stable code.
    pub code: String,
    /// Its reason, for people.
    pub reason: String,
    /// When the transport took the record.
    pub arrived_at: Option<Timestamp>,
    /// How often the record was handed out before it was given up, by the source's own approximate count; queues alone keep one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// When the function gave up.
    pub failed_at: Timestamp,
    /// The record.
    pub payload: Payload,
}

/// The record of a dead letter, by value or in the dead-letter bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The record as it was in the event of the invocation. A user record of an aggregate is a Kinesis record of its own, so that a replay runs no neighbour.
    Record(Box<RawValue>),
    /// It is too large for a message.
    Object {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
}

/// Longest reason in a letter, in characters: it may quote what a stranger wrote.
const REASON_LIMIT: usize = 2000;

fn shortened(reason: &str) -> String {
    match reason.char_indices().nth(REASON_LIMIT) {
        Some((end, _)) => format!("{}…", reason.get(..end).unwrap_or_default()),
        None => reason.to_owned(),
    }
}

impl DeadLetter {
    /// Value of [`DeadLetter::kind`].
    pub const KIND: &'static str = "tidegate.dead-letter.v1";

    /// The letter of a delivery that `function` gave up.
    pub fn new(function: &str, source: Source, delivery: &Delivery<'_>, failure: &Failure) -> Self {
        DeadLetter {
            kind: Self::KIND.to_owned(),
            id: id(function, source, delivery),
            function: function.to_owned(),
            source: source.as_str().to_owned(),
            position: delivery.position.clone(),
            occasion: delivery.occasion.clone(),
            subsequence: delivery.subsequence,
            ordering_key: delivery.ordering_key.clone(),
            class: failure.class().to_string(),
            code: failure.code().to_owned(),
            reason: shortened(failure.reason()),
            arrived_at: delivery.arrived_at,
            attempts: delivery.attempts,
            failed_at: Timestamp::now(),
            payload: Payload::Record(delivery.own_record().into_owned()),
        }
    }

    /// The event that repeats the invocation for this record alone.
    ///
    /// # Errors
    /// When the record is JSON no more.
    pub fn event(&self, record: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
        event_of(&self.source, record)
    }
}

/// Positions in the streams of two tables may be equal. All other positions are unique.
fn id(function: &str, source: Source, delivery: &Delivery<'_>) -> String {
    let position = ["dead-letter", function, source.as_str(), &delivery.position];
    match delivery.source_arn.as_deref().filter(|_| source == Source::DynamoDb) {
        Some(source_arn) => {
            let [kind, function, source, position] = position;
            content_id(&[kind, function, source, position, source_arn])
        }
        None => content_id(&position),
    }
}

/// The event of an invocation by this kind of source that has this record alone.
pub(crate) fn event_of(source: &str, record: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
    if source == Source::EventBridge.as_str() {
        return Ok(record.to_owned());
    }
    RawValue::from_string(format!(r#"{{"Records":[{}]}}"#, record.get()))
}
