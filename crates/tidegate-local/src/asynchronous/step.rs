//! What goes into and comes out of the state machine of a function's events.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::invocation::Answer;
use lambda_shapes::moment::Moment;

/// An event that waits in its queue for the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedInvocation {
    /// The request id of all its attempts, and of the record of its end.
    pub request_id: String,
    /// Version or alias by which the function was invoked.
    pub qualifier: Option<String>,
    /// When it was accepted for asynchronous invocation; its age counts from here.
    pub accepted: Moment,
    /// The payload.
    pub payload: Bytes,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// An event came, or came back after [`Action::Rest`], under a number that is not in use.
    Accepted {
        /// Its number.
        event: u64,
        /// The event.
        content: QueuedInvocation,
    },
    /// An invocation is over.
    Answered {
        /// The event.
        event: u64,
        /// How it ended.
        answer: Answer,
    },
    /// The record of its end has reached its destination.
    HandedOver {
        /// The event.
        event: u64,
    },
    /// A receive found the queue empty.
    Empty {
        /// When the receive began.
        began: Moment,
    },
    /// A moment that was waited for has come.
    TimerDue,
    /// Nothing new may be begun.
    Stop,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { event, .. } => write!(f, "event {event}, new"),
            Self::Answered { event, .. } => write!(f, "an answer to event {event}"),
            Self::HandedOver { event } => write!(f, "the hand-over of event {event}"),
            Self::Empty { .. } => f.write_str("an empty queue"),
            Self::TimerDue => f.write_str("a timer"),
            Self::Stop => f.write_str("a stop"),
        }
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Invoke the function.
    Invoke {
        /// The event.
        event: u64,
        /// What is invoked.
        content: QueuedInvocation,
    },
    /// Keep the event hidden in its queue for the settings' time from now on.
    Hide {
        /// The event.
        event: u64,
    },
    /// Hide the event in its queue for this time and forget it: it comes again from there, and is
    /// then given as [`Input::Accepted`] under a new number. What became of it so far is
    /// remembered.
    Rest {
        /// The event.
        event: u64,
        /// From now until it is to come again.
        wait: Duration,
    },
    /// Make the event visible in its queue again and forget it: the engine stops.
    Release {
        /// The event.
        event: u64,
    },
    /// Send this to the on-failure destination.
    HandOver {
        /// The event.
        event: u64,
        /// The on-failure record.
        body: String,
    },
    /// Send this to the on-success destination.
    SendSuccess {
        /// The event.
        event: u64,
        /// The record of its success.
        body: String,
    },
    /// The event's life has ended: delete it from its queue.
    Finish {
        /// The event.
        event: u64,
    },
    /// Give [`Input::TimerDue`] at this moment. Each step says anew what is waited for; without it
    /// nothing is.
    WaitUntil(Moment),
    /// Nothing is in flight after [`Input::Stop`].
    Stopped,
}

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Function errors after which an event is tried again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Events given up.
    pub failed: u64,
    /// Events the function is done with.
    pub delivered: u64,
    /// Those of them whose record goes to an on-success destination.
    pub told: u64,
    /// The last function error.
    pub last_error: Option<String>,
}
