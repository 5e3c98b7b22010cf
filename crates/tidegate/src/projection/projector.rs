use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::error;

use super::Projected;
use super::apply::{Applied, Stop};
use super::deadline::Deadline;
use super::guard::Position;
use super::lane::{Hint, LanePlan, plan, stop_at};
use super::pace::Pace;
use super::pack::pack;
use super::read_model::{ApplyError, ReadModel};
use super::released::{INTERVAL, Look};
use crate::batch::{BatchContext, BatchHandler, Handled, Item, NotRun, Outcome};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::source::Delivery;
use crate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent, Retry};

/// What events change in a read model.
pub trait Projection: Send + Sync {
    /// The aggregate is of interest; all others are passed over.
    fn concerns(&self, stream: &StreamId) -> bool;

    /// The changes of one event. Pure, synchronous, and the same whenever it is called.
    ///
    /// # Errors
    /// - Permanent: parks the aggregate until its letter is replayed.
    /// - Transient with the code [`Failure::NEWER`]: parks the aggregate until a version of the
    ///   function runs that knows the event. That version releases it.
    /// - Any other transient failure: the event is delivered again.
    fn project(&self, commit: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure>;
}

/// Applies the commits of the event store's DynamoDB stream to a read model.
///
/// It begins no transaction after the invocation's deadline, and cuts off every call without an
/// answer by then. Events in such a call fail with the code `deadline` (transient), since they may
/// have taken effect. Events that were not begun are reported as not run.
pub struct Projector<P> {
    pub(super) projection: P,
    pub(super) read_model: Arc<dyn ReadModel>,
    pub(super) events: Arc<dyn EventReader>,
    pub(super) retry: Retry,
    /// How fast the read model takes transactions.
    pub(super) pace: Pace,
    /// When the list of parked aggregates was last looked at.
    pub(super) look: Look,
}

impl<P> fmt::Debug for Projector<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projector").field("retry", &self.retry).finish_non_exhaustive()
    }
}

/// What a round leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    /// A guard moved meanwhile: read it again.
    AnotherRound,
}

impl<P: Projection> Projector<P> {
    /// Applies `projection` to `read_model`; `events` fills gaps.
    pub fn new(projection: P, read_model: Arc<dyn ReadModel>, events: Arc<dyn EventReader>) -> Self {
        Projector {
            projection,
            read_model,
            events,
            retry: Retry::default(),
            pace: Pace::default(),
            look: Look::every(INTERVAL),
        }
    }

    /// Sets the shortest time between two readings of the list of parked aggregates; 10 seconds by
    /// default. The first invocation of an environment always reads it. A long list is read in
    /// parts, one in each invocation.
    #[must_use]
    pub fn look_for_parked_every(mut self, interval: Duration) -> Self {
        self.look = Look::every(interval);
        self
    }

