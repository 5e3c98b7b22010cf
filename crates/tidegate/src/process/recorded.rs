//! What the stored events of a process contain: inputs, states, commands and deadlines.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::json::Json;
use crate::ids::StreamId;

/// An input of an instance as its events hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedInput {
    /// Type of the message.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the type.
    pub version: u32,
    /// Attribute `source` of its envelope. Together with the id it is the cause.
    pub source: String,
    /// Id of its envelope.
    pub id: String,
    /// Id of the deadline that passed, if the input is the message of a deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// Content.
    pub data: Json,
}

impl RecordedInput {
    /// Creates an input that is not a deadline.
    pub fn new(
        kind: impl Into<String>,
        version: u32,
        source: impl Into<String>,
        id: impl Into<String>,
        data: Json,
    ) -> Self {
        let (source, id) = (source.into(), id.into());
        Self { kind: kind.into(), version, source, id, deadline: None, data }
    }

    /// Returns whether both came in the same envelope.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.source, &self.id) == (&other.source, &other.id)
    }
}

/// A state as an event holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedState {
    /// Version of the state's type.
    pub version: u32,
    /// State.
    pub data: Json,
}

impl RecordedState {
    /// Creates the state of this version.
    pub fn new(version: u32, data: Json) -> Self {
        Self { version, data }
    }
}

/// A command that leaves because of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedCommand {
    /// Name of the target, as [`Publisher::address`](crate::publish::Publisher::address) knows it.
    pub to: String,
    /// Stream that the command is for.
    pub subject: StreamId,
    /// Type of the command.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the type.
    pub version: u32,
    /// Content.
    pub data: Json,
}

/// A deadline that a step set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedDeadline {
    /// Name within the instance.
    pub name: String,
    /// Id: the name, and the number of the event that set it.
    pub id: String,
    /// Time at which it passes.
    pub due: Timestamp,
    /// Whether it stays when the state is left, until an end state.
    pub lasting: bool,
    /// Type of the message that the process gets when it passes.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the type.
    pub version: u32,
    /// Content of the message.
    pub data: Json,
}

/// What waits in an instance after an event. It makes the row of a view a function of one event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Waiting {
    /// Open deadlines that have not passed, without those that the event sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deadlines: Vec<WaitingDeadline>,
    /// Number of held inputs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held: u32,
}

/// An open deadline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitingDeadline {
    /// Id of the deadline.
    pub id: String,
    /// Time at which it passes.
    pub due: Timestamp,
}

impl Waiting {
    /// Returns whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.deadlines.is_empty() && self.held == 0
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
