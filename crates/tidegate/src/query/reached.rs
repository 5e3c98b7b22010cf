//! How far a read model has come.

use super::row::Parked;
use crate::ids::Version;

/// How far a read model has come for an aggregate that a reader waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The version is applied. A strongly consistent read that begins now finds it in the row and
    /// in every counter.
    Ready {
        /// The version of the row.
        at: Version,
    },
    /// The version was not applied before the deadline.
    Behind {
        /// The version of the row at the last look.
        at: Version,
    },
    /// The version will not be applied by waiting: the aggregate is parked at it, or before it.
    Parked {
        /// The version of the row.
        at: Version,
        /// Where and why.
        parked: Parked,
    },
}

impl Reached {
    /// Returns whether the version is applied.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}
