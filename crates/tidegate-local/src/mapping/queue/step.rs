//! Inputs and actions of the state machine of a queue.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::invocation::Answer;
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::Message;

/// An input of the state machine: something that happened.
#[derive(Debug)]
pub enum Input {
    /// The queue can be read from now on.
    Start,
    /// A receive has ended; the list is empty if there were no messages.
    Received(Vec<Message>),
    /// A receive failed.
    ReceiveFailed,
    /// An invocation has ended.
    Answered {
        /// The batch.
        batch: u64,
        /// How the invocation ended.
        answer: Answer,
    },
    /// The deletion of a batch's handled messages has ended, with or without success.
    Deleted {
        /// The batch.
        batch: u64,
    },
    /// The moment of [`Action::WaitUntil`] has come.
    TimerDue,
    /// Nothing new may begin from now on.
    Stop,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("a start"),
            Self::Received(messages) => write!(f, "{} received messages", messages.len()),
            Self::ReceiveFailed => f.write_str("a failed receive"),
            Self::Answered { batch, .. } => write!(f, "the answer to batch {batch}"),
            Self::Deleted { batch } => write!(f, "the deletion of batch {batch}"),
            Self::TimerDue => f.write_str("a timer"),
            Self::Stop => f.write_str("a stop"),
        }
    }
}

/// An action for the driver to carry out.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Receive at most this number of messages.
    Receive {
        /// Most messages.
        limit: usize,
    },
    /// Invoke the function.
    Invoke {
        /// The batch.
        batch: u64,
        /// The event.
        payload: Bytes,
        /// Longest time for which the invocation may wait in line.
        patience: Duration,
    },
    /// Delete these messages.
    Delete {
        /// The batch.
        batch: u64,
        /// Receipts of the messages.
        receipts: Vec<String>,
    },
    /// Keep these messages hidden for the visibility timeout of the settings from now on.
    Hide {
        /// Receipts of the messages.
        receipts: Vec<String>,
    },
    /// Make these messages visible again, because no invocation will have them.
    Release {
        /// Receipts of the messages.
        receipts: Vec<String>,
    },
    /// Give [`Input::TimerDue`] at this moment.
    ///
    /// It replaces the timer of the step before. A step without this action removes that timer.
    WaitUntil(Moment),
    /// Nothing is in flight any more after [`Input::Stop`].
    Stopped,
}
