use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::error;

use super::Projected;
use super::guard::{Guard, Position};
use super::lane::{Hint, LanePlan, plan, project, stop_at};
use super::plan::{Step, Transaction, merge, pack};
use super::read_model::{ApplyError, ReadModel};
use crate::batch::{BatchContext, BatchHandler, Handled, Item, NotRun, Outcome};
use crate::failure::{Class, Failure};
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

/// What became of an aggregate's steps.
struct Applied {
    stream: StreamId,
    /// How far the guard came.
    reached: Option<Position>,
    /// Why it came no further.
    result: Result<(), ApplyError>,
}

impl<P: Projection> Projector<P> {
    /// Applies `projection` to `read_model`; `events` fills gaps.
    pub fn new(projection: P, read_model: Arc<dyn ReadModel>, events: Arc<dyn EventReader>) -> Self {
        Projector { projection, read_model, events, retry: Retry::default() }
    }

    /// One attempt to bring the guards of all undecided deliveries forward.
    async fn round(
        &self,
        items: &[Item<CommitChange>],
        outcomes: &mut [Option<Outcome>],
        released: &mut BTreeSet<StreamId>,
        context: &BatchContext,
    ) -> Next {
        let lanes = self.undecided_lanes(items, outcomes);
        let streams: Vec<StreamId> = lanes.keys().cloned().collect();
        let guards = match self.read_model.guards(&streams).await {
            Ok(guards) => guards,
            Err(failure) => {
                fail(outcomes, lanes.values().flatten().map(|hint| hint.place), &failure);
                return Next::Nothing;
            }
        };
        let mut plans: BTreeMap<StreamId, LanePlan> = BTreeMap::new();
        for (stream, hints) in &lanes {
            let guard = guards.get(stream).cloned().unwrap_or_default();
            let mut plan =
                plan(&self.projection, self.events.as_ref(), stream, &guard, hints, context.replay).await;
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
            group.retain(|step| !stopped.contains(&step.advance.stream));
            let applied = self.apply_group(group, context.deadline).await;
            for Applied { stream, reached, result } in applied {
                let Some(plan) = plans.get_mut(&stream) else { continue };
                if let Some(reached) = reached {
                    settle(plan, reached, outcomes);
                }
                match result {
                    Ok(()) => {}
                    Err(ApplyError::GuardMoved | ApplyError::Conflict) => return Next::AnotherRound,
                    Err(ApplyError::Failed(failure)) => {
                        stop(plan, &failure, outcomes);
                        stopped.insert(stream);
                    }
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
                _ => *outcome = Some(Outcome::Done(Handled::Filtered)),
            }
        }
        lanes
    }

    /// Applies steps in one transaction and answers, for each aggregate, how far it came. When the transaction fails, each aggregate is tried alone, and where
    /// that cannot ever succeed, each of its steps: a row that cannot be stored must not cost its neighbours, nor the events before it.
    async fn apply_group(&self, steps: Vec<Step>, deadline: Instant) -> Vec<Applied> {
        let together = self.apply(&steps, deadline).await;
        let mut by_stream: BTreeMap<StreamId, Vec<Step>> = BTreeMap::new();
        for step in steps {
            by_stream.entry(step.advance.stream.clone()).or_default().push(step);
        }
        let alone = matches!(together, Err(ApplyError::Failed(_))) && by_stream.len() > 1;
        let mut applied = Vec::with_capacity(by_stream.len());
        for (stream, steps) in by_stream {
            let mut result = if alone { self.apply(&steps, deadline).await } else { together.clone() };
            let mut reached = result.is_ok().then(|| steps.last().map(|step| step.advance.to)).flatten();
            if steps.len() > 1
                && let Err(ApplyError::Failed(failure)) = &result
                && failure.class() == Class::Permanent
            {
                for step in &steps {
                    result = self.apply(std::slice::from_ref(step), deadline).await;
                    if result.is_err() {
                        break;
                    }
                    reached = Some(step.advance.to);
                }
            }
            applied.push(Applied { stream, reached, result });
        }
        applied
    }

    async fn apply(&self, steps: &[Step], deadline: Instant) -> Result<(), ApplyError> {
        if steps.is_empty() {
            return Ok(());
        }
        let transaction: Transaction = merge(steps).map_err(ApplyError::Failed)?;
        for attempt in 0..self.retry.attempts {
            match self.read_model.apply(&transaction).await {
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

    /// Applies what was committed to an aggregate while it was still parked: its deliveries were acknowledged unapplied.
    async fn catch_up(&self, stream: &StreamId, context: &BatchContext) -> Result<(), Failure> {
        for attempt in 0..self.retry.attempts {
            if attempt > 0 {
                tokio::time::sleep(self.retry.pause_after(attempt - 1)).await;
            }
            let guard: Guard = self
                .read_model
                .guards(std::slice::from_ref(stream))
                .await?
                .remove(stream)
                .unwrap_or_default();
            if guard.parked.is_some() && !context.replay {
                return Ok(());
            }
            let commits = self.events.read(stream, guard.position.version).await?;
            if commits.is_empty() {
                return Ok(());
            }
            let mut plan = LanePlan::default();
            project(&mut plan, &self.projection, &guard, &commits);
            let mut moved = false;
            for step in plan.steps {
                match self.apply(&[step], context.deadline).await {
                    Ok(()) => {}
                    Err(ApplyError::GuardMoved | ApplyError::Conflict) => {
                        moved = true;
                        break;
                    }
                    Err(ApplyError::Failed(failure)) => return Err(failure),
                }
            }
            match plan.stopped {
                Some(failure) if !moved => return Err(failure),
                _ => {}
            }
        }
        Err(Failure::transient("guard_moved", "another environment kept applying the same aggregate"))
    }

    async fn park(&self, plans: BTreeMap<StreamId, LanePlan>, outcomes: &mut [Option<Outcome>]) -> Next {
        let mut next = Next::Nothing;
        for (stream, plan) in plans {
            let Some((at, failure)) = plan.park else { continue };
            let (stream_id, code, reason) = (stream.as_str(), failure.code(), failure.reason());
            error!(stream = stream_id, version = at.number(), code, reason, "aggregate parked");
            match self.read_model.park(&stream, at, reason).await {
                Ok(()) => {
                    for (place, outcome) in plan.held_back {
                        decide(outcomes, place, outcome);
                    }
                }
                Err(ApplyError::GuardMoved | ApplyError::Conflict) => next = Next::AnotherRound,
                Err(ApplyError::Failed(failure)) => {
                    fail(outcomes, plan.held_back.iter().map(|(place, _)| *place), &failure);
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

/// The aggregate goes no further. What can never be written parks it, as what can never be projected does.
fn stop(plan: &mut LanePlan, failure: &Failure, outcomes: &mut [Option<Outcome>]) {
    if failure.class() == Class::Permanent {
        let at = plan.reached.next();
        stop_at(plan, at, failure.clone());
    } else {
        fail(outcomes, plan.due.drain(..).map(|(place, _)| place), failure);
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
        let mut released = BTreeSet::new();
        for attempt in 0..self.retry.attempts {
            if Instant::now() >= context.deadline
                || self.round(items, &mut outcomes, &mut released, context).await == Next::Nothing
            {
                break;
            }
            tokio::time::sleep(self.retry.pause_after(attempt)).await;
        }
        for stream in released {
            let Err(failure) = self.catch_up(&stream, context).await else { continue };
            let (stream_id, reason) = (stream.as_str(), failure.reason());
            error!(
                stream = stream_id,
                reason, "a released aggregate is behind until its next event or replay"
            );
            if context.replay {
                // The letter stays, so that it can be replayed again.
                let places = (0..).zip(items).filter(|(_, item)| item.record.stream() == Some(&stream));
                fail(&mut outcomes, places.map(|(place, _)| place), &failure);
            }
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
