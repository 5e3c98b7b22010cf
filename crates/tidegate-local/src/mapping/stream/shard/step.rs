//! What goes into and comes out of the state machine of a shard.

use std::fmt;

use bytes::Bytes;

use crate::invocation::Answer;
use lambda_shapes::moment::Moment;
use lambda_shapes::record::Record;
use lambda_shapes::sequence::SequenceNumber;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The shard may be read from now on.
    Start,
    /// A poll is over. `closed`: the shard has ended behind these records.
    Read {
        /// What it brought; nothing if it came back empty.
        records: Vec<Record>,
        /// The shard has ended.
        closed: bool,
        /// The source says that more is there already, though the poll may have brought nothing.
        behind: bool,
    },
    /// A poll failed.
    ReadFailed,
    /// An invocation is over.
    Answered {
        /// Of this lane.
        lane: usize,
        /// With this number.
        invocation: u64,
        /// How it ended.
        answer: Answer,
    },
    /// The on-failure record of this lane has reached its destination.
    HandedOver {
        /// The lane.
        lane: usize,
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
            Self::Read { records, .. } => write!(f, "a poll's {} records", records.len()),
            Self::ReadFailed => f.write_str("a failed poll"),
            Self::Answered { lane, invocation, .. } => {
                write!(f, "the answer to invocation {invocation} of lane {lane}")
            }
            Self::HandedOver { lane } => write!(f, "a hand-over of lane {lane}"),
            Self::TimerDue => f.write_str("a timer"),
            Self::Stop => f.write_str("a stop"),
        }
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Read at most this many records.
    Poll {
        /// Most records.
        limit: usize,
    },
    /// Invoke the function.
    Invoke {
        /// For this lane.
        lane: usize,
        /// Number to answer with.
        invocation: u64,
        /// The event.
        payload: Bytes,
    },
    /// Keep this of the open window, together with the checkpoint of the same step if there is one.
    KeepWindow(String),
    /// Keep this of the batches that failed and go again, in the same way.
    KeepFailing(String),
    /// Store this as the shard's checkpoint.
    Checkpoint(SequenceNumber),
    /// Send this to the on-failure destination.
    HandOver {
        /// For this lane.
        lane: usize,
        /// The on-failure record.
        body: String,
        /// The event of the given-up records, for a destination that keeps it.
        event: Bytes,
    },
    /// Give [`Input::TimerDue`] at this moment. Each step says anew what is waited for; without it
    /// nothing is.
    WaitUntil(Moment),
    /// The shard has ended and everything of it is done.
    Closed,
    /// Nothing is in flight after [`Input::Stop`].
    Stopped,
}
