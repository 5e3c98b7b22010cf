//! Reads the entries of an invocation's client context.

use lambda_runtime::Context;

/// Key in an invocation's client context that marks the invocation as a replay of dead letters.
pub const REPLAY: &str = "tidegate-replay";

/// Key in the client context of a replay, or of the run of a released effect.
///
/// Its value is the request id of the repeated invocation. With it, an event without an id is the
/// same delivery as in that invocation.
pub const OCCASION: &str = "tidegate-occasion";

/// Returns whether the invocation is a replay of dead letters.
pub(super) fn is_replay(context: &Context) -> bool {
    value(context, REPLAY).is_some_and(|value| value == "true")
}

/// Returns the request id of the invocation that this one repeats.
pub(super) fn occasion(context: &Context) -> Option<&str> {
    value(context, OCCASION).filter(|occasion| !occasion.is_empty())
}

fn value<'a>(context: &'a Context, key: &str) -> Option<&'a str> {
    context.client_context.as_ref()?.custom.get(key).map(String::as_str)
}
