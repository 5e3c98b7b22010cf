//! Reads the entries of an invocation's client context.

use std::sync::Arc;

use lambda_runtime::Context;

use crate::failure::Failure;

/// Key in an invocation's client context that marks the invocation as a replay of dead letters.
pub const REPLAY: &str = "tidegate-replay";

/// Key in the client context of a replay, or of the run of a released effect.
///
/// Its value is the request id of the repeated invocation. With it, an event without an id is the
/// same delivery as in that invocation.
pub const OCCASION: &str = "tidegate-occasion";

/// Key in the client context of an invocation that publishes stored events again.
///
/// Its value is a JSON array of patterns of event types, such as `["Order*"]`. Only these events
/// leave; see [`Events::of_type`](crate::publish::Events::of_type).
pub const TYPES: &str = "tidegate-types";

/// What a command asks of an invocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked<'a> {
    /// Request id of the invocation that this one repeats.
    pub(super) occasion: Option<&'a str>,
    /// Patterns of the types of events that leave; `None`: all.
    pub(super) types: Option<Arc<[String]>>,
}

impl<'a> Asked<'a> {
    /// Reads what a command asks.
    ///
    /// # Errors
    /// `client_context` (permanent): the types are not a list of texts. Without this failure, all
    /// events would leave.
    pub(super) fn from_context(context: &'a Context) -> Result<Self, Failure> {
        let occasion = value(context, OCCASION).filter(|occasion| !occasion.is_empty());
        let types = value(context, TYPES).map(|text| {
            serde_json::from_str::<Vec<String>>(text).map(Arc::from).map_err(|error| {
                let reason =
                    format!("{TYPES} in the client context is not a list of types: {error}");
                Failure::permanent("client_context", reason)
            })
        });
        Ok(Self { occasion, types: types.transpose()? })
    }
}

/// Returns whether the invocation is a replay of dead letters.
pub(super) fn is_replay(context: &Context) -> bool {
    value(context, REPLAY).is_some_and(|value| value == "true")
}

fn value<'a>(context: &'a Context, key: &str) -> Option<&'a str> {
    context.client_context.as_ref()?.custom.get(key).map(String::as_str)
}
