//! What became of a delivery.

use crate::failure::{Class, Failure};

/// The result of handling a delivery without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handled {
    /// Its effect took place.
    Applied,
    /// Its effect was already there.
    Duplicate,
    /// It has no effect here, on purpose.
    Filtered,
    /// Its aggregate is parked in a read model. The event store keeps the event until the aggregate
    /// is released.
    Parked,
    /// Whether its effect took place is unknown, and an operator will decide.
    Held,
    /// It was given up, and is kept as a dead letter.
    DeadLettered,
}

/// What became of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It did not fail.
    Done(Handled),
    /// It failed.
    Failed(Failure),
    /// It was not started.
    NotRun(NotRun),
}

/// Why a delivery was not started. It is reported for redelivery, whatever its age: nothing is known against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotRun {
    /// A delivery before it in its lane failed.
    Blocked,
    /// Too little of the invocation's time was left.
    OutOfTime,
}

impl Outcome {
    /// What comes after it in its lane must wait for it. Not so after a permanent failure: that record will never be applied.
    pub(super) fn stops_lane(&self) -> bool {
        match self {
            Outcome::Done(_) => false,
            Outcome::Failed(failure) => failure.class() != Class::Permanent,
            Outcome::NotRun(_) => true,
        }
    }

    /// Why the delivery must come again, if it must.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Outcome::Done(_) => None,
            Outcome::Failed(failure) => Some(failure.clone()),
            Outcome::NotRun(NotRun::Blocked) => {
                Some(Failure::transient("blocked", "a delivery before it with the same ordering key failed"))
            }
            Outcome::NotRun(NotRun::OutOfTime) => Some(Failure::transient(
                "out_of_time",
                "the invocation's time was used up before it was started",
            )),
        }
    }
}

impl From<Result<Handled, Failure>> for Outcome {
    fn from(result: Result<Handled, Failure>) -> Self {
        match result {
            Ok(effect) => Outcome::Done(effect),
            Err(failure) => Outcome::Failed(failure),
        }
    }
}
