//! Counts the deliveries of an invocation by outcome.

use super::outcome::{Handled, Outcome};

/// Numbers of an invocation's deliveries, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Had their effect now.
    pub applied: u64,
    /// Their effect was already there.
    pub duplicate: u64,
    /// Have no effect here, on purpose.
    pub filtered: u64,
    /// Stay in the event store because their aggregate is parked.
    pub parked: u64,
    /// Held for an operator.
    pub held: u64,
    /// Failed and reported for redelivery.
    pub failed: u64,
    /// Not started and reported for redelivery.
    pub not_run: u64,
    /// Dead-lettered by the function and acknowledged.
    pub dead_lettered: u64,
}

impl Counts {
    /// Returns the number of all deliveries of the invocation: the sum of the counts.
    pub fn total(&self) -> u64 {
        let done = self.applied + self.duplicate + self.filtered + self.parked + self.held;
        done + self.failed + self.not_run + self.dead_lettered
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Done(Handled::Applied) => &mut self.applied,
            Outcome::Done(Handled::Duplicate) => &mut self.duplicate,
            Outcome::Done(Handled::Filtered) => &mut self.filtered,
            Outcome::Done(Handled::Parked) => &mut self.parked,
            Outcome::Done(Handled::Held) => &mut self.held,
            Outcome::Done(Handled::DeadLettered) => &mut self.dead_lettered,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::NotRun(_) => &mut self.not_run,
        };
        *counter += 1;
    }
}
