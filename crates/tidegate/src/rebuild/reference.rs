//! What a generation is compared with.

use serde::{Deserialize, Serialize};

/// What a generation is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reference {
    /// Another generation, by default the live one: `{"generation": 1}`.
    Generation(u32),
    /// A second fold of the event store, computed in memory: `"store"`. For changed rules, and if
    /// no generation is live.
    Store,
}
