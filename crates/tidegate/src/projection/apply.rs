//! Runs the transactions of a projector.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use super::apply_error::ApplyError;
use super::confirmed::Counting;
use super::deadline::Deadline;
use super::delta::WAITING_DELTAS;
use super::entry::ENTRY_TAKEN;
use super::guard::Position;
use super::plan::merge;
use super::projector::Projector;
use super::transaction::{Step, Transaction};
use crate::failure::{Class, Failure};
use crate::ids::StreamId;

/// The result of applying the steps of one aggregate in a group.
pub(super) struct Applied {
    pub(super) stream: StreamId,
    /// Position of the guard now, if it moved.
    pub(super) reached: Option<Position>,
    /// Position of the guard after all steps.
    pub(super) wanted: Position,
    /// Why the guard did not get there.
    pub(super) result: Result<(), Stop>,
    /// Number of the newest delta then. What the guard has passed is counted when that delta is.
    pub(super) counted: u64,
}

/// The reason why steps were not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A guard has moved and must be read again.
    Moved,
    /// There was no time left to begin. Nothing took effect.
    OutOfTime,
    /// The steps can never be applied together, or not at all.
    Refused {
        failure: Failure,
        /// Aggregates to blame; empty if they are not known.
        to_blame: BTreeSet<StreamId>,
    },
    /// A transient failure. The steps may have taken effect all the same.
    Failed(Failure),
}

/// Number of rows that are written at a time, each by itself.
const ROWS_AT_A_TIME: usize = 16;

impl<P> Projector<P> {
    /// Writes rows of different aggregates, several at a time. Returns how far each aggregate came.
    pub(super) async fn apply_rows(
        &self,
        rows: Vec<Vec<Step>>,
        counting: &Counting,
        deadline: Deadline,
    ) -> Vec<Applied> {
        let Counting { slice, last, .. } = *counting;
        let each = rows.into_iter().map(|steps| async move {
            let mut no_deltas = Counting { slice, last, waiting: Vec::new() };
            self.apply_group(steps, &mut no_deltas, deadline).await
        });
        let applied = stream::iter(each).buffer_unordered(ROWS_AT_A_TIME);
        applied.collect::<Vec<_>>().await.into_iter().flatten().collect()
    }

    /// Applies steps in one transaction. Returns for each aggregate how far it came.
    ///
    /// A transaction that may succeed later is not split, because that would send even more
    /// requests to a throttled table. If a transaction can never succeed, the aggregates to blame
    /// are applied alone, if necessary step by step. So a row that cannot be stored stops neither
    /// other aggregates nor the events before it.
    ///
    /// For example, DynamoDB refuses a transaction of the aggregates A, B and C and blames B. A and
    /// C are then applied together, and B alone.
    pub(super) async fn apply_group(
        &self,
        mut steps: Vec<Step>,
        counting: &mut Counting,
        deadline: Deadline,
    ) -> Vec<Applied> {
        let mut applied = Vec::new();
        let mut to_blame = Vec::new();
        while !steps.is_empty() {
            let together = self.apply(&steps, counting, deadline).await;
            match together {
                Err(Stop::Refused { failure, to_blame: blamed }) if aggregates(&steps) > 1 => {
                    let (taken, left): (Vec<_>, Vec<_>) =
                        std::mem::take(&mut steps).into_iter().partition(|step| {
                            blamed.is_empty() || blamed.contains(&step.advance.stream)
                        });
                    let progress = !taken.is_empty();
                    to_blame.extend(by_aggregate(taken).into_values());
                    steps = left;
                    if !progress {
                        // The transaction does not contain the named items, so each remaining
                        // aggregate is applied alone.
                        to_blame.extend(by_aggregate(std::mem::take(&mut steps)).into_values());
                        tracing::warn!(
                            reason = failure.reason(),
                            "DynamoDB refused items that are not in the transaction; each aggregate is tried alone"
                        );
                    }
                }
                Err(Stop::Refused { failure, .. }) => {
                    let alone = std::mem::take(&mut steps);
                    applied.extend(self.apply_each(alone, failure, counting, deadline).await);
                }
                result => {
                    let all = by_aggregate(std::mem::take(&mut steps));
                    applied.extend(
                        all.into_values()
                            .filter_map(|steps| Applied::new(&steps, result.clone(), counting)),
                    );
                }
            }
        }
        for alone in to_blame {
            match self.apply(&alone, counting, deadline).await {
                Err(Stop::Refused { failure, .. }) => {
                    applied.extend(self.apply_each(alone, failure, counting, deadline).await);
                }
                result => applied.extend(Applied::new(&alone, result, counting)),
            }
        }
        applied
    }

