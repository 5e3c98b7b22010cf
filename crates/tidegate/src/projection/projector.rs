use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;
use tracing::error;

use super::Projected;
use super::guard::Position;
use super::lane::{Hint, LanePlan, plan};
use super::plan::{Transaction, pack};
use super::read_model::{ApplyError, ReadModel};
use crate::batch::{BatchContext, BatchHandler, Effect, Item, NotRun, Outcome};
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::source::Delivery;
use crate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent, Retry};

/// What events change in a read model.
pub trait Projection: Send + Sync {
    /// The aggregate is of interest; all others are passed over.
    fn concerns(&self, stream: &StreamId) -> bool;

    /// The changes of one event. Pure, synchronous, and the same whenever it is called.
    ///
    /// # Errors
    /// A permanent failure parks the aggregate until the event can be applied; a transient one has it delivered again.
    fn project(&self, commit: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure>;
}

/// Applies the commits of the event store's DynamoDB stream to a read model.
pub struct Projector<P> {
    projection: P,
    read_model: Arc<dyn ReadModel>,
    events: Arc<dyn EventReader>,
    retry: Retry,
}

impl<P: Projection> Projector<P> {
    /// Applies `projection` to `read_model`; `events` fills gaps.
    pub fn new(projection: P, read_model: Arc<dyn ReadModel>, events: Arc<dyn EventReader>) -> Self {
        Projector { projection, read_model, events, retry: Retry::default() }
    }

    /// One attempt to bring the guards of all undecided deliveries forward. Answers whether another attempt may help.
    async fn round(
        &self,
        items: &[Item<CommitChange>],
        outcomes: &mut [Option<Outcome>],
        deadline: Instant,
    ) -> bool {
        let lanes = self.undecided_lanes(items, outcomes);
        let streams: Vec<StreamId> = lanes.keys().cloned().collect();
        let guards = match self.read_model.guards(&streams).await {
            Ok(guards) => guards,
            Err(failure) => {
                fail(outcomes, lanes.values().flatten().map(|hint| hint.place), &failure);
                return false;
            }
        };
        let mut plans: BTreeMap<StreamId, LanePlan> = BTreeMap::new();
        for (stream, hints) in &lanes {
            let guard = guards.get(stream).cloned().unwrap_or_default();
            let mut plan = plan(&self.projection, self.events.as_ref(), stream, &guard, hints).await;
            for (place, outcome) in plan.outcomes.drain(..) {
                decide(outcomes, place, outcome);
            }
            plans.insert(stream.clone(), plan);
        }
        let steps = plans.values_mut().map(|plan| std::mem::take(&mut plan.steps)).collect();
        for transaction in pack(steps) {
            match self.apply(&transaction, deadline).await {
                Ok(()) => {
                    for (advance, _) in &transaction.guards {
                        if let Some(plan) = plans.get_mut(&advance.stream) {
                            settle(plan, advance.to, outcomes);
                        }
                    }
                }
                Err(ApplyError::GuardMoved | ApplyError::Conflict) => return true,
                Err(ApplyError::Failed(failure)) => {
                    let failed =
                        transaction.guards.iter().filter_map(|(advance, _)| plans.get(&advance.stream));
                    let places: Vec<usize> =
                        failed.flat_map(|plan| plan.due.iter().map(|(place, _)| *place)).collect();
                    fail(outcomes, places.into_iter(), &failure);
                    return true;
                }
            }
        }
        self.park(plans, outcomes).await
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
                _ => *outcome = Some(Outcome::Done(Effect::Filtered)),
            }
        }
        lanes
    }

    async fn park(&self, plans: BTreeMap<StreamId, LanePlan>, outcomes: &mut [Option<Outcome>]) -> bool {
        let mut again = false;
        for (stream, plan) in plans {
            let Some((at, failure)) = plan.park else { continue };
            error!(
                stream = stream.as_str(),
                version = at.number(),
                code = failure.code(),
                reason = failure.reason(),
                "aggregate parked"
            );
            match self.read_model.park(&stream, at, failure.reason()).await {
                Ok(()) => {
                    for (place, outcome) in plan.held_back {
                        decide(outcomes, place, outcome);
                    }
                }
                Err(ApplyError::GuardMoved | ApplyError::Conflict) => again = true,
                Err(ApplyError::Failed(failure)) => {
                    fail(outcomes, plan.held_back.iter().map(|(place, _)| *place), &failure);
                }
            }
        }
        again
    }

    async fn apply(&self, transaction: &Transaction, deadline: Instant) -> Result<(), ApplyError> {
        for attempt in 0..self.retry.attempts {
            match self.read_model.apply(transaction).await {
                Err(ApplyError::Conflict) if Instant::now() < deadline => {
                    tokio::time::sleep(self.retry.pause_after(attempt)).await;
                }
                result => return result,
            }
        }
        Err(ApplyError::Failed(Failure::transient(
            "transaction_conflict",
            format!("other transactions were at work on the same rows {} times", self.retry.attempts),
        )))
    }
}

/// Deliveries that the guard has passed are done: the first of each version was applied, the others found it so.
fn settle(plan: &mut LanePlan, reached: Position, outcomes: &mut [Option<Outcome>]) {
    let mut versions = BTreeSet::new();
    for (place, version) in plan.due.extract_if(.., |(_, version)| *version <= reached.version) {
        let effect = if versions.insert(version) { Effect::Applied } else { Effect::Duplicate };
        decide(outcomes, place, Outcome::Done(effect));
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
        let mut outcomes: Vec<Option<Outcome>> = items.iter().map(|_| None).collect();
        for attempt in 0..self.retry.attempts {
            if Instant::now() >= context.deadline || !self.round(items, &mut outcomes, context.deadline).await
            {
                break;
            }
            tokio::time::sleep(self.retry.pause_after(attempt)).await;
        }
        let undecided = if Instant::now() >= context.deadline {
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
