//! One replay: what was asked, and how far it is.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A replay, as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Name, unique in the local system.
    pub name: String,
    /// What its caller wrote about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Declared name of the bus, whose archive it reads.
    pub bus: String,
    /// ARNs of the rules that get its events. All rules of the bus if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Earliest time of its events.
    pub from: Timestamp,
    /// Latest time of its events.
    pub to: Timestamp,
    /// How far it is.
    pub state: ReplayState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was started.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Time of the last event that it put on the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_replayed: Option<Timestamp>,
    /// Events that it has put on the bus.
    #[serde(default)]
    pub events: u64,
}

/// State of a replay, with EventBridge's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReplayState {
    /// It was accepted.
    Starting,
    /// It puts events on the bus.
    Running,
    /// It is to end before its last event.
    Cancelling,
    /// It has put every event on the bus.
    Completed,
    /// It was ended before its last event.
    Cancelled,
    /// It could not read its archive, or its bus took no event.
    Failed,
}

impl ReplayState {
    /// Returns whether the replay still may put events on the bus.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Cancelling)
    }

    /// Returns EventBridge's name of the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Cancelling => "CANCELLING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }
}

impl fmt::Display for ReplayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
