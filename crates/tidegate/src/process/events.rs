//! The events that the toolkit stores for a process, readable without the process.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::recorded::{RecordedCommand, RecordedDeadline, RecordedInput, RecordedState, Waiting};
use crate::message::{Message, MessageSet};

/// An input led to a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
#[non_exhaustive]
pub struct ProcessMoved {
    /// Version of the rules that decided.
    pub rules: u32,
    /// Time of the decision.
    pub at: Timestamp,
    /// Input.
    pub input: RecordedInput,
    /// Name of the state before.
    pub from: String,
    /// Name of the state after.
    pub to: String,
    /// Whether the state after is an end state.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ended: bool,
    /// State after.
    pub state: RecordedState,
    /// Commands that leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<RecordedCommand>,
    /// Deadlines that were set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deadlines: Vec<RecordedDeadline>,
    /// Ids of deadlines that were cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<String>,
    /// What waits after it.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
}

/// An input is not allowed in the state, or the word of an operator no longer fits. The state
/// stayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
#[non_exhaustive]
pub struct ProcessRefused {
    /// Version of the rules that decided.
    pub rules: u32,
    /// Time of the decision.
    pub at: Timestamp,
    /// Input.
    pub input: RecordedInput,
    /// Name of the state.
    pub state: String,
    /// Code of the reason.
    pub code: String,
    /// Reason, for people.
    pub reason: String,
    /// What waits after it.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
}

/// The instance waits for an operator. Its deadlines stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
#[non_exhaustive]
pub struct ProcessStuck {
    /// Version of the rules that decided.
    pub rules: u32,
    /// Time of the decision.
    pub at: Timestamp,
    /// Input that waits.
    pub input: RecordedInput,
    /// Name of the state.
    pub state: String,
    /// Code of the reason.
    pub code: String,
    /// Reason, for people.
    pub reason: String,
    /// What waits after it.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
}

/// An input came while the instance was stuck. It is decided after the stuck one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
#[non_exhaustive]
pub struct ProcessHeld {
    /// Time at which it came.
    pub at: Timestamp,
    /// Input.
    pub input: RecordedInput,
    /// What waits after it.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
}

/// A deadline passed that was not open any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
#[non_exhaustive]
pub struct ProcessIgnored {
    /// Time at which it came.
    pub at: Timestamp,
    /// Name of the deadline.
    pub name: String,
    /// Id of the deadline.
    pub id: String,
    /// What waits after it.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
}

/// An operator had the stuck input decided again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
#[non_exhaustive]
pub struct ProcessResumed {
    /// Time of the decision.
    pub at: Timestamp,
    /// Who decided.
    pub operator: String,
    /// Why.
    pub note: String,
    /// What waits after it.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
}

/// An operator dropped the stuck input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
#[non_exhaustive]
pub struct ProcessSkipped {
    /// Time of the decision.
    pub at: Timestamp,
    /// Who decided.
    pub operator: String,
    /// Why.
    pub note: String,
    /// What waits after it.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
}

/// An operator set a state and dropped the stuck input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
#[non_exhaustive]
pub struct ProcessForced {
    /// Version of the rules that read the state.
    pub rules: u32,
    /// Time of the decision.
    pub at: Timestamp,
    /// Who decided.
    pub operator: String,
    /// Why.
    pub note: String,
    /// Name of the state before.
    pub from: String,
    /// Name of the state after.
    pub to: String,
    /// Whether the state after is an end state.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ended: bool,
    /// State after.
    pub state: RecordedState,
    /// Ids of deadlines that were cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<String>,
    /// What waits after it.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
}

crate::messages! {
    /// The events that the toolkit stores for processes, for readers that do not know the process.
    #[derive(Clone, Debug, PartialEq)]
    pub enum StoredEvent {
        ProcessMoved,
        ProcessRefused,
        ProcessStuck,
        ProcessHeld,
        ProcessIgnored,
        ProcessResumed,
        ProcessSkipped,
        ProcessForced,
    }
}

impl StoredEvent {
    /// Returns whether this set knows events of this type.
    pub fn knows(kind: &str) -> bool {
        Self::newest(kind).is_some()
    }

    /// Returns what waits in the instance after the event.
    pub fn waiting(&self) -> &Waiting {
        match self {
            Self::ProcessMoved(event) => &event.waiting,
            Self::ProcessRefused(event) => &event.waiting,
            Self::ProcessStuck(event) => &event.waiting,
            Self::ProcessHeld(event) => &event.waiting,
            Self::ProcessIgnored(event) => &event.waiting,
            Self::ProcessResumed(event) => &event.waiting,
            Self::ProcessSkipped(event) => &event.waiting,
            Self::ProcessForced(event) => &event.waiting,
        }
    }

    /// Notes what waits in the instance after the event.
    pub(super) fn note(&mut self, mut waiting: Waiting) {
        match self {
            Self::ProcessMoved(event) => {
                let is_new = |id: &String| event.deadlines.iter().any(|new| new.id == *id);
                waiting.deadlines.retain(|open| !is_new(&open.id));
                event.waiting = waiting;
            }
            Self::ProcessRefused(event) => event.waiting = waiting,
            Self::ProcessStuck(event) => event.waiting = waiting,
            Self::ProcessHeld(event) => event.waiting = waiting,
            Self::ProcessIgnored(event) => event.waiting = waiting,
            Self::ProcessResumed(event) => event.waiting = waiting,
            Self::ProcessSkipped(event) => event.waiting = waiting,
            Self::ProcessForced(event) => event.waiting = waiting,
        }
    }

    /// Returns the time of the decision.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::ProcessMoved(event) => event.at,
            Self::ProcessRefused(event) => event.at,
            Self::ProcessStuck(event) => event.at,
            Self::ProcessHeld(event) => event.at,
            Self::ProcessIgnored(event) => event.at,
            Self::ProcessResumed(event) => event.at,
            Self::ProcessSkipped(event) => event.at,
            Self::ProcessForced(event) => event.at,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
