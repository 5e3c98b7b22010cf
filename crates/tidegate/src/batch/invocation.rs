//! One invocation and its result.

use std::time::Duration;

use serde_json::value::RawValue;

use super::counts::Counts;
use crate::failure::Failure;
use crate::source::Response;

/// One invocation, as received from the Lambda runtime.
#[derive(Debug)]
#[non_exhaustive]
pub struct Invocation<'a> {
    /// Event.
    pub event: &'a RawValue,
    /// Lambda's id of the invocation.
    pub request_id: &'a str,
    /// Time left until Lambda kills the function.
    pub remaining: Duration,
    /// Whether an operator replays dead letters: a permanent failure is then reported, not
    /// dead-lettered again.
    pub replay: bool,
}

impl<'a> Invocation<'a> {
    /// Creates an invocation with this event and this much time.
    ///
    /// It has no request id and is not a replay; set the fields to change that.
    pub fn new(event: &'a RawValue, remaining: Duration) -> Self {
        Invocation { event, request_id: "", remaining, replay: false }
    }
}

/// The result of an invocation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Response, or the failure of the whole invocation.
    ///
    /// The invocation fails as a whole if the event is not a batch of the source, if a failed
    /// delivery cannot be named in a partial batch response, or if the state of its tumbling window
    /// cannot be returned.
    pub response: Result<Response, Failure>,
    /// Numbers of deliveries, by outcome.
    pub counts: Counts,
}
