//! The delivered commits of one aggregate, compared with its guard and the event store.

use std::collections::BTreeMap;

use tracing::error;

use super::deadline::Deadline;
use super::guard::Guard;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::store::{CommitChange, EventReader, RecordedCommit};

/// One delivery of the aggregate: its place in the batch, and the commit that it points to.
pub(super) struct Hint<'a> {
    pub(super) place: usize,
    pub(super) change: &'a CommitChange,
}

/// Reports two histories of one aggregate. It raises an alarm; a retry does not help.
pub(super) fn rewritten(stream: &StreamId, version: Version, id: &str, other: &str) -> Failure {
    error!(
        stream = stream.as_str(),
        version = version.number(),
        event = id,
        other,
        "history was rewritten"
    );
    Failure::permanent(
        "history_rewritten",
        format!("{stream}: event {id} was delivered as version {version}, but {other}"),
    )
}

/// Returns the failure of a message that names an event which the event store does not have.
pub(super) fn not_in_store(
    stream: &StreamId,
    version: Version,
    id: &str,
    there: Option<&str>,
) -> Failure {
    let there = there.map_or_else(
        || "has no event at that version".to_owned(),
        |there| format!("has event {there} at that version"),
    );
    Failure::permanent(
        "not_in_store",
        format!(
            "{stream}: the message says that event {id} is version {version}, but the event store \
             {there}; check who sends it, and that the function reads the store of this stream"
        ),
    )
}

/// Returns the version and the id of each event.
pub(super) fn ids_of(commits: &[RecordedCommit]) -> impl Iterator<Item = (Version, &str)> {
    commits.iter().flat_map(|commit| &commit.events).map(|event| (event.version, event.id.as_str()))
}

/// The delivered commits above the guard that can be decoded.
pub(super) struct Delivered<'a> {
    commits: BTreeMap<Version, &'a RecordedCommit>,
    reached: Version,
    /// Whether no two of the commits contradict each other about a version.
    agree: bool,
}

impl<'a> Delivered<'a> {
    pub(super) fn new(guard: &Guard, hints: &[Hint<'a>]) -> Self {
        let mut delivered =
            Delivered { commits: BTreeMap::new(), reached: guard.position.version, agree: true };
        for hint in hints {
            if let CommitChange::Commit(commit) = hint.change
                && commit.last_version() > guard.position.version
            {
                let other = delivered.commits.insert(commit.first_version(), commit);
                delivered.agree &= other.is_none_or(|other| other.events == commit.events);
            }
        }
        for commit in delivered.commits.values() {
            if commit.first_version() <= delivered.reached.next() {
                delivered.reached = delivered.reached.max(commit.last_version());
            }
        }
        delivered
    }

    /// Returns the commits that follow the guard without a gap.
    pub(super) fn up_to_a_gap(&self) -> impl Iterator<Item = &'a RecordedCommit> {
        let agreed = if self.agree { self.reached } else { Version::NONE };
        self.commits.values().copied().take_while(move |commit| commit.last_version() <= agreed)
    }
}

/// Returns the commits above the guard: those in the batch if they follow the guard without a gap,
/// otherwise those in the event store.
///
/// A parked aggregate is always read from the event store, because deliveries behind the parked
/// event were acknowledged without being applied.
pub(super) async fn events_above(
    reader: &dyn EventReader,
    stream: &StreamId,
    guard: &Guard,
    hints: &[Hint<'_>],
    deadline: Deadline,
) -> Result<Vec<RecordedCommit>, Failure> {
    let delivered = Delivered::new(guard, hints);
    let unread = hints
        .iter()
        .any(|hint| matches!(hint.change, CommitChange::Newer { .. } | CommitChange::Hint { .. }));
    let newest =
        hints.iter().filter_map(|hint| last_version(hint.change)).max().unwrap_or(Version::NONE);
    if delivered.reached >= newest && guard.parked.is_none() && delivered.agree && !unread {
        return Ok(delivered.commits.into_values().cloned().collect());
    }
    // Include the event at the guard: it shows whether this is the history that was applied.
    let before = Version::new(guard.position.version.number().saturating_sub(1));
    let stored = deadline.call(reader.read(stream, before)).await?;
    if !guard.agrees_with(ids_of(&stored)) {
        let (at, known) = (guard.position.version, guard.event_id.as_deref().unwrap_or_default());
        let there = ids_of(&stored).find(|(version, _)| *version == at).map_or("", |(_, id)| id);
        return Err(rewritten(
            stream,
            at,
            there,
            &format!("event {known} was applied at that version before"),
        ));
    }
    let last = stored.last().map_or(guard.position.version, RecordedCommit::last_version);
    if last < newest {
        return Err(Failure::transient(
            "not_in_store",
            format!(
                "{stream}: version {newest} was delivered, but the event store ends at version {last}; \
                 check that the function reads the store of this stream"
            ),
        ));
    }
    Ok(stored)
}

/// Returns the last version that the delivery is known to have.
fn last_version(change: &CommitChange) -> Option<Version> {
    match change {
        CommitChange::Commit(commit) => Some(commit.last_version()),
        CommitChange::Split { last_version, .. } => Some(*last_version),
        // Its first version, because the commit has at least that event.
        CommitChange::Newer { version, .. } => Some(*version),
        // What a message says proves nothing.
        CommitChange::Hint { .. } | CommitChange::Other => None,
    }
}