    /// Applies the steps of one aggregate one by one, after they were refused together.
    ///
    /// A step that writes an entry of another aggregate is tried together with the steps behind it.
    /// One of them may delete the entry, so that the aggregate does not need it any more.
    async fn apply_each(
        &self,
        steps: Vec<Step>,
        failure: Failure,
        counting: &mut Counting,
        deadline: Deadline,
    ) -> Option<Applied> {
        let refused = Err(Stop::Refused { failure, to_blame: BTreeSet::new() });
        let mut applied = Applied::new(&steps, refused, counting)?;
        if steps.len() > 1 {
            let (mut begin, mut end) = (0, 1);
            // All of them together were refused before.
            while end - begin < steps.len()
                && let (Some(part), Some(last)) = (steps.get(begin..end), steps.get(end - 1))
            {
                match self.apply(part, counting, deadline).await {
                    Ok(()) => {
                        let reached = Some(last.advance.to);
                        (applied.reached, applied.counted) = (reached, counting.last);
                        applied.result = Ok(());
                        begin = end;
                    }
                    Err(Stop::Refused { failure, to_blame }) => {
                        let taken = failure.code() == ENTRY_TAKEN;
                        // Of several steps, the first is the one that cannot be applied.
                        if end == begin + 1 {
                            applied.result = Err(Stop::Refused { failure, to_blame });
                        }
                        if !taken {
                            break;
                        }
                    }
                    Err(stop) => {
                        applied.result = Err(stop);
                        break;
                    }
                }
                end += 1;
            }
        }
        Some(applied)
    }

    /// Applies steps in one transaction, with the next delta. Conflicts and throttled transactions
    /// are tried again, after pauses.
    async fn apply(
        &self,
        steps: &[Step],
        counting: &mut Counting,
        deadline: Deadline,
    ) -> Result<(), Stop> {
        let unnamed = |failure| Stop::Refused { failure, to_blame: BTreeSet::new() };
        let mut transaction = merge(steps, counting.slice).map_err(unnamed)?;
        if let Some(delta) = &mut transaction.delta {
            // The item of this delta still has an older one, which must be counted before.
            if counting.waiting.len() as u64 >= WAITING_DELTAS {
                self.count(counting, deadline).await.map_err(Stop::Failed)?;
            }
            delta.number = counting.last + 1;
            transaction.applied = self.slices.confirmed(delta.slice);
        }
        let mut stop = Stop::OutOfTime;
        for attempt in 0..self.retry.attempts {
            let began = self.pace.state();
            deadline.pause(began.pause()).await;
            if deadline.is_over() {
                return Err(stop);
            }
            let result = deadline.call(self.read_model.apply(&transaction)).await;
            match result {
                Ok(()) => {
                    self.pace.taken_since(began);
                    if let Some(delta) = transaction.delta {
                        counting.last = delta.number;
                        counting.waiting.push(delta);
                    }
                    return Ok(());
                }
                Err(ApplyError::GuardMoved) => return Err(Stop::Moved),
                Err(ApplyError::Conflict) => {
                    deadline.pause(self.retry.pause_after(attempt)).await;
                    if deadline.is_over() {
                        return Err(Stop::OutOfTime);
                    }
                    stop = Stop::Failed(Failure::transient(
                        "transaction_conflict",
                        format!(
                            "other transactions changed the same rows in all {} attempts",
                            self.retry.attempts
                        ),
                    ));
                }
                Err(ApplyError::Refused { failure, items }) => {
                    return Err(Stop::Refused {
                        failure,
                        to_blame: to_blame(&transaction, steps, &items),
                    });
                }
                Err(ApplyError::Failed(failure)) if failure.class() == Class::Permanent => {
                    return Err(unnamed(failure));
                }
                Err(ApplyError::Failed(failure)) if failure.code() == Failure::THROTTLED => {
                    self.pace.throttled_since(began);
                    stop = Stop::Failed(failure);
                }
                Err(ApplyError::Failed(failure)) => return Err(Stop::Failed(failure)),
            }
        }
        Err(stop)
    }
}

impl Applied {
    fn new(steps: &[Step], result: Result<(), Stop>, counting: &Counting) -> Option<Self> {
        let last = &steps.last()?.advance;
        let reached = result.is_ok().then_some(last.to);
        let (stream, counted) = (last.stream.clone(), counting.last);
        Some(Self { stream, reached, wanted: last.to, result, counted })
    }
}

fn by_aggregate(steps: Vec<Step>) -> BTreeMap<StreamId, Vec<Step>> {
    let mut aggregates: BTreeMap<StreamId, Vec<Step>> = BTreeMap::new();
    for step in steps {
        aggregates.entry(step.advance.stream.clone()).or_default().push(step);
    }
    aggregates
}

fn aggregates(steps: &[Step]) -> usize {
    steps.iter().map(|step| &step.advance.stream).collect::<BTreeSet<_>>().len()
}

/// Returns the aggregates to which these items of the transaction belong: as their row, as one of
/// their entries, or as one of their counters.
fn to_blame(transaction: &Transaction, steps: &[Step], items: &[usize]) -> BTreeSet<StreamId> {
    let mut streams = BTreeSet::new();
    for item in items {
        let guard = transaction.guards.get(*item).map(|(advance, _)| &advance.stream);
        let entry = item.checked_sub(transaction.guards.len());
        let entry = entry.and_then(|place| transaction.entries.get(place)).map(|(owner, _)| owner);
        match guard.or(entry) {
            Some(stream) => {
                streams.insert(stream.clone());
            }
            None => {
                let counters = transaction.delta.iter().flat_map(|delta| delta.counters.keys());
                let rows = transaction.guards.len() + transaction.entries.len();
                let counter = counters.clone().nth(item - rows);
                let has = |step: &&Step| step.counters.iter().any(|own| Some(&own.key) == counter);
                streams.extend(steps.iter().filter(has).map(|step| step.advance.stream.clone()));
            }
        }
    }
    streams
}
