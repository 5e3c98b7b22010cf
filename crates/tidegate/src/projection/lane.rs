//! Plans how to handle the deliveries of one aggregate.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::change::{Projected, Projection};
use super::deadline::Deadline;
use super::delivered::{Delivered, Hint, events_above, ids_of, not_in_store, rewritten};
use super::guard::{Guard, Verdict, is_tried_again};
use super::plan::steps;
use super::transaction::Step;
use crate::batch::{Handled, NotRun, Outcome};
use crate::failure::{Class, Failure};
use crate::ids::{StreamId, Version};
use crate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent};

/// The plan for the deliveries of one aggregate.
///
/// After planning, each delivery is in exactly one of `outcomes`, `due` and `held_back`.
#[derive(Default)]
pub(super) struct LanePlan {
    /// Deliveries whose outcome is known without a write.
    pub(super) outcomes: Vec<(usize, Outcome)>,
    /// Deliveries that are applied when the guard reaches the given version.
    pub(super) due: Vec<(usize, Version)>,
    /// Steps that move the guard there.
    pub(super) steps: Vec<Step>,
    /// Version that the guard has reached.
    pub(super) reached: Version,
    /// The event at which the aggregate must be parked, and why.
    pub(super) park: Option<(Version, Failure)>,
    /// Whether the aggregate is already parked there, for the same reason.
    pub(super) stays_parked: bool,
    /// The guard before the first step.
    guard: Guard,
    /// Deliveries whose outcome counts only after the aggregate is parked.
    pub(super) held_back: Vec<(usize, Outcome)>,
    /// Why the aggregate goes no further.
    pub(super) stopped: Option<Failure>,
    /// Whether this is a replay by an operator. Every delivery that is not applied must then fail,
    /// so that the letter stays.
    replay: bool,
    /// The last due delivery of a parked aggregate. The deliveries behind it were acknowledged
    /// before. If the event of one of them cannot be applied, only this delivery can leave a
    /// letter.
    carrier: Option<usize>,
}

impl LanePlan {
    /// Creates an empty plan for an aggregate with this guard.
    pub(super) fn new(guard: &Guard, replay: bool) -> Self {
        Self { reached: guard.position.version, guard: guard.clone(), replay, ..Self::default() }
    }

    /// Returns whether the steps release the aggregate, if they are applied.
    pub(super) fn releases(&self) -> bool {
        self.guard.parked.is_some() && !self.steps.is_empty()
    }

    /// Returns whether the guard, if it has not moved, is already parked as planned.
    fn is_parked_so(&self) -> bool {
        self.park.as_ref().is_some_and(|(at, failure)| is_parked_so(&self.guard, *at, failure))
    }

    /// Stops the plan at the next event, whose step was refused.
    pub(super) fn refuse(&mut self, failure: Failure) {
        stop_at(self, self.reached.next(), failure);
        self.stays_parked = self.reached == self.guard.position.version && self.is_parked_so();
    }
}

/// Returns whether the failure parks the aggregate: this projection can never apply the event, or
/// this version of the function cannot.
pub(super) fn parks(failure: &Failure) -> bool {
    failure.class() == Class::Permanent || is_newer(failure)
}

/// Returns whether only a newer version of the function knows the event.
pub(super) fn is_newer(failure: &Failure) -> bool {
    failure.code() == Failure::NEWER
}

/// Returns whether the aggregate is already parked at this event for the same reason, so that no
/// write is needed.
pub(super) fn is_parked_so(guard: &Guard, at: Version, failure: &Failure) -> bool {
    guard.listed.is_some()
        && guard.parked == Some(at)
        && guard.parked_code.as_deref() == Some(failure.code())
}

