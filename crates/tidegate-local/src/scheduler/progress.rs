//! What the machine must remember of a schedule when the engine ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a schedule has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Identity of the schedule: another schedule of the same name has another.
    pub identity: String,
    /// The newest time at which it fired.
    pub last: Option<Timestamp>,
    /// Firings that neither the target nor the dead-letter queue has.
    pub owed: Vec<Owed>,
}

/// A firing that was not delivered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The time of the schedule for which it fires.
    pub scheduled: Timestamp,
    /// When it fired first, in milliseconds since 1970. Its age counts from here.
    pub since: i64,
    /// Tries that failed.
    pub failed: u32,
}
