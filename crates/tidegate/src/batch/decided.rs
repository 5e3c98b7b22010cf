//! Outcomes of the deliveries of an invocation.

use std::time::Duration;

use super::item::Item;
use super::outcome::Outcome;
use crate::failure::Failure;

/// The outcomes of an invocation's deliveries.
pub(super) struct Decided<R> {
    /// One outcome for each delivery.
    pub(super) outcomes: Vec<Outcome>,
    /// Time that each delivery took. Empty if the runner is not observed.
    pub(super) took: Vec<Option<Duration>>,
    /// Decoded records with their places, if the invocation belongs to a window.
    pub(super) items: Vec<(usize, Item<R>)>,
    /// Places of the dead-lettered deliveries, in order, and their failures.
    pub(super) given_up: Vec<(usize, Failure)>,
}

impl<R> Decided<R> {
    /// Returns the failure of the delivery at this place, even if it was dead-lettered.
    fn failure(&self, place: usize) -> Option<&Failure> {
        if let Some(Outcome::Failed(failure)) = self.outcomes.get(place) {
            return Some(failure);
        }
        let found = self.given_up.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.given_up.get(found).map(|(_, failure)| failure)
    }

    /// Returns all failures, including those of dead-lettered deliveries.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Failure> {
        let failed = self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        });
        failed.chain(self.given_up.iter().map(|(_, failure)| failure))
    }

    /// Returns the outcome, the failure and the time of each delivery. A dead-lettered delivery
    /// keeps its failure.
    pub(super) fn each(
        &self,
    ) -> impl Iterator<Item = (&Outcome, Option<&Failure>, Option<Duration>)> {
        self.outcomes.iter().enumerate().map(|(place, outcome)| {
            (outcome, self.failure(place), self.took.get(place).copied().flatten())
        })
    }
}
