//! The view of processes: a row for each instance, for operators and for the sweep.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::events::StoredEvent;
use super::recorded::{RecordedDeadline, Waiting, WaitingDeadline};
use super::step::is_reserved;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::projection::{Projected, Projection, RowUpdate, Value};
use crate::store::{RecordedCommit, RecordedEvent};

/// The view of processes: a [`Projection`] with a row for each instance.
///
/// The table of the rows needs two indexes, which are sparse and need only the keys:
///
/// | index | partition key | sort key | has |
/// |---|---|---|---|
/// | `by-stuck` | `process` (S) | `stuck_at` (N) | instances that wait for an operator |
/// | `by-due` | `process` (S) | `due` (N) | instances with open deadlines |
///
/// [`ProcessRow`](super::ProcessRow) is a row as a reader sees it.
///
/// ```
/// use std::sync::Arc;
///
/// use tidegate::process::Processes;
/// use tidegate::projection::Projector;
/// # use tidegate::projection::ReadModel;
/// # use tidegate::store::EventReader;
/// # fn example(read_model: Arc<dyn ReadModel>, store: Arc<dyn EventReader>) {
/// let projector = Projector::new(Processes::new(["booking", "payment"]), read_model, store);
/// # drop(projector);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Processes {
    kinds: BTreeSet<String>,
}

impl Processes {
    /// Creates the view of the processes with these kinds
    /// ([`Process::KIND`](super::Process::KIND)).
    pub fn new<K: Into<String>>(kinds: impl IntoIterator<Item = K>) -> Self {
        Self { kinds: kinds.into_iter().map(Into::into).collect() }
    }
}

impl Projection for Processes {
    fn concerns(&self, stream: &StreamId) -> bool {
        self.kinds.contains(stream.kind())
    }

    fn project(
        &self,
        commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        if !StoredEvent::knows(&event.kind) {
            // A type of the toolkit that this version does not know is newer. Anything else is a
            // fact of the process.
            return if is_reserved(&event.kind) {
                let reason = format!("{}: `{}` is newer", commit.stream, event.kind);
                Err(Failure::transient(Failure::NEWER, reason))
            } else {
                Ok(Projected::default())
            };
        }
        let stored = event.decode::<StoredEvent>()?;
        let row = row_of(&stored)?.set("process", commit.stream.kind());
        Ok(Projected { row, ..Projected::default() })
    }
}

/// Returns what an event changes in the row of its instance.
fn row_of(event: &StoredEvent) -> Result<RowUpdate, Failure> {
    let at = event.at().as_millisecond();
    let row = RowUpdate::default().set_if_absent("started_at", at).set("decided_at", at);
    let row = match event {
        StoredEvent::ProcessMoved(moved) => {
            let row = entered(row, &moved.from, &moved.to, moved.ended, at);
            row.set("rules", i64::from(moved.rules))
        }
        StoredEvent::ProcessRefused(refused) => {
            stayed(row, &refused.state, at).set("rules", i64::from(refused.rules))
        }
        StoredEvent::ProcessStuck(stuck) => stayed(row, &stuck.state, at)
            .set("rules", i64::from(stuck.rules))
            .set("stuck_at", at)
            .set("stuck_code", stuck.code.as_str())
            .set("stuck_reason", stuck.reason.as_str()),
        StoredEvent::ProcessForced(forced) => {
            let row = entered(unstuck(row), &forced.from, &forced.to, forced.ended, at);
            row.set("rules", i64::from(forced.rules))
        }
        StoredEvent::ProcessResumed(_) | StoredEvent::ProcessSkipped(_) => unstuck(row),
        StoredEvent::ProcessHeld(_) => row,
        // The first event of an instance that does not exist has no state.
        StoredEvent::ProcessIgnored(_) => row.set_if_absent("state", "").set_if_absent("since", at),
    };
    let set: &[RecordedDeadline] = match event {
        StoredEvent::ProcessMoved(moved) => &moved.deadlines,
        _ => &[],
    };
    let Waiting { deadlines, held, .. } = event.waiting();
    let row = if *held > 0 { row.set("held", i64::from(*held)) } else { row.remove("held") };
    open(row, deadlines, set)
}

fn entered(row: RowUpdate, from: &str, to: &str, ended: bool, at: i64) -> RowUpdate {
    let row = row.set("state", to);
    let row = if from == to { row.set_if_absent("since", at) } else { row.set("since", at) };
    if ended { row.set_if_absent("ended_at", at) } else { row.remove("ended_at") }
}

fn stayed(row: RowUpdate, state: &str, at: i64) -> RowUpdate {
    row.set("state", state).set_if_absent("since", at)
}

fn unstuck(row: RowUpdate) -> RowUpdate {
    row.remove("stuck_at").remove("stuck_code").remove("stuck_reason")
}

/// Sets the open deadlines, in the order in which they are due.
fn open(
    row: RowUpdate,
    kept: &[WaitingDeadline],
    set: &[RecordedDeadline],
) -> Result<RowUpdate, Failure> {
    #[derive(Serialize)]
    struct Open<'a> {
        id: &'a str,
        due: Timestamp,
    }
    let kept = kept.iter().map(|one| Open { id: &one.id, due: one.due });
    let set = set.iter().map(|one| Open { id: &one.id, due: one.due });
    let mut all: Vec<Open<'_>> = kept.chain(set).collect();
    all.sort_by_key(|one| one.due);
    match all.first() {
        None => Ok(row.remove("due").remove("deadlines")),
        Some(first) => {
            let row = row.set("due", first.due.as_millisecond());
            Ok(row.set_some("deadlines", Value::from_serde(&all)?))
        }
    }
}
