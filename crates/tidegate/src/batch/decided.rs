//! What became of the deliveries of an invocation.

use std::time::Duration;

use super::item::Item;
use super::outcome::Outcome;
use crate::failure::Failure;

/// The outcomes of an invocation's deliveries.
pub(super) struct Decided<R> {
    /// An outcome for each delivery.
    pub(super) outcomes: Vec<Outcome>,
    /// How long each delivery was at work. Empty if nobody wants to know.
    pub(super) took: Vec<Option<Duration>>,
    /// Decoded records with their places, if the invocation belongs to a window.
    pub(super) items: Vec<(usize, Item<R>)>,
    /// The places of those that were dead-lettered, in order, and why they had failed.
    pub(super) given_up: Vec<(usize, Failure)>,
}

impl<R> Decided<R> {
    /// Why the delivery at this place failed, also if it was dead-lettered for it.
    fn failure(&self, place: usize) -> Option<&Failure> {
        if let Some(Outcome::Failed(failure)) = self.outcomes.get(place) {
            return Some(failure);
        }
        let found = self.given_up.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.given_up.get(found).map(|(_, failure)| failure)
    }

    /// All failures, also those of dead-lettered deliveries.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Failure> {
        let failed = self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        });
        failed.chain(self.given_up.iter().map(|(_, failure)| failure))
    }

    /// For each delivery its outcome, why it failed, also if it was dead-lettered for it, and how long
    /// it was at work.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Outcome, Option<&Failure>, Option<Duration>)> {
        self.outcomes
            .iter()
            .enumerate()
            .map(|(place, outcome)| (outcome, self.failure(place), self.took.get(place).copied().flatten()))
    }
}