/// Plans the deliveries of one aggregate, whose guard is `guard`.
///
/// A delivery (`hints`) is only a hint that the event store has a version. The guard sorts the
/// hints:
///
/// 1. Duplicates, and deliveries behind a parked event, get their outcome at once.
/// 2. Due deliveries need all events from the guard up to them. These come from the batch if it has
///    them without a gap, otherwise from the event store.
/// 3. Each event becomes steps. The first event that fails stops the plan: see [`stop_at`].
///
/// For example, let the guard be at version 3, and the batch bring versions 3, 6 and 5. Version 3
/// is a duplicate. Version 4 is missing, so versions 4 to 6 are read from the event store. If
/// version 5 cannot be projected, version 4 is applied, the delivery of 5 fails, and that of 6
/// waits. If the aggregate is parked at 5, the delivery of 6 is acknowledged.
///
/// Invariant: each hint is in exactly one of `outcomes`, `due` and `held_back` afterwards.
pub(super) async fn plan(
    projection: &impl Projection,
    reader: &dyn EventReader,
    stream: &StreamId,
    guard: &Guard,
    hints: &[Hint<'_>],
    replay: bool,
    deadline: Deadline,
) -> LanePlan {
    let mut plan = LanePlan::new(guard, replay);
    let ids = judge(&mut plan, stream, guard, hints);
    if plan.due.is_empty() {
        return plan;
    }
    match events_above(reader, stream, guard, hints, deadline).await {
        Ok(commits) => {
            let nothing_there = compare_with_store(&mut plan, stream, hints, ids, &commits);
            if guard.parked.is_some() {
                plan.carrier =
                    plan.due.iter().max_by_key(|(_, version)| *version).map(|(place, _)| *place);
            }
            project(&mut plan, projection, guard, &commits);
            let duplicate = |place| (place, Outcome::Done(Handled::Duplicate));
            plan.outcomes.extend(nothing_there.into_iter().map(duplicate));
        }
        Err(failure) if is_newer(&failure) => {
            // Deliveries up to the first gap are applied without reading the store.
            let delivered = Delivered::new(guard, hints);
            let commits: Vec<_> = delivered.up_to_a_gap().cloned().collect();
            project(&mut plan, projection, guard, &commits);
            if plan.stopped.is_none() {
                let last =
                    commits.last().map_or(guard.position.version, RecordedCommit::last_version);
                stop_at(&mut plan, last.max(guard.position.version).next(), failure);
            }
        }
        Err(failure) => stop_at(&mut plan, guard.position.version.next(), failure),
    }
    plan.stays_parked = plan.steps.is_empty() && plan.is_parked_so();
    plan
}

/// Sorts the deliveries by what the guard says about their versions. Returns the id of the last
/// event of each due delivery, in the order of `due`. The id is `None` if the delivery could not be
/// decoded.
fn judge<'a>(
    plan: &mut LanePlan,
    stream: &StreamId,
    guard: &Guard,
    hints: &[Hint<'a>],
) -> Vec<Option<&'a str>> {
    let replay = plan.replay;
    let mut ids = Vec::new();
    for hint in hints {
        let (version, event_id, verdict) = match hint.change {
            CommitChange::Commit(commit) => {
                let (first, last) = (commit.first_version(), commit.last_version());
                let last_id = commit.events.last().map_or("", |event| event.id.as_str());
                (last, Some(last_id), guard.judge(first, last, last_id, replay))
            }
            CommitChange::Split { version, last_version, last_event_id, .. } => {
                let last_id = last_event_id.as_str();
                (
                    *last_version,
                    Some(last_id),
                    guard.judge(*version, *last_version, last_id, replay),
                )
            }
            CommitChange::Hint { version, event_id, .. } => (
                *version,
                Some(event_id.as_str()),
                guard.judge(*version, *version, event_id, replay),
            ),
            CommitChange::Newer { version, .. } => {
                let next = guard.position.version.next();
                ((*version).max(next), None, guard.judge_unread(*version, replay))
            }
            CommitChange::Other => {
                plan.outcomes.push((hint.place, Outcome::Done(Handled::Filtered)));
                continue;
            }
        };
        match verdict {
            Verdict::Duplicate => {
                plan.outcomes.push((hint.place, Outcome::Done(Handled::Duplicate)))
            }
            Verdict::Parked => plan.outcomes.push((hint.place, Outcome::Done(Handled::Parked))),
            Verdict::Rewritten if is_message(hint) => {
                let id = event_id.unwrap_or_default();
                let failure = not_in_store(stream, version, id, guard.event_id.as_deref());
                plan.outcomes.push((hint.place, Outcome::Failed(failure)));
            }
            Verdict::Rewritten => {
                let known = guard.event_id.as_deref().unwrap_or_default();
                let other = format!("event {known} was applied at that version before");
                let failure = rewritten(stream, version, event_id.unwrap_or_default(), &other);
                plan.outcomes.push((hint.place, Outcome::Failed(failure)));
            }
            Verdict::Due => {
                plan.due.push((hint.place, version));
                ids.push(event_id);
            }
        }
    }
    ids
}

