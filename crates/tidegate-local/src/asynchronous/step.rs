//! Inputs and actions of the state machine of a function's events.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::invocation::Answer;
use lambda_shapes::moment::Moment;

/// An event that waits in its queue for the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedInvocation {
    /// Request id of all attempts, and of the record of the event's end.
    pub request_id: String,
    /// Version or alias by which the function was invoked.
    pub qualifier: Option<String>,
    /// When the event was accepted; its age counts from here.
    pub accepted: Moment,
    /// Payload of the invocation.
    pub payload: Bytes,
}

/// An input of the state machine: something that happened.
#[derive(Debug)]
pub enum Input {
    /// An event came, or came back after [`Action::Rest`], under a number that is not in use.
    Accepted {
        /// Number of the event.
        event: u64,
        /// The event.
        content: QueuedInvocation,
    },
    /// An invocation has ended.
    Answered {
        /// The event.
        event: u64,
        /// How the invocation ended.
        answer: Answer,
    },
    /// The hand-over of the event's record has ended: the record has arrived or is lost.
    HandedOver {
        /// The event.
        event: u64,
    },
    /// A receive found the queue empty.
    Empty {
        /// When the receive began.
        began: Moment,
    },
    /// The moment of [`Action::WaitUntil`] has come.
    TimerDue,
    /// Nothing new may begin from now on.
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

/// An action for the driver to carry out.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Invoke the function.
    Invoke {
        /// The event.
        event: u64,
        /// The event to invoke the function with.
        content: QueuedInvocation,
    },
    /// Keep the event hidden in its queue for the visibility timeout of the settings from now on.
    Hide {
        /// The event.
        event: u64,
    },
    /// Hide the event in its queue for this time, and forget its content.
    ///
    /// When the queue delivers it again, give it as [`Input::Accepted`] under a new number. The
    /// machine remembers its attempts.
    Rest {
        /// The event.
        event: u64,
        /// Time from now until the event should come back.
        wait: Duration,
    },
    /// Make the event visible in its queue again and forget it, because the engine stops.
    Release {
        /// The event.
        event: u64,
    },
    /// Send the record to the on-failure destination.
    HandOver {
        /// The event.
        event: u64,
        /// The on-failure record.
        body: String,
    },
    /// Send the record to the on-success destination.
    SendSuccess {
        /// The event.
        event: u64,
        /// The record of the success.
        body: String,
    },
    /// Delete the event from its queue, because it has ended.
    Finish {
        /// The event.
        event: u64,
    },
    /// Give [`Input::TimerDue`] at this moment.
    ///
    /// It replaces the timer of the step before. A step without this action removes that timer.
    WaitUntil(Moment),
    /// Nothing is in flight any more after [`Input::Stop`].
    Stopped,
}

/// Counts of events and invocations since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Function errors after which an event is tried again.
    pub retries: u64,
    /// Invocations for which no execution environment was free.
    pub throttled: u64,
    /// Events that were given up.
    pub failed: u64,
    /// Events that the function handled.
    pub delivered: u64,
    /// Those of them with a record for the on-success destination.
    pub told: u64,
    /// The last function error.
    pub last_error: Option<String>,
    /// When it happened.
    pub last_error_at: Option<Moment>,
}
