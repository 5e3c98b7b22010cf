//! Why a transaction was not applied.

use crate::failure::Failure;

/// Why a transaction was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// A guard was not where it was expected: another environment was faster.
    GuardMoved,
    /// Another transaction was at work on the same rows; it may be tried again as it is.
    Conflict,
    /// The transaction can never be applied as it is, and nothing of it was applied. Without the
    /// items to blame, if they are known, the others may still be applied.
    Refused {
        /// Why, a permanent failure.
        failure: Failure,
        /// Places of the items to blame: first the guards, then the counters. Empty if they are not
        /// known, or if the transaction as a whole is refused.
        items: Vec<usize>,
    },
    /// Something else.
    Failed(Failure),
}

impl ApplyError {
    /// The failure, when it is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            ApplyError::GuardMoved | ApplyError::Conflict => None,
            ApplyError::Refused { failure, .. } | ApplyError::Failed(failure) => Some(failure),
        }
    }
}

impl From<Failure> for ApplyError {
    fn from(failure: Failure) -> Self {
        ApplyError::Failed(failure)
    }
}
