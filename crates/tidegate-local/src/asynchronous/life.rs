//! State of one asynchronous event, from its acceptance to its end.

use std::fmt;

use bytes::Bytes;

use super::step::QueuedInvocation;
use lambda_shapes::moment::Moment;

#[derive(Debug)]
pub(super) struct Life {
    pub(super) content: QueuedInvocation,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) throttles: u32,
    /// Error object or response of the last invocation.
    pub(super) answer: Option<Bytes>,
    /// When the event's visibility timeout in its queue must be extended.
    pub(super) extend: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Due(Moment),
    InFlight,
    HandingOver,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Due(_) => "waiting for its next attempt",
            Self::InFlight => "in flight",
            Self::HandingOver => "being handed over",
        })
    }
}
