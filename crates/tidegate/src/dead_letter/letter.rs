//! A dead letter: a delivery and the reason why it cannot be applied.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::ids::content_id;
use crate::source::{Delivery, Source};

/// A dead letter as a function writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Identifies the shape: always [`DeadLetter::KIND`].
    pub kind: String,
    /// Id derived from function and position, and for a table's stream also from its ARN. A
    /// delivery that is given up twice is one letter.
    pub id: String,
    /// Function that gave up.
    pub function: String,
    /// Kind of source: `kinesis`, `dynamodb`, `sqs`, `eventbridge`, `sns`, `s3`.
    pub source: String,
    /// Position of the record: shard and sequence number (and the number of the user record in an
    /// aggregate), message id, or event id.
    pub position: String,
    /// Request id of the invocation with the event, if the event has no id; see
    /// [`Delivery::occasion`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occasion: Option<String>,
    /// Number of the user record in its aggregate, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subsequence: Option<u64>,
    /// Ordering key of the record.
    pub ordering_key: String,
    /// Class of the failure.
    pub class: String,
    /// Stable code of the failure.
    pub code: String,
    /// Reason of the failure, for people.
    pub reason: String,
    /// Time at which the transport accepted the record.
    pub arrived_at: Option<Timestamp>,
    /// How often the source delivered the record before it was given up. Approximate; only queues
    /// count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Time at which the function gave up.
    pub failed_at: Timestamp,
    /// Record.
    pub payload: Payload,
}

/// The record of a dead letter, by value or in the dead-letter bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The record as it was in the event of the invocation.
    ///
    /// A user record of an aggregate becomes a Kinesis record of its own, so that a replay runs no
    /// neighbouring record.
    Record(Box<RawValue>),
    /// The record is too large for a message and is an object in a bucket.
    Object {
        /// Name of the bucket.
        bucket: String,
        /// Key of the object.
        key: String,
    },
}

/// Longest reason in a letter, in characters. A reason may quote input of any length.
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

    /// Creates the letter of a delivery that `function` gave up.
    pub fn new(function: &str, source: Source, delivery: &Delivery<'_>, failure: &Failure) -> Self {
        Self {
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

    /// Returns whether the letter has the id that this version of the toolkit gives to a letter of
    /// this record, source and occasion.
    ///
    /// A forged letter may name the record of another letter, and would then replay something else
    /// than that letter.
    pub fn is_of(&self, record: &RawValue) -> bool {
        let (Some(source), Ok(event)) = (source_named(&self.source), self.event(record)) else {
            return false;
        };
        let deliveries = source.split_on(&event, self.occasion.as_deref().unwrap_or_default());
        let deliveries = deliveries.unwrap_or_default();
        let [delivery] = deliveries.as_slice() else { return false };
        id(&self.function, source, delivery) == self.id
    }

    /// Creates the event that repeats the invocation for this record alone.
    ///
    /// # Errors
    /// The record is no longer JSON.
    pub fn event(&self, record: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
        event_of(&self.source, record)
    }
}

/// Finds a kind of source by its name.
fn source_named(name: &str) -> Option<Source> {
    let all = [
        Source::Kinesis,
        Source::DynamoDb,
        Source::Sqs,
        Source::EventBridge,
        Source::Sns,
        Source::S3,
    ];
    all.into_iter().find(|source| source.as_str() == name)
}

/// Derives the letter's id.
///
/// It includes the ARN of a table's stream, because positions in two such streams may be equal; all
/// other positions are unique.
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

/// Creates the event of an invocation by this kind of source with this record alone.
pub(crate) fn event_of(
    source: &str,
    record: &RawValue,
) -> Result<Box<RawValue>, serde_json::Error> {
    if source == Source::EventBridge.as_str() {
        return Ok(record.to_owned());
    }
    RawValue::from_string(format!(r#"{{"Records":[{}]}}"#, record.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_letter_has_the_id_of_its_own_record_source_and_occasion() {
        let kinesis = r#"{"eventID":"shardId-000000000000:1","kinesis":{"sequenceNumber":"1","partitionKey":"k","data":"e30="}}"#;
        let table = r#"{"eventID":"e","eventName":"INSERT","eventSourceARN":"arn:aws:dynamodb:r:1:table/t/stream/s","dynamodb":{"SequenceNumber":"1","Keys":{"k":{"S":"a"}}}}"#;
        let queue = r#"{"messageId":"m","receiptHandle":"r","body":"b","attributes":{},"eventSource":"aws:sqs"}"#;
        let named = r#"{"id":"e-1","source":"s","detail-type":"T","detail":{}}"#;
        for (source, record) in [
            (Source::Kinesis, kinesis),
            (Source::DynamoDb, table),
            (Source::Sqs, queue),
            (Source::EventBridge, named),
            (Source::EventBridge, "{}"),
        ] {
            let event = event_of(source.as_str(), &raw(record)).unwrap();
            let deliveries = source.split_on(&event, "request-1").unwrap();
            let why = Failure::permanent("c", "r");
            let letter = DeadLetter::new("f", source, &deliveries[0], &why);
            let Payload::Record(own) = &letter.payload else { panic!("{letter:?}") };
            assert!(letter.is_of(own), "{letter:?}");
            let other = if source == Source::EventBridge { "kinesis" } else { "eventbridge" };
            for forged in [
                DeadLetter { source: other.to_owned(), ..letter.clone() },
                DeadLetter { function: "g".to_owned(), ..letter.clone() },
                DeadLetter { id: "i".to_owned(), ..letter.clone() },
            ] {
                assert!(!forged.is_of(own), "{forged:?}");
            }
            let occasion = Some("request-2".to_owned());
            let elsewhere = DeadLetter { occasion, ..letter.clone() };
            assert_eq!(
                elsewhere.is_of(own),
                record != "{}",
                "an event without an id has its occasion in its id"
            );
        }
    }
}
