//! What a round did with its aggregates.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::{Applied, Stop};
use super::entry::ENTRY_TAKEN;
use super::guard::Position;
use super::lane::LanePlan;
use crate::batch::{Handled, NotRun, Outcome};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// The results of a round's writes.
pub(super) struct Results<'a> {
    plans: &'a mut BTreeMap<StreamId, LanePlan>,
    /// Aggregates that were tried once more because an entry belonged to another.
    once_more: &'a mut BTreeSet<StreamId>,
    /// Aggregates of which no further step is written in this round.
    pub(super) stopped: BTreeSet<StreamId>,
    /// Whether a guard had moved meanwhile.
    moved: bool,
    /// Whether an entry belonged to another aggregate, which may have deleted it by the next round.
    taken: bool,
    /// Aggregates with the position that they reached, and the delta that must be counted first.
    passed: Vec<(StreamId, Position, u64)>,
    /// Aggregates with the position that they may or may not have reached.
    failed: Vec<(StreamId, Position, Failure)>,
}

impl<'a> Results<'a> {
    pub(super) fn of(
        plans: &'a mut BTreeMap<StreamId, LanePlan>,
        once_more: &'a mut BTreeSet<StreamId>,
    ) -> Self {
        let (stopped, passed, failed) = Default::default();
        Self { plans, once_more, stopped, moved: false, taken: false, passed, failed }
    }

    /// Adds what some writes did. Returns whether the guard of one of them had moved.
    pub(super) fn add(&mut self, applied: Vec<Applied>) -> bool {
        let several = self.plans.len() > 1;
        let mut moved = false;
        for Applied { stream, reached, wanted, result, counted } in applied {
            let Some(plan) = self.plans.get_mut(&stream) else { continue };
            if let Some(reached) = reached {
                plan.reached = reached.version;
                self.passed.push((stream.clone(), reached, counted));
            }
            match result {
                Ok(()) => continue,
                Err(Stop::Moved) => moved = true,
                Err(Stop::OutOfTime) => {}
                Err(Stop::Refused { failure, .. })
                    if failure.code() == ENTRY_TAKEN
                        && several
                        && self.once_more.insert(stream.clone()) =>
                {
                    self.taken = true;
                }
                // Parks the aggregate, like an event that can never be projected.
                Err(Stop::Refused { failure, .. }) => plan.refuse(failure),
                Err(Stop::Failed(failure)) => self.failed.push((stream.clone(), wanted, failure)),
            }
            self.stopped.insert(stream);
        }
        self.moved |= moved;
        moved
    }

    /// Decides the deliveries that were written. `uncounted` says why deltas above `confirmed` are
    /// not counted. Returns whether another round is needed.
    pub(super) fn decide(
        self,
        uncounted: Option<&Failure>,
        confirmed: u64,
        outcomes: &mut [Option<Outcome>],
    ) -> bool {
        for (stream, reached, counted) in self.passed {
            let Some(plan) = self.plans.get_mut(&stream) else { continue };
            match uncounted {
                Some(failure) if counted > confirmed => give_back(plan, reached, failure, outcomes),
                _ => settle(plan, reached, outcomes),
            }
        }
        for (stream, wanted, failure) in self.failed {
            let Some(plan) = self.plans.get_mut(&stream) else { continue };
            give_back(plan, wanted, &failure, outcomes);
        }
        self.moved || self.taken
    }
}

/// Decides the deliveries that the guard has passed, and whose deltas are counted. The first
/// delivery of each version was applied, the others are duplicates.
fn settle(plan: &mut LanePlan, reached: Position, outcomes: &mut [Option<Outcome>]) {
    let mut versions = BTreeSet::new();
    for (place, version) in plan.due.extract_if(.., |(_, version)| *version <= reached.version) {
        let effect = if versions.insert(version) { Handled::Applied } else { Handled::Duplicate };
        decide(outcomes, place, Outcome::Done(effect));
    }
}

/// Stops the aggregate after a transaction that failed but may have taken effect, or whose delta is
/// not counted. The steps behind it were not begun.
fn give_back(
    plan: &mut LanePlan,
    wanted: Position,
    failure: &Failure,
    outcomes: &mut [Option<Outcome>],
) {
    plan.due.sort_by_key(|(place, version)| (*version, *place));
    // A part, or a commit of several events, may end behind the version that the transaction would
    // have reached.
    let first = plan.due.first().map_or(Version::NONE, |(_, version)| *version);
    let (failed, behind): (Vec<_>, Vec<_>) =
        plan.due.drain(..).partition(|(_, version)| *version <= wanted.version.max(first));
    fail(outcomes, failed.into_iter().map(|(place, _)| place), failure);
    for (place, _) in
        behind.into_iter().chain(plan.held_back.drain(..).map(|(place, _)| (place, first)))
    {
        decide(outcomes, place, Outcome::NotRun(NotRun::Blocked));
    }
    plan.park = None;
}

/// Fails these deliveries.
pub(super) fn fail(
    outcomes: &mut [Option<Outcome>],
    places: impl Iterator<Item = usize>,
    failure: &Failure,
) {
    for place in places {
        decide(outcomes, place, Outcome::Failed(failure.clone()));
    }
}

/// Decides a delivery.
pub(super) fn decide(outcomes: &mut [Option<Outcome>], place: usize, outcome: Outcome) {
    if let Some(slot) = outcomes.get_mut(place) {
        *slot = Some(outcome);
    }
}
