//! Inputs and actions of the state machine of a shard.

use std::fmt;

use bytes::Bytes;

use crate::invocation::Answer;
use lambda_shapes::moment::Moment;
use lambda_shapes::record::Record;
use lambda_shapes::sequence::SequenceNumber;

/// An input of the state machine: something that happened.
#[derive(Debug)]
pub enum Input {
    /// The shard can be read from now on.
    Start,
    /// A poll has ended.
    Read {
        /// Records of the poll; empty if there were none.
        records: Vec<Record>,
        /// Whether the shard has ended after these records.
        closed: bool,
        /// Whether the source reports more records, even if the poll returned none.
        behind: bool,
    },
    /// A poll failed.
    ReadFailed,
    /// An invocation has ended.
    Answered {
        /// The lane of the invocation.
        lane: usize,
        /// Number of the invocation.
        invocation: u64,
        /// How the invocation ended.
        answer: Answer,
    },
    /// The hand-over of this lane's on-failure record has ended: the record has arrived or is lost.
    HandedOver {
        /// The lane.
        lane: usize,
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

/// An action for the driver to carry out.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Read at most this number of records.
    Poll {
        /// Most records.
        limit: usize,
    },
    /// Invoke the function.
    Invoke {
        /// The lane of the batch.
        lane: usize,
        /// Number of the invocation, to be returned with its answer.
        invocation: u64,
        /// The event.
        payload: Bytes,
    },
    /// Store this state of the open window, atomically with the checkpoint of the same step if any.
    KeepWindow(String),
    /// Store these failed batches, atomically with the checkpoint of the same step if any.
    KeepFailing(String),
    /// Store this as the shard's checkpoint.
    Checkpoint(SequenceNumber),
    /// Send the record to the on-failure destination.
    HandOver {
        /// The lane of the batch.
        lane: usize,
        /// The on-failure record.
        body: String,
        /// The event of the records that were given up, for a destination that keeps it.
        event: Bytes,
    },
    /// Give [`Input::TimerDue`] at this moment.
    ///
    /// It replaces the timer of the step before. A step without this action removes that timer.
    WaitUntil(Moment),
    /// The shard has ended, and all its records are done.
    Closed,
    /// Nothing is in flight any more after [`Input::Stop`].
    Stopped,
}
