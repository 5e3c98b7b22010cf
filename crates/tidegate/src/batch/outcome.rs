//! The outcome of a delivery.

use crate::failure::{Class, Failure};

/// Result of handling a delivery without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handled {
    /// The delivery had its effect now.
    Applied,
    /// The effect of the delivery was already there.
    Duplicate,
    /// The delivery has no effect here, on purpose.
    Filtered,
    /// The aggregate of the event is parked in a read model. The event store keeps the event until
    /// the aggregate is released.
    Parked,
    /// It is unknown whether the effect took place; an operator decides.
    Held,
    /// The delivery was given up and is kept as a dead letter.
    DeadLettered,
}

/// Outcome of one delivery.
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

/// Why a delivery was not started.
///
/// Such a delivery is reported for redelivery at any age, because nothing speaks against its
/// record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotRun {
    /// An earlier delivery of its lane failed.
    Blocked,
    /// The invocation had too little time left.
    OutOfTime,
}

impl Outcome {
    /// Returns whether the following deliveries of the lane must wait for this one.
    ///
    /// They do not wait after a permanent failure, because that record will never be applied.
    pub(crate) fn stops_lane(&self) -> bool {
        match self {
            Self::Done(_) => false,
            Self::Failed(failure) => failure.class() != Class::Permanent,
            Self::NotRun(_) => true,
        }
    }

    /// Returns why the delivery must come again. `None` if it does not.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Done(_) => None,
            Self::Failed(failure) => Some(failure.clone()),
            Self::NotRun(NotRun::Blocked) => Some(Failure::transient(
                "blocked",
                "an earlier delivery with the same ordering key failed",
            )),
            Self::NotRun(NotRun::OutOfTime) => Some(Failure::transient(
                "out_of_time",
                "not started: the invocation had too little time left",
            )),
        }
    }
}

impl From<Result<Handled, Failure>> for Outcome {
    fn from(result: Result<Handled, Failure>) -> Self {
        match result {
            Ok(effect) => Self::Done(effect),
            Err(failure) => Self::Failed(failure),
        }
    }
}
