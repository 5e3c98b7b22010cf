//! The reasons why a transaction was not applied.

use crate::failure::Failure;

/// The reason why a transaction was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// A guard was not at the expected position: another environment was faster.
    GuardMoved,
    /// Another transaction was changing the same rows. The same transaction may be tried again.
    Conflict,
    /// The transaction can never be applied as it is, and nothing of it was applied. If the items
    /// to blame are known, the others may be applied without them.
    Refused {
        /// The reason; a permanent failure.
        failure: Failure,
        /// Places of the items to blame, counted over the guards first, then the entries, then the
        /// counters. Empty if they are not known, or if the whole transaction is refused.
        items: Vec<usize>,
    },
    /// Any other failure.
    Failed(Failure),
}

impl ApplyError {
    /// Returns the failure, if the error has one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::GuardMoved | Self::Conflict => None,
            Self::Refused { failure, .. } | Self::Failed(failure) => Some(failure),
        }
    }
}

impl From<Failure> for ApplyError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
