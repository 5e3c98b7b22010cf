//! What is to be done with the deliveries of one aggregate.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::error;

use super::guard::{Guard, Verdict};
use super::plan::{Step, steps};
use super::projector::Projection;
use crate::batch::{Handled, NotRun, Outcome};
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
    /// Why the aggregate goes no further.
    pub(super) stopped: Option<Failure>,
    /// The last delivery of a parked aggregate. Those behind it were acknowledged, so that it alone can carry the letter when one of them cannot be applied
    /// either.
    carrier: Option<usize>,
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
    let mut ids = Vec::new();
    for hint in hints {
        let (first, version, event_id) = match hint.change {
            CommitChange::Commit(commit) => {
                let last_id = commit.events.last().map_or("", |event| event.id.as_str());
                (commit.first_version(), commit.last_version(), last_id)
            }
            CommitChange::Split { version, last_version, last_event_id, .. } => {
                (*version, *last_version, last_event_id.as_str())
            }
            CommitChange::Newer { version, .. } => {
                let what = format!("{stream}: the commit at version {version} is in a newer format");
                let failure = Failure::transient(Failure::NEWER, what);
                plan.outcomes.push((hint.place, Outcome::Failed(failure)));
                continue;
            }
            CommitChange::Other => {
                plan.outcomes.push((hint.place, Outcome::Done(Handled::Filtered)));
                continue;
            }
        };
        match guard.judge(first, version, event_id, replay) {
            Verdict::Duplicate => plan.outcomes.push((hint.place, Outcome::Done(Handled::Duplicate))),
            Verdict::Parked => plan.outcomes.push((hint.place, Outcome::Done(Handled::Filtered))),
            Verdict::Rewritten => {
                let known = guard.event_id.as_deref().unwrap_or_default();
                let failure =
                    rewritten(stream, version, event_id, &format!("{known} was applied there before"));
                plan.outcomes.push((hint.place, Outcome::Failed(failure)));
            }
            Verdict::Due => {
                plan.due.push((hint.place, version));
                ids.push(event_id);
            }
        }
    }
    if plan.due.is_empty() {
        return plan;
    }
    match events_above(reader, stream, guard, hints, &plan.due).await {
        Ok(commits) => {
            // A delivery is only a hint: what the store has at its version is what is applied.
            let stored: BTreeMap<Version, &str> = ids_of(&commits).collect();
            for ((place, version), id) in std::mem::take(&mut plan.due).into_iter().zip(ids) {
                match stored.get(&version) {
                    Some(there) if *there != id => {
                        let failure =
                            rewritten(stream, version, id, &format!("the event store has {there} there"));
                        plan.outcomes.push((place, Outcome::Failed(failure)));
                    }
                    _ => plan.due.push((place, version)),
                }
            }
            if guard.parked.is_some() {
                plan.carrier = plan.due.iter().max_by_key(|(_, version)| *version).map(|(place, _)| *place);
            }
            project(&mut plan, projection, guard, &commits);
        }
        Err(failure) => {
            let due = std::mem::take(&mut plan.due);
            plan.outcomes.extend(due.into_iter().map(|(place, _)| (place, Outcome::Failed(failure.clone()))));
        }
    }
    plan
}

/// Two histories of one aggregate: an alarm, and nothing a repetition would mend.
fn rewritten(stream: &StreamId, version: Version, id: &str, other: &str) -> Failure {
    error!(stream = stream.as_str(), version = version.number(), event = id, other, "history was rewritten");
    Failure::permanent(
        "history_rewritten",
        format!("{stream}: event {id} was delivered as version {version}, and {other}"),
    )
}

