//! The entries of a timeline.

use jiff::Timestamp;
use serde::Serialize;

use crate::ids::{Cause, StreamId, Version};

/// Something that happened: an event, a command that left, or what became of a deadline.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Number in the timeline, from 1. A cause has a lower number than what follows from it.
    pub number: usize,
    /// Time at which it was stored, by the clock of the function that wrote the commit.
    pub at: Timestamp,
    /// Stream that holds it. For a command and a deadline: the stream of the process.
    pub stream: StreamId,
    /// Version of the event. For a command and a deadline: of the event that they are part of.
    pub version: Version,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// Number of the entry from which it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<usize>,
    /// The cause, if it is not in the timeline: it came from outside, or from a stream that was not
    /// read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<Cause>,
    /// Milliseconds since the cause was stored. Below zero if clocks differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_cause_ms: Option<i64>,
    /// Milliseconds since the transport accepted the message that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_arrival_ms: Option<i64>,
    /// Correlation id.
    pub correlation_id: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// An event of a service, or one that a process published.
    Event {
        /// Type of the event.
        #[serde(rename = "type")]
        kind: String,
        /// Version of the type.
        type_version: u32,
    },
    /// A process took a step.
    Moved {
        /// Type of the input.
        input: String,
        /// Name of the state before.
        from: String,
        /// Name of the state after.
        to: String,
        /// Whether that is an end state.
        ended: bool,
    },
    /// A process refused an input.
    Refused {
        /// Type of the input.
        input: String,
        /// Code of the reason.
        code: String,
        /// Reason, for people.
        reason: String,
    },
    /// A process waits for an operator.
    Stuck {
        /// Type of the input that waits.
        input: String,
        /// Code of the reason.
        code: String,
        /// Reason, for people.
        reason: String,
    },
    /// An input waits behind the stuck one.
    Held {
        /// Type of the input.
        input: String,
    },
    /// An operator had the stuck input decided again.
    Resumed {
        /// Who decided.
        operator: String,
        /// Why.
        note: String,
    },
    /// An operator dropped the stuck input.
    Skipped {
        /// Who decided.
        operator: String,
        /// Why.
        note: String,
    },
    /// An operator set a state.
    Forced {
        /// Name of the state before.
        from: String,
        /// Name of the state after.
        to: String,
        /// Whether that is an end state.
        ended: bool,
        /// Who decided.
        operator: String,
        /// Why.
        note: String,
    },
    /// A command left a process.
    Command {
        /// Type of the command.
        #[serde(rename = "type")]
        kind: String,
        /// Name of the target.
        to: String,
        /// Stream that the command is for.
        subject: StreamId,
        /// Whether that stream holds a decision on it; absent if the stream was not read whole.
        #[serde(skip_serializing_if = "Option::is_none")]
        taken: Option<bool>,
    },
    /// A process set a deadline.
    DeadlineSet {
        /// Id of the deadline.
        deadline: String,
        /// Time at which it passes.
        due: Timestamp,
    },
    /// A deadline passed: its message came to the process.
    DeadlinePassed {
        /// Id of the deadline.
        deadline: String,
    },
    /// A process cancelled a deadline.
    DeadlineCancelled {
        /// Id of the deadline.
        deadline: String,
    },
    /// The message of a deadline came that was not open any more.
    DeadlineLate {
        /// Id of the deadline.
        deadline: String,
    },
    /// An event of a process that this version of the toolkit cannot read.
    Unread {
        /// Type of the event.
        #[serde(rename = "type")]
        kind: String,
        /// Version of the type.
        type_version: u32,
        /// Why.
        reason: String,
    },
}
