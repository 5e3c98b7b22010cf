//! Inputs and actions of the state machine of a bus.

use std::fmt;
use std::time::Duration;

use super::refusal::{GivenUp, Refusal};
use lambda_shapes::moment::Moment;

/// An input of the state machine: something that happened.
#[derive(Debug)]
pub enum Input {
    /// An event came, or came back after [`Action::Rest`], under a number that is not in use.
    Accepted {
        /// Number of the event.
        event: u64,
        /// Id of the event's message.
        id: String,
        /// When the bus accepted the event; its age counts from here.
        accepted: Moment,
        /// Indices of the rules that match the event.
        rules: Vec<usize>,
    },
    /// A hand-over was tried.
    Tried {
        /// The event.
        event: u64,
        /// The rule.
        rule: usize,
        /// Success, or how the try failed.
        result: Result<(), Refusal>,
        /// Random number from 0 to 1 that spreads the wait before the next try.
        jitter: f64,
    },
    /// The hand-over of a dead letter has ended: it has arrived in its queue or is lost.
    Parked {
        /// The event.
        event: u64,
        /// The rule.
        rule: usize,
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
            Self::Tried { event, rule, .. } => write!(f, "a try of event {event} for rule {rule}"),
            Self::Parked { event, rule } => {
                write!(f, "the dead letter of event {event} for rule {rule}")
            }
            Self::Empty { .. } => f.write_str("an empty queue"),
            Self::TimerDue => f.write_str("a timer"),
            Self::Stop => f.write_str("a stop"),
        }
    }
}

/// An action for the driver to carry out.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Hand the event to the rule's target.
    HandOver {
        /// The event.
        event: u64,
        /// The rule.
        rule: usize,
    },
    /// Send the event to the dead-letter queue of the rule's target.
    Park {
        /// The event.
        event: u64,
        /// The rule.
        rule: usize,
        /// Why the hand-over was given up.
        given_up: GivenUp,
    },
    /// Keep the event hidden in its queue for the visibility timeout of the settings from now on.
    Hide {
        /// The event.
        event: u64,
    },
    /// Hide the event in its queue for this time, and forget its content.
    ///
    /// When the queue delivers it again, give it as [`Input::Accepted`] under a new number. The
    /// machine remembers its tries.
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
    /// Delete the event from its queue, because every target or dead-letter queue has it.
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