fn ids_of(commits: &[RecordedCommit]) -> impl Iterator<Item = (Version, &str)> {
    commits.iter().flat_map(|commit| &commit.events).map(|event| (event.version, event.id.as_str()))
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
    let mut delivered: BTreeMap<Version, &RecordedCommit> = BTreeMap::new();
    let mut agree = true;
    for hint in hints {
        if let CommitChange::Commit(commit) = hint.change
            && commit.last_version() > guard.position.version
        {
            let other = delivered.insert(commit.first_version(), commit);
            agree &= other.is_none_or(|other| other.events == commit.events);
        }
    }
    let newest = due.iter().map(|(_, version)| *version).max().unwrap_or(Version::NONE);
    let mut reached = guard.position.version;
    for commit in delivered.values() {
        if commit.first_version() <= reached.next() {
            reached = reached.max(commit.last_version());
        }
    }
    if reached >= newest && guard.parked.is_none() && agree {
        return Ok(delivered.into_values().cloned().collect());
    }
    // With the event at the guard, which tells whether this is the history that was applied.
    let before = Version::new(guard.position.version.number().saturating_sub(1));
    let stored = reader.read(stream, before).await?;
    if !guard.agrees_with(ids_of(&stored)) {
        let (at, known) = (guard.position.version, guard.event_id.as_deref().unwrap_or_default());
        let there = ids_of(&stored).find(|(version, _)| *version == at).map_or("", |(_, id)| id);
        return Err(rewritten(stream, at, there, &format!("{known} was applied there before")));
    }
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
                    let applied = std::mem::take(&mut done);
                    let mut steps = steps(&commit.stream, event.version, &event.id, projected, applied);
                    if steps.is_empty() {
                        return stop_at(plan, event.version, parts_changed(event, applied));
                    }
                    // Until the version moves on, the aggregate stays parked.
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

/// Where an event is cut follows from its counters: with others than before, it is not known which of them were counted.
fn parts_changed(event: &RecordedEvent, applied: u32) -> Failure {
    Failure::permanent(
        "parts_changed",
        format!(
            "{applied} parts of event {} at version {} were applied, and by this projection it has no more than that: let the projection that applied them \
             finish the event",
            event.id, event.version
        ),
    )
}

/// The projection is a pure function of the event: one that panics would do so for ever.
fn run(
    projection: &impl Projection,
    commit: &RecordedCommit,
    event: &RecordedEvent,
) -> Result<super::Projected, Failure> {
    let projected =
        catch_unwind(AssertUnwindSafe(|| projection.project(commit, event))).unwrap_or_else(|_| {
            Err(Failure::permanent(
                "projection_panicked",
                format!("the projection panicked at {} {}", event.kind, event.id),
            ))
        })?;
    match projected.row.touches_guard() {
        Some(name) => Err(Failure::permanent(
            "guard_attribute",
            format!("{} {} changes the attribute `{name}`, which belongs to the guard", event.kind, event.id),
        )),
        None => Ok(projected),
    }
}

/// The deliveries before the event go on. The first from it on fails; those behind wait for it if it may still succeed, and are acknowledged if it
/// cannot: the store has them when the aggregate is released.
pub(super) fn stop_at(plan: &mut LanePlan, version: Version, failure: Failure) {
    let (before, mut from): (Vec<_>, Vec<_>) =
        std::mem::take(&mut plan.due).into_iter().partition(|(_, due)| *due < version);
    plan.due = before;
    from.sort_by_key(|(place, due)| (*due, *place));
    let permanent = failure.class() == Class::Permanent;
    let behind = if permanent { Outcome::Done(Handled::Filtered) } else { Outcome::NotRun(NotRun::Blocked) };
    let mut first = Some(Outcome::Failed(failure.clone()));
    let decided = from.into_iter().map(|(place, _)| (place, first.take().unwrap_or_else(|| behind.clone())));
    plan.stopped = Some(failure.clone());
    if permanent {
        let before = plan.held_back.len();
        plan.held_back.extend(decided);
        if plan.held_back.len() == before
            && let Some(carrier) = plan.carrier
        {
            plan.due.retain(|(place, _)| *place != carrier);
            plan.held_back.push((carrier, Outcome::Failed(failure.clone())));
        }
        plan.park = Some((version, failure));
    } else {
        plan.outcomes.extend(decided);
    }
}
