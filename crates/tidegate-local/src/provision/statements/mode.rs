//! How functions send conditional writes.

use serde::{Deserialize, Serialize};

/// How functions send conditional writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum Statements {
    /// Several in one `BatchExecuteStatement`.
    Batched,
    /// Each in a request of its own.
    Single {
        /// What the emulator lacks, or who decided it.
        why: String,
    },
}

impl Statements {
    /// Returns the value of `TIDEGATE_STATEMENTS`.
    pub(crate) fn value(&self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Single { .. } => "single",
        }
    }
}
