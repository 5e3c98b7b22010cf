//! What goes into and comes out of the state machine of a queue.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::invocation::Answer;
use lambda_shapes::moment::Moment;
use lambda_shapes::queue::Message;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The queue may be read from now on.
    Start,
    /// A receive is over; without messages it came back empty.
    Received(Vec<Message>),
    /// A receive failed.
    ReceiveFailed,
    /// An invocation is over.
    Answered {
        /// The batch.
        batch: u64,
        /// How it ended.
        answer: Answer,
    },
    /// The finished messages of a batch are deleted, or it was tried.
    Deleted {
        /// The batch.
        batch: u64,
    },
    /// A moment that was waited for has come.
    TimerDue,
    /// Nothing new may be begun.
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

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Receive at most this many messages.
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
        /// How long it may wait in line.
        patience: Duration,
    },
    /// Delete these messages.
    Delete {
        /// The batch.
        batch: u64,
        /// Their receipts.
        receipts: Vec<String>,
    },
    /// Keep these messages hidden for the settings' visibility from now on.
    Hide {
        /// Their receipts.
        receipts: Vec<String>,
    },
    /// Make these messages visible again: nothing was done with them.
    Release {
        /// Their receipts.
        receipts: Vec<String>,
    },
    /// Give [`Input::TimerDue`] at this moment. Each step says anew what is waited for; without it
    /// nothing is.
    WaitUntil(Moment),
    /// Nothing is in flight after [`Input::Stop`].
    Stopped,
}
