//! How functions send conditional writes.

use serde::{Deserialize, Serialize};
use topology::Topology;

/// How functions send conditional writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum Statements {
    /// Several in one `BatchExecuteStatement`.
    Batched,
    /// As [`Batched`](Self::Batched), but each in a request of its own if the function writes to a
    /// table with a stream: the stream would not show the writes.
    WithoutStreams {
        /// What the emulator lacks.
        why: String,
    },
    /// Each in a request of its own.
    Single {
        /// What the emulator lacks, or who decided it.
        why: String,
    },
}

impl Statements {
    /// Returns the value of `TIDEGATE_STATEMENTS` for a function.
    pub(crate) fn value(&self, topology: &Topology, function: &str) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::WithoutStreams { .. } if topology.writes_to_a_streamed_table(function) => {
                "single"
            }
            Self::WithoutStreams { .. } => "batched",
            Self::Single { .. } => "single",
        }
    }
}
