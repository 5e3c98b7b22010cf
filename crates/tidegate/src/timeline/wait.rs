//! What a timeline waits for.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::ids::StreamId;

/// What something waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "for", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wait {
    /// An instance of a process is stuck.
    Operator {
        /// Stream of the instance.
        stream: StreamId,
        /// Type of the input that could not be decided.
        input: String,
        /// Code of the reason.
        code: String,
        /// Reason, for people.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// Number of inputs that wait behind it.
        held: usize,
    },
    /// A deadline of an instance is open.
    Deadline {
        /// Stream of the instance.
        stream: StreamId,
        /// Id of the deadline.
        deadline: String,
        /// Time at which it passes.
        due: Timestamp,
        /// Whether it passed while the instance was stuck.
        passed: bool,
    },
    /// A command left and is not taken: its subject has no decision on it.
    Command {
        /// Stream that sent it.
        stream: StreamId,
        /// Number of its entry.
        number: usize,
        /// Type of the command.
        #[serde(rename = "type")]
        kind: String,
        /// Name of the target.
        to: String,
        /// Stream that the command is for.
        subject: StreamId,
        /// Since when.
        since: Timestamp,
    },
    /// A command of the newest step was taken, and no answer has come back to the process. The
    /// process need not wait for it.
    Answer {
        /// Stream that sent it.
        stream: StreamId,
        /// Number of its entry.
        number: usize,
        /// Type of the command.
        #[serde(rename = "type")]
        kind: String,
        /// Stream that took it.
        subject: StreamId,
        /// Since when the command is on its way.
        since: Timestamp,
    },
}

impl Wait {
    /// Returns the number of the entry that waits, if it is a command.
    pub(super) fn number(&self) -> Option<usize> {
        match self {
            Self::Command { number, .. } | Self::Answer { number, .. } => Some(*number),
            Self::Operator { .. } | Self::Deadline { .. } => None,
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { stream, input, code, reason, since, held } => {
                write!(f, "{stream} is stuck since {since} on {input}: {code}: {reason}")?;
                if *held > 0 {
                    write!(f, " ({held} held behind it)")?;
                }
                Ok(())
            }
            Self::Deadline { stream, deadline, due, passed: false } => {
                write!(f, "{stream} has the open deadline {deadline}, due {due}")
            }
            Self::Deadline { stream, deadline, due, passed: true } => {
                write!(f, "{stream} holds the deadline {deadline}, which passed at {due}")
            }
            Self::Command { number, kind, to, subject, since, .. } => write!(
                f,
                "{subject} has not taken {kind} (#{number}), which left for {to} at {since}"
            ),
            Self::Answer { stream, number, kind, subject, since } => write!(
                f,
                "{stream} has no answer of {subject} to {kind} (#{number}), which left at {since}"
            ),
        }
    }
}
