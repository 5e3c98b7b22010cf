//! One invocation, and how it ended.

use std::time::Duration;

use serde_json::value::RawValue;

use super::counts::Counts;
use crate::failure::Failure;
use crate::source::Response;

/// One invocation, as the Lambda runtime hands it over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Invocation<'a> {
    /// The event.
    pub event: &'a RawValue,
    /// Lambda's id of the invocation.
    pub request_id: &'a str,
    /// Time left until Lambda kills the function.
    pub remaining: Duration,
    /// A replay of dead letters: what fails for good is reported instead of dead-lettered again.
    pub replay: bool,
}

impl<'a> Invocation<'a> {
    /// An invocation with this event that has this much time. It has no id, and is no replay, unless
    /// that is set.
    pub fn new(event: &'a RawValue, remaining: Duration) -> Self {
        Invocation { event, request_id: "", remaining, replay: false }
    }
}

/// How an invocation ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The answer. A failure when the event is no batch of the source, or a failed delivery cannot be
    /// named in a partial response: the invocation must then fail as a whole.
    pub response: Result<Response, Failure>,
    /// How its deliveries ended.
    pub counts: Counts,
}
