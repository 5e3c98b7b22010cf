//! What became of one command of a run, with the decision that it led to.

use super::aggregate::Decision;
use super::commit::RecordedEvent;
use crate::batch::{Handled, NotRun, Outcome};
use crate::failure::Failure;
use crate::ids::Version;

/// What became of one command.
pub(super) enum Verdict<E> {
    /// The command led to this decision now. The stream then has this version.
    Applied {
        /// Decision.
        decision: Decision<E>,
        /// Version of the decision's last event.
        version: Version,
    },
    /// The command led to a decision before. Its events are there if they were read.
    Duplicate(Option<Vec<RecordedEvent>>),
    /// The command failed.
    Failed(Failure),
    /// The command was not decided.
    NotRun(NotRun),
}

impl<E> Verdict<E> {
    /// Returns the outcome of the command's delivery.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Applied { .. } => Outcome::Done(Handled::Applied),
            Self::Duplicate(_) => Outcome::Done(Handled::Duplicate),
            Self::Failed(failure) => Outcome::Failed(failure),
            Self::NotRun(reason) => Outcome::NotRun(reason),
        }
    }
}
