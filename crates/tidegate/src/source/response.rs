//! The answer of an invocation: which of its records come again.

use serde::Serialize;
use serde_json::value::RawValue;

use super::delivery::Delivery;
use super::kind::Source;
use crate::failure::Failure;

/// The answer of an invocation: which records are to be delivered again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    batch_item_failures: Vec<ItemFailure>,
    /// The state of a tumbling window. Absent without a window.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
}

/// A JSON object. Two are equal when their texts are.
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
    /// The answer when these deliveries must come again.
    ///
    /// A queue is told exactly the failed messages. A stream is told the lowest failed sequence number alone: Lambda takes it as the checkpoint and delivers
    /// everything from there on again.
    ///
    /// Asynchronous sources ([`Source::is_asynchronous`]) have no partial response: a failed
    /// delivery fails the whole invocation, and the whole event comes again.
    ///
    /// # Errors
    /// When a failed delivery cannot be named in a partial response: the whole invocation must fail then, or the record would be lost.
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
                    return Err(failure
                        .context(format_args!("record {} has no identifier to report", delivery.position)));
                }
            }
        }
        if matches!(source, Source::Kinesis | Source::DynamoDb) {
            // Sequence numbers have up to 56 digits: longer is larger, and texts of one length compare as numbers do.
            items.sort_by_key(|sequence| (sequence.len(), *sequence));
            items.truncate(1);
        }
        let batch_item_failures =
            items.into_iter().map(|item| ItemFailure { item_identifier: item.to_owned() }).collect();
        Ok(Response { batch_item_failures, state: None })
    }

    /// The same answer with the state of a tumbling window.
    ///
    /// # Errors
    /// `window_state` (permanent) when the state is not a JSON object.
    pub(crate) fn with_state(self, state: Box<RawValue>) -> Result<Self, Failure> {
        if !state.get().starts_with('{') {
            let reason = "the state of a tumbling window must be a JSON object";
            return Err(Failure::permanent("window_state", reason));
        }
        Ok(Response { state: Some(State(state)), ..self })
    }

    /// Whether everything from this record of a stream on comes again.
    pub(crate) fn comes_again(&self, delivery: &Delivery<'_>) -> bool {
        let order = |sequence: &str| (sequence.len(), sequence.to_owned());
        let Some(lowest) = self.items().map(order).min() else { return false };
        delivery.item.as_deref().is_none_or(|item| order(item) >= lowest)
    }

    /// The state of the tumbling window, as JSON text.
    pub fn state(&self) -> Option<&str> {
        self.state.as_ref().map(|state| state.0.get())
    }

    /// The identifiers of the records to be delivered again.
    pub fn items(&self) -> impl Iterator<Item = &str> {
        self.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str())
    }
}
