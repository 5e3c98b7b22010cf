//! What is to be done with the deliveries of one aggregate.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::guard::{Guard, Verdict};
use super::plan::{Step, steps};
use super::projector::Projection;
use crate::batch::{Effect, NotRun, Outcome};
use crate::failure::{Class, Failure};
use crate::ids::{StreamId, Version};
use crate::store::{CommitChange, EventReader, RecordedCommit, RecordedEvent};

/// One delivery of the aggregate: its place in the batch and the commit it hints at.
pub(super) struct Hint<'a> {
    pub(super) place: usize,
    pub(super) change: &'a CommitChange,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct LanePlan {
    /// Deliveries that need no write, or can have none.
    pub(super) outcomes: Vec<(usize, Outcome)>,
    /// Deliveries that are applied once the guard has reached a version.
    pub(super) due: Vec<(usize, Version)>,
    /// What brings the guard there.
    pub(super) steps: Vec<Step>,
    /// How far the guard has come.
    pub(super) reached: Version,
    /// The event that can never be applied, and why.
    pub(super) park: Option<(Version, Failure)>,
    /// Deliveries that are decided once the aggregate is parked.
    pub(super) held_back: Vec<(usize, Outcome)>,
}

pub(super) async fn plan(
    projection: &impl Projection,
    reader: &dyn EventReader,
    stream: &StreamId,
    guard: &Guard,
    hints: &[Hint<'_>],
    replay: bool,
) -> LanePlan {
    let mut plan = LanePlan { reached: guard.position.version, ..LanePlan::default() };
    for hint in hints {
        let (first, version, event_id) = match hint.change {
            CommitChange::Commit(commit) => {
                let last_id = commit.events.last().map_or("", |event| event.id.as_str());
                (commit.first_version(), commit.last_version(), last_id)
            }
            CommitChange::Split { version, last_version, last_event_id, .. } => {
                (*version, *last_version, last_event_id.as_str())
            }
            CommitChange::Other => {
                plan.outcomes.push((hint.place, Outcome::Done(Effect::Filtered)));
                continue;
            }
        };
        match guard.judge(first, version, event_id, replay) {
            Verdict::Duplicate => plan.outcomes.push((hint.place, Outcome::Done(Effect::Duplicate))),
            Verdict::Parked => plan.outcomes.push((hint.place, Outcome::Done(Effect::Filtered))),
            Verdict::Rewritten => plan.outcomes.push((
                hint.place,
                Outcome::Failed(Failure::permanent(
                    "history_rewritten",
                    format!("{stream}: another event was applied at version {version} before"),
                )),
            )),
            Verdict::Due => plan.due.push((hint.place, version)),
        }
    }
    if plan.due.is_empty() {
        return plan;
    }
    match events_above(reader, stream, guard, hints, &plan.due).await {
        Ok(commits) => project(&mut plan, projection, guard, &commits),
        Err(failure) => {
            let due = std::mem::take(&mut plan.due);
            plan.outcomes.extend(due.into_iter().map(|(place, _)| (place, Outcome::Failed(failure.clone()))));
        }
    }
    plan
}

/// The commits from the guard on: those delivered, if they follow it without a gap; else what the store has. A parked aggregate is always read
/// from the store, because deliveries behind the parked event were acknowledged unapplied.
async fn events_above(
    reader: &dyn EventReader,
    stream: &StreamId,
    guard: &Guard,
    hints: &[Hint<'_>],
    due: &[(usize, Version)],
) -> Result<Vec<RecordedCommit>, Failure> {
    let delivered: BTreeMap<Version, &RecordedCommit> = hints
        .iter()
        .filter_map(|hint| match hint.change {
            CommitChange::Commit(commit) => Some((commit.first_version(), commit)),
            CommitChange::Split { .. } | CommitChange::Other => None,
        })
        .filter(|(_, commit)| commit.last_version() > guard.position.version)
        .collect();
    let newest = due.iter().map(|(_, version)| *version).max().unwrap_or(Version::NONE);
    let mut reached = guard.position.version;
    for commit in delivered.values() {
        if commit.first_version() <= reached.next() {
            reached = reached.max(commit.last_version());
        }
    }
    if reached >= newest && guard.parked.is_none() {
        return Ok(delivered.into_values().cloned().collect());
    }
    let stored = reader.read(stream, guard.position.version).await?;
    let last = stored.last().map_or(guard.position.version, RecordedCommit::last_version);
    if last < newest {
        return Err(Failure::transient(
            "not_in_store",
            format!("{stream}: version {newest} was delivered, the event store ends at {last}"),
        ));
    }
    Ok(stored)
}

pub(super) fn project(
    plan: &mut LanePlan,
    projection: &impl Projection,
    guard: &Guard,
    commits: &[RecordedCommit],
) {
    let mut done = guard.position.part;
    for commit in commits {
        for event in commit.events.iter().filter(|event| event.version > guard.position.version) {
            match run(projection, commit, event) {
                Ok(projected) => {
                    plan.steps.extend(steps(
                        &commit.stream,
                        event.version,
                        &event.id,
                        projected,
                        std::mem::take(&mut done),
                    ));
                }
                Err(failure) => return stop_at(plan, event.version, failure),
            }
        }
    }
}

/// The projection is a pure function of the event: one that panics would do so for ever.
fn run(
    projection: &impl Projection,
    commit: &RecordedCommit,
    event: &RecordedEvent,
) -> Result<super::Projected, Failure> {
    catch_unwind(AssertUnwindSafe(|| projection.project(commit, event))).unwrap_or_else(|_| {
        Err(Failure::permanent(
            "projection_panicked",
            format!("the projection panicked at {} {}", event.kind, event.id),
        ))
    })
}

/// The deliveries before the event go on. The first from it on fails; those behind wait for it if it may still succeed, and are acknowledged if it
/// cannot: the store has them when the aggregate is released.
pub(super) fn stop_at(plan: &mut LanePlan, version: Version, failure: Failure) {
    let (before, mut from): (Vec<_>, Vec<_>) =
        std::mem::take(&mut plan.due).into_iter().partition(|(_, due)| *due < version);
    plan.due = before;
    from.sort_by_key(|(place, due)| (*due, *place));
    let permanent = failure.class() == Class::Permanent;
    let behind = if permanent { Outcome::Done(Effect::Filtered) } else { Outcome::NotRun(NotRun::Blocked) };
    let mut first = Some(Outcome::Failed(failure.clone()));
    let decided = from.into_iter().map(|(place, _)| (place, first.take().unwrap_or_else(|| behind.clone())));
    if permanent {
        plan.held_back.extend(decided);
        plan.park = Some((version, failure));
    } else {
        plan.outcomes.extend(decided);
    }
}