/// Compares the due deliveries with the event store, whose events are applied.
///
/// Returns the places of the deliveries that could not be decoded and have no event above the
/// guard.
fn compare_with_store(
    plan: &mut LanePlan,
    stream: &StreamId,
    hints: &[Hint<'_>],
    ids: Vec<Option<&str>>,
    commits: &[RecordedCommit],
) -> Vec<usize> {
    let stored: BTreeMap<Version, &str> = ids_of(commits).collect();
    let messages: BTreeSet<usize> =
        hints.iter().filter(|hint| is_message(hint)).map(|hint| hint.place).collect();
    let mut nothing_there = Vec::new();
    for ((place, version), id) in std::mem::take(&mut plan.due).into_iter().zip(ids) {
        match (stored.get(&version), id) {
            (there, Some(id)) if messages.contains(&place) && there.copied() != Some(id) => {
                let failure = not_in_store(stream, version, id, there.copied());
                plan.outcomes.push((place, Outcome::Failed(failure)));
            }
            (Some(there), Some(id)) if *there != id => {
                let failure = rewritten(
                    stream,
                    version,
                    id,
                    &format!("the event store has event {there} at that version"),
                );
                plan.outcomes.push((place, Outcome::Failed(failure)));
            }
            (None, None) => nothing_there.push(place),
            _ => plan.due.push((place, version)),
        }
    }
    nothing_there
}

/// Returns whether the delivery is a message, which proves nothing.
fn is_message(hint: &Hint<'_>) -> bool {
    matches!(hint.change, CommitChange::Hint { .. })
}

/// Adds the steps of all events above the guard to the plan, in order. Stops at the first event
/// that this projection cannot apply.
pub(super) fn project(
    plan: &mut LanePlan,
    projection: &impl Projection,
    guard: &Guard,
    commits: &[RecordedCommit],
) {
    let mut done = guard.position;
    for commit in commits {
        for event in commit.events.iter().filter(|event| event.version > guard.position.version) {
            match run(projection, commit, event) {
                Ok(projected) => {
                    let applied = std::mem::take(&mut done);
                    let Some(mut steps) =
                        steps(&commit.stream, event.version, &event.id, projected, applied)
                    else {
                        return stop_at(plan, event.version, parts_changed(event, applied.part));
                    };
                    // Until the version advances, the aggregate stays parked.
                    if event.version == guard.position.version.next() {
                        steps.iter_mut().for_each(|step| step.advance.parked = guard.parked);
                    }
                    plan.steps.extend(steps);
                }
                Err(failure) => return stop_at(plan, event.version, failure),
            }
        }
    }
}

/// Creates the failure for applied parts that do not match the event's current cut. The cut follows
/// from the counters. If they changed, it is not known which of them were counted.
fn parts_changed(event: &RecordedEvent, applied: u32) -> Failure {
    Failure::permanent(
        "parts_changed",
        format!(
            "{applied} parts of event {} at version {} were applied, and this projection cuts the event \
             at other places; run the projection that applied these parts until the event is finished",
            event.id, event.version
        ),
    )
}

/// Runs the projection on one event. A panic is permanent: a pure function panics again for the
/// same event.
pub(super) fn run(
    projection: &impl Projection,
    commit: &RecordedCommit,
    event: &RecordedEvent,
) -> Result<Projected, Failure> {
    let projected = catch_unwind(AssertUnwindSafe(|| projection.project(commit, event)))
        .unwrap_or_else(|_| {
            Err(Failure::permanent(
                "projection_panicked",
                format!("the projection panicked at {} {}", event.kind, event.id),
            ))
        })?;
    match projected.row.touches_guard() {
        Some(name) => Err(Failure::permanent(
            "guard_attribute",
            format!(
                "{} {} changes the attribute `{name}`, which belongs to the guard",
                event.kind, event.id
            ),
        )),
        None => Ok(projected),
    }
}

/// Stops the plan at an event that cannot be applied now.
///
/// Deliveries before the event stay due. The first delivery at or behind the event fails. The
/// others wait if the event may still succeed. If the aggregate is parked, they are acknowledged,
/// because the event store has their events when the aggregate is released.
///
/// An event that only a newer version of the function knows leaves no letter, because that version
/// releases the aggregate. Nor does an event whose entry belongs to another aggregate: it is
/// applied when that deletes the entry.
///
/// For example, versions 3, 4, 5 are due and version 4 can never be projected. Then 3 is applied, 4
/// becomes a dead letter, and 5 is parked. If the failure of version 4 is transient, 4 fails and 5
/// is not run.
fn stop_at(plan: &mut LanePlan, version: Version, failure: Failure) {
    let (before, mut from): (Vec<_>, Vec<_>) =
        std::mem::take(&mut plan.due).into_iter().partition(|(_, due)| *due < version);
    plan.due = before;
    from.sort_by_key(|(place, due)| (*due, *place));
    let parks = parks(&failure);
    let leaves_letter = !is_tried_again(failure.code()) || plan.replay;
    let behind =
        if parks { Outcome::Done(Handled::Parked) } else { Outcome::NotRun(NotRun::Blocked) };
    let mut first = leaves_letter.then(|| Outcome::Failed(failure.clone()));
    let decided =
        from.into_iter().map(|(place, _)| (place, first.take().unwrap_or_else(|| behind.clone())));
    plan.stopped = Some(failure.clone());
    if !parks {
        plan.outcomes.extend(decided);
        return;
    }
    let before = plan.held_back.len();
    plan.held_back.extend(decided);
    if leaves_letter
        && plan.held_back.len() == before
        && let Some(carrier) = plan.carrier
    {
        plan.due.retain(|(place, _)| *place != carrier);
        plan.held_back.push((carrier, Outcome::Failed(failure.clone())));
    }
    plan.park = Some((version, failure));
}