    /// One attempt to bring the guards of all undecided deliveries forward.
    async fn round(
        &self,
        items: &[Item<CommitChange>],
        outcomes: &mut [Option<Outcome>],
        released: &mut BTreeSet<StreamId>,
        context: &BatchContext,
    ) -> Next {
        let deadline = Deadline(context.deadline);
        let lanes = self.undecided_lanes(items, outcomes);
        if lanes.is_empty() {
            return Next::Nothing;
        }
        let streams: Vec<StreamId> = lanes.keys().cloned().collect();
        deadline.pause(self.pace.pause()).await;
        if deadline.is_over() {
            return Next::Nothing;
        }
        let guards = match deadline.call(self.read_model.guards(&streams)).await {
            Ok(guards) => guards,
            Err(failure) => {
                if failure.code() == Failure::THROTTLED {
                    self.pace.throttled();
                }
                fail(outcomes, lanes.values().flatten().map(|hint| hint.place), &failure);
                return Next::Nothing;
            }
        };
        let mut plans: BTreeMap<StreamId, LanePlan> = BTreeMap::new();
        for (stream, hints) in &lanes {
            if deadline.is_over() {
                break;
            }
            // A row that cannot be read costs its own aggregate.
            let guard = match guards.get(stream).cloned().transpose() {
                Ok(guard) => guard.unwrap_or_default(),
                Err(failure) => {
                    fail(outcomes, hints.iter().map(|hint| hint.place), &failure);
                    continue;
                }
            };
            let events = self.events.as_ref();
            let mut plan =
                plan(&self.projection, events, stream, &guard, hints, context.replay, deadline).await;
            for (place, outcome) in plan.outcomes.drain(..) {
                decide(outcomes, place, outcome);
            }
            // A replay that was cut off may have released the aggregate, and got no further.
            if guard.parked.is_some() && !plan.steps.is_empty() || context.replay {
                released.insert(stream.clone());
            }
            plans.insert(stream.clone(), plan);
        }
        let steps = plans.values_mut().map(|plan| std::mem::take(&mut plan.steps)).collect();
        let mut stopped = BTreeSet::new();
        for mut group in pack(steps) {
            // A batch may be large: others have a turn between its transactions.
            tokio::task::yield_now().await;
            if deadline.is_over() {
                break;
            }
            group.retain(|step| !stopped.contains(&step.advance.stream));
            for Applied { stream, reached, wanted, result } in self.apply_group(group, deadline).await {
                let Some(plan) = plans.get_mut(&stream) else { continue };
                if let Some(reached) = reached {
                    settle(plan, reached, outcomes);
                }
                match result {
                    Ok(()) => continue,
                    Err(Stop::Moved) => return Next::AnotherRound,
                    Err(Stop::OutOfTime) => {}
                    // A step that can never be written parks the aggregate, like an event that can
                    // never be projected.
                    Err(Stop::Refused { failure, .. }) => stop_at(plan, plan.reached.next(), failure),
                    Err(Stop::Failed(failure)) => give_back(plan, wanted, &failure, outcomes),
                }
                stopped.insert(stream);
            }
        }
        self.park(plans, outcomes, deadline).await
    }

    /// The deliveries that are not decided yet, by aggregate, in the order of the batch.
    fn undecided_lanes<'a>(
        &self,
        items: &'a [Item<CommitChange>],
        outcomes: &mut [Option<Outcome>],
    ) -> BTreeMap<StreamId, Vec<Hint<'a>>> {
        let mut lanes: BTreeMap<StreamId, Vec<Hint<'a>>> = BTreeMap::new();
        for (place, (item, outcome)) in items.iter().zip(outcomes).enumerate() {
            if outcome.is_some() {
                continue;
            }
            match item.record.stream() {
                Some(stream) if self.projection.concerns(stream) => {
                    lanes.entry(stream.clone()).or_default().push(Hint { place, change: &item.record });
                }
                _ => *outcome = Some(Outcome::Done(Handled::Filtered)),
            }
        }
        lanes
    }

    async fn park(
        &self,
        plans: BTreeMap<StreamId, LanePlan>,
        outcomes: &mut [Option<Outcome>],
        deadline: Deadline,
    ) -> Next {
        let mut next = Next::Nothing;
        for (stream, plan) in plans {
            let Some((at, failure)) = plan.park else { continue };
            let parked = if plan.stays_parked {
                Ok(())
            } else if deadline.is_over() {
                break;
            } else {
                let (stream_id, code, reason) = (stream.as_str(), failure.code(), failure.reason());
                error!(stream = stream_id, version = at.number(), code, reason, "aggregate parked");
                deadline.call(self.read_model.park(&stream, at, &failure)).await
            };
            match parked {
                Ok(()) => {
                    for (place, outcome) in plan.held_back {
                        decide(outcomes, place, outcome);
                    }
                }
                Err(ApplyError::GuardMoved | ApplyError::Conflict) => next = Next::AnotherRound,
                Err(ApplyError::Refused { failure, .. } | ApplyError::Failed(failure)) => {
                    let transient = Failure::transient(failure.code().to_owned(), failure.reason());
                    block(outcomes, plan.held_back.iter().map(|(place, _)| *place), &transient);
                }
            }
        }
        next
    }
}

