//! Inputs and actions of the state machine of a topic.

use std::fmt;
use std::time::Duration;

use super::refusal::Refusal;
use lambda_shapes::moment::Moment;

/// An input of the state machine: something that happened.
#[derive(Debug)]
pub enum Input {
    /// A message came, or came back after [`Action::Rest`], under a number that is not in use.
    ///
    /// Numbers grow in the order in which messages came.
    Accepted {
        /// Number of the message.
        message: u64,
        /// Id of the message in its queue.
        id: String,
        /// Message group, if the topic keeps an order.
        group: Option<String>,
        /// Indices of the subscriptions that the message matches.
        subscriptions: Vec<usize>,
    },
    /// A delivery was tried.
    Tried {
        /// The message.
        message: u64,
        /// The subscription.
        subscription: usize,
        /// Success, or how the try failed.
        result: Result<(), Refusal>,
        /// Random number from 0 to 1 that spreads the wait before the next try.
        jitter: f64,
    },
    /// The hand-over of a dead letter has ended: it has arrived in its queue or is lost.
    Parked {
        /// The message.
        message: u64,
        /// The subscription.
        subscription: usize,
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
            Self::Accepted { message, .. } => write!(f, "message {message}, new"),
            Self::Tried { message, subscription, .. } => {
                write!(f, "a try of message {message} for subscription {subscription}")
            }
            Self::Parked { message, subscription } => {
                write!(f, "the dead letter of message {message} for subscription {subscription}")
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
    /// Deliver the message to the receiver of the subscription.
    Deliver {
        /// The message.
        message: u64,
        /// The subscription.
        subscription: usize,
    },
    /// Send the message to the dead-letter queue of the subscription.
    Park {
        /// The message.
        message: u64,
        /// The subscription.
        subscription: usize,
        /// Why the last try failed.
        refusal: Refusal,
    },
    /// Keep the message hidden in its queue for the visibility timeout of the settings from now on.
    Hide {
        /// The message.
        message: u64,
    },
    /// Hide the message in its queue for this time, and forget its content.
    ///
    /// When the queue delivers it again, give it as [`Input::Accepted`] under a new number. The
    /// machine remembers its tries.
    Rest {
        /// The message.
        message: u64,
        /// Time from now until the message should come back.
        wait: Duration,
    },
    /// Make the message visible in its queue again and forget it, because the engine stops.
    Release {
        /// The message.
        message: u64,
    },
    /// Delete the message from its queue, because every receiver or dead-letter queue has it.
    Finish {
        /// The message.
        message: u64,
    },
    /// Give [`Input::TimerDue`] at this moment.
    ///
    /// It replaces the timer of the step before. A step without this action removes that timer.
    WaitUntil(Moment),
    /// Nothing is in flight any more after [`Input::Stop`].
    Stopped,
}
