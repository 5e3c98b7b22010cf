//! Makes one attempt to apply the deliveries of a batch.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _};
use tracing::error;

use super::apply_error::ApplyError;
use super::change::Projection;
use super::confirmed::Counting;
use super::deadline::Deadline;
use super::delivered::Hint;
use super::lane::{LanePlan, plan};
use super::pack::{Packed, pack};
use super::projector::Projector;
use super::read_model::Guards;
use super::results::{Results, decide, fail};
use crate::batch::{BatchContext, Handled, Item, NotRun, Outcome};
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::store::CommitChange;

/// Histories that are read at a time.
const READS_AT_A_TIME: usize = 16;

/// What an invocation did with the aggregates of its batch so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Aggregates that may have been released.
    pub(super) released: BTreeSet<StreamId>,
    /// Aggregates that are tried once more before they are parked, because an entry belonged to
    /// another aggregate, which may delete it in the same batch.
    once_more: BTreeSet<StreamId>,
}

/// The result of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// A guard moved meanwhile: read it again.
    AnotherRound,
}

impl<P: Projection> Projector<P> {
    /// Tries once to advance the guards of all undecided deliveries.
    pub(super) async fn round(
        &self,
        items: &[Item<CommitChange>],
        outcomes: &mut [Option<Outcome>],
        progress: &mut Progress,
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
        let (guards, mut counting) = match self.begin(&streams, deadline).await {
            Ok(begun) => begun,
            Err(failure) => {
                self.unread(&lanes, outcomes, &failure);
                return Next::Nothing;
            }
        };
        let mut plans = self.plan_all(&lanes, guards, outcomes, context).await;
        for (stream, plan) in &mut plans {
            for (place, outcome) in plan.outcomes.drain(..) {
                decide(outcomes, place, outcome);
            }
            // An earlier replay may have released the aggregate, and then been cut off.
            if plan.releases() || context.replay {
                progress.released.insert(stream.clone());
            }
        }
        let once_more = &mut progress.once_more;
        let moved = self.apply_all(&mut plans, &mut counting, outcomes, once_more, deadline).await;
        if moved { Next::AnotherRound } else { self.park(plans, outcomes, deadline).await }
    }

    /// Plans the deliveries of all aggregates whose guard could be read.
    ///
    /// Histories are read at most until half of the time is over, so that what is read can be
    /// applied. An aggregate that has no answer by then fails alone; the next ones are not run.
    async fn plan_all(
        &self,
        lanes: &BTreeMap<StreamId, Vec<Hint<'_>>>,
        mut guards: Guards,
        outcomes: &mut [Option<Outcome>],
        context: &BatchContext,
    ) -> BTreeMap<StreamId, LanePlan> {
        let reading = Deadline(context.deadline).half();
        let (projection, events) = (&self.projection, self.events.as_ref());
        let mut each = Vec::with_capacity(lanes.len());
        for (stream, hints) in lanes {
            let guard = match guards.remove(stream).transpose() {
                Ok(guard) => guard.unwrap_or_default(),
                // A row that cannot be read fails only its own aggregate.
                Err(failure) => {
                    fail(outcomes, hints.iter().map(|hint| hint.place), &failure);
                    continue;
                }
            };
            each.push(async move {
                if reading.is_over() {
                    return Err(hints);
                }
                let plan = plan(projection, events, stream, &guard, hints, context.replay, reading);
                Ok((stream.clone(), plan.await))
            });
        }
        let planned = stream::iter(each).buffer_unordered(READS_AT_A_TIME);
        let mut plans = BTreeMap::new();
        for planned in planned.collect::<Vec<_>>().await {
            match planned {
                Ok((stream, plan)) => {
                    plans.insert(stream, plan);
                }
                Err(hints) => {
                    for hint in hints {
                        decide(outcomes, hint.place, Outcome::NotRun(NotRun::OutOfTime));
                    }
                }
            }
        }
        plans
    }

    /// Applies the steps of all plans: rows and transactions first, and then the counters of all of
    /// them. Returns whether another round is needed: a guard has moved meanwhile, or an entry may
    /// be free by then.
    async fn apply_all(
        &self,
        plans: &mut BTreeMap<StreamId, LanePlan>,
        counting: &mut Counting,
        outcomes: &mut [Option<Outcome>],
        once_more: &mut BTreeSet<StreamId>,
        deadline: Deadline,
    ) -> bool {
        let steps = plans.values_mut().map(|plan| std::mem::take(&mut plan.steps)).collect();
        let Packed { rows, transactions } = pack(steps);
        let mut results = Results::of(plans, once_more);
        results.add(self.apply_rows(rows, counting, deadline).await);
        for mut group in transactions {
            // A batch may be large, so other tasks get a turn between its transactions.
            tokio::task::yield_now().await;
            if deadline.is_over() {
                break;
            }
            group.retain(|step| !results.stopped.contains(&step.advance.stream));
            // The head of the slice may have moved, and then no later delta fits.
            if results.add(self.apply_group(group, counting, deadline).await) {
                break;
            }
        }
        let uncounted = self.count(counting, deadline).await.err();
        let confirmed = self.slices.confirmed(counting.slice);
        results.decide(uncounted.as_ref(), confirmed, outcomes)
    }

    /// Fails all deliveries of a round whose guards could not be read.
    fn unread(
        &self,
        lanes: &BTreeMap<StreamId, Vec<Hint<'_>>>,
        outcomes: &mut [Option<Outcome>],
        failure: &Failure,
    ) {
        if failure.code() == Failure::THROTTLED {
            self.pace.throttled();
        }
        fail(outcomes, lanes.values().flatten().map(|hint| hint.place), failure);
    }

    /// Returns the undecided deliveries by aggregate, in the order of the batch.
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
                    lanes
                        .entry(stream.clone())
                        .or_default()
                        .push(Hint { place, change: &item.record });
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

/// Fails the first delivery. The others wait for it.
fn block(
    outcomes: &mut [Option<Outcome>],
    mut places: impl Iterator<Item = usize>,
    failure: &Failure,
) {
    fail(outcomes, places.by_ref().take(1), failure);
    for place in places {
        decide(outcomes, place, Outcome::NotRun(NotRun::Blocked));
    }
}
