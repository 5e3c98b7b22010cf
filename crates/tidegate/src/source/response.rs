//! The response of an invocation: the records that come again.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::delivery::Delivery;
use super::kind::Source;
use crate::failure::Failure;

/// The response of an invocation: which records must be delivered again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    batch_item_failures: Vec<ItemFailure>,
    /// State of a tumbling window. Absent without a window.
    state: Option<State>,
    /// Answer to an invocation that was not a batch, in place of everything else.
    answer: Option<State>,
}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(answer) = &self.answer {
            return answer.serialize(serializer);
        }
        let fields = 1 + usize::from(self.state.is_some());
        let mut response = serializer.serialize_struct("Response", fields)?;
        response.serialize_field("batchItemFailures", &self.batch_item_failures)?;
        if let Some(state) = &self.state {
            response.serialize_field("state", state)?;
        }
        response.end()
    }
}

/// A JSON object. Two states are equal if their texts are.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
struct State(Box<RawValue>);

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for State {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

impl Response {
    /// Creates the response that asks for another delivery of the failed records.
    ///
    /// - For a queue, it has exactly the failed messages.
    /// - For a stream, it has only the lowest failed sequence number. Lambda uses it as the
    ///   checkpoint and delivers everything from there again.
    /// - Asynchronous sources ([`Source::is_asynchronous`]) have no partial batch response. A
    ///   failed delivery fails the whole invocation, and the whole event comes again.
    ///
    /// For example, if the records 10 and 9 of a stream failed, the response has only 9.
    ///
    /// # Errors
    /// The failure of a delivery that a partial batch response cannot name. Fail the whole
    /// invocation with it, or the record is lost.
    pub fn redeliver<'a>(
        source: Source,
        failed: impl IntoIterator<Item = (&'a Delivery<'a>, Failure)>,
    ) -> Result<Self, Failure> {
        let mut items: Vec<&str> = Vec::new();
        for (delivery, failure) in failed {
            match (source, &delivery.item) {
                (source, _) if source.is_asynchronous() => return Err(failure),
                // For several records in one message, the source knows only the message.
                (_, Some(item)) if items.last() == Some(&item.as_str()) => {}
                (_, Some(item)) => items.push(item),
                (_, None) => {
                    return Err(failure.context(format_args!(
                        "record {} has no identifier to report",
                        delivery.position
                    )));
                }
            }
        }
        if matches!(source, Source::Kinesis | Source::DynamoDb) {
            // Sequence numbers have up to 56 digits. A longer one is larger; those of equal length
            // compare like numbers.
            items.sort_by_key(|sequence| (sequence.len(), *sequence));
            items.truncate(1);
        }
        let batch_item_failures = items
            .into_iter()
            .map(|item| ItemFailure { item_identifier: item.to_owned() })
            .collect();
        Ok(Self { batch_item_failures, ..Self::default() })
    }

    /// Creates the response to an invocation that was not a batch.
    pub(crate) fn answer(answer: Box<RawValue>) -> Self {
        Self { answer: Some(State(answer)), ..Self::default() }
    }

    /// Adds the state of a tumbling window.
    ///
    /// # Errors
    /// `window_state` (permanent): the state is not a JSON object.
    pub(crate) fn with_state(self, state: Box<RawValue>) -> Result<Self, Failure> {
        if !state.get().starts_with('{') {
            let reason = "the state of a tumbling window must be a JSON object";
            return Err(Failure::permanent("window_state", reason));
        }
        Ok(Self { state: Some(State(state)), ..self })
    }

    /// Returns whether the stream delivers this record again, because it is at or behind the
    /// checkpoint.
    pub(crate) fn comes_again(&self, delivery: &Delivery<'_>) -> bool {
        let order = |sequence: &str| (sequence.len(), sequence.to_owned());
        let Some(lowest) = self.items().map(order).min() else { return false };
        delivery.item.as_deref().is_none_or(|item| order(item) >= lowest)
    }

    /// Returns the state of the tumbling window as JSON text.
    pub fn state(&self) -> Option<&str> {
        self.state.as_ref().map(|state| state.0.get())
    }

    /// Returns the identifiers of the records that must be delivered again.
    pub fn items(&self) -> impl Iterator<Item = &str> {
        self.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str())
    }
}