/// Deliveries that the guard has passed are done: the first of each version was applied, the others found it so.
fn settle(plan: &mut LanePlan, reached: Position, outcomes: &mut [Option<Outcome>]) {
    plan.reached = reached.version;
    let mut versions = BTreeSet::new();
    for (place, version) in plan.due.extract_if(.., |(_, version)| *version <= reached.version) {
        let effect = if versions.insert(version) { Handled::Applied } else { Handled::Duplicate };
        decide(outcomes, place, Outcome::Done(effect));
    }
}

/// The aggregate stops here for now. The steps in the transaction failed, and may have been applied
/// all the same. The steps behind it were not begun.
fn give_back(plan: &mut LanePlan, wanted: Position, failure: &Failure, outcomes: &mut [Option<Outcome>]) {
    plan.due.sort_by_key(|(place, version)| (*version, *place));
    // A part, or a commit of several events, may end behind what the transaction would have
    // reached.
    let first = plan.due.first().map_or(Version::NONE, |(_, version)| *version);
    let (failed, behind): (Vec<_>, Vec<_>) =
        plan.due.drain(..).partition(|(_, version)| *version <= wanted.version.max(first));
    fail(outcomes, failed.into_iter().map(|(place, _)| place), failure);
    for (place, _) in behind.into_iter().chain(plan.held_back.drain(..).map(|(place, _)| (place, first))) {
        decide(outcomes, place, Outcome::NotRun(NotRun::Blocked));
    }
    plan.park = None;
}

/// The first of these failed, and the others wait for it.
fn block(outcomes: &mut [Option<Outcome>], mut places: impl Iterator<Item = usize>, failure: &Failure) {
    fail(outcomes, places.by_ref().take(1), failure);
    for place in places {
        decide(outcomes, place, Outcome::NotRun(NotRun::Blocked));
    }
}

fn fail(outcomes: &mut [Option<Outcome>], places: impl Iterator<Item = usize>, failure: &Failure) {
    for place in places {
        decide(outcomes, place, Outcome::Failed(failure.clone()));
    }
}

fn decide(outcomes: &mut [Option<Outcome>], place: usize, outcome: Outcome) {
    if let Some(slot) = outcomes.get_mut(place) {
        *slot = Some(outcome);
    }
}

impl<P: Projection> BatchHandler for Projector<P> {
    type Record = CommitChange;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<CommitChange, Failure> {
        CommitChange::of(delivery)
    }

    fn lane(&self, delivery: &Delivery<'_>) -> String {
        CommitChange::lane(delivery)
    }

    async fn handle_batch(&self, items: &[Item<CommitChange>], context: &BatchContext) -> Vec<Outcome> {
        let deadline = Deadline(context.deadline);
        let listed = match self.listed(deadline).await {
            Ok(listed) => listed,
            Err(failure) => return items.iter().map(|_| Outcome::Failed(failure.clone())).collect(),
        };
        let mut outcomes: Vec<Option<Outcome>> = items.iter().map(|_| None).collect();
        let mut released = BTreeSet::new();
        for attempt in 0..self.retry.attempts {
            if deadline.is_over()
                || self.round(items, &mut outcomes, &mut released, context).await == Next::Nothing
            {
                break;
            }
            deadline.pause(self.retry.pause_after(attempt)).await;
        }
        for stream in released {
            let Err(failure) = self.catch_up(&stream, context.replay, deadline).await else { continue };
            let (stream_id, reason) = (stream.as_str(), failure.reason());
            error!(stream = stream_id, reason, "a released aggregate is behind until it is looked at again");
            if context.replay {
                // The letter stays, so that it can be replayed again.
                let places = (0..).zip(items).filter(|(_, item)| item.record.stream() == Some(&stream));
                fail(&mut outcomes, places.map(|(place, _)| place), &failure);
            }
        }
        self.release(listed, deadline).await;
        let undecided = if deadline.is_over() {
            Outcome::NotRun(NotRun::OutOfTime)
        } else {
            Outcome::Failed(Failure::transient(
                "guard_moved",
                "another environment kept applying the same aggregate",
            ))
        };
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| undecided.clone())).collect()
    }
}
