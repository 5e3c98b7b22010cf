//! What goes into and comes out of the state machine of a bus.

use std::fmt;
use std::time::Duration;

use super::refusal::{GivenUp, Refusal};
use lambda_shapes::moment::Moment;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// An event came, or came back after [`Action::Rest`], under a number that is not in use.
    Accepted {
        /// Its number.
        event: u64,
        /// The id of its message.
        id: String,
        /// When the bus took it; its age counts from here.
        accepted: Moment,
        /// The rules that match it, by their index.
        rules: Vec<usize>,
    },
    /// A hand-over was tried.
    Tried {
        /// The event.
        event: u64,
        /// The rule.
        rule: usize,
        /// How it failed, if it did.
        result: Result<(), Refusal>,
        /// From 0 to 1, by chance: spreads the wait before another try.
        jitter: f64,
    },
    /// A dead letter has reached its queue.
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
    /// A moment that was waited for has come.
    TimerDue,
    /// Nothing new may be begun.
    Stop,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { event, .. } => write!(f, "event {event}, new"),
            Self::Tried { event, rule, .. } => write!(f, "a try of event {event} for rule {rule}"),
            Self::Parked { event, rule } => write!(f, "the dead letter of event {event} for rule {rule}"),
            Self::Empty { .. } => f.write_str("an empty queue"),
            Self::TimerDue => f.write_str("a timer"),
            Self::Stop => f.write_str("a stop"),
        }
    }
}

/// What is to be done.
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
        /// Why.
        given_up: GivenUp,
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
    /// Everybody has the event: delete it from its queue.
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
