//! What an item of the event store is, and whether it is published again.

use bytes::Bytes;
use lambda_shapes::batching::event;
use serde_json::value::RawValue;
use tidegate::failure::Failure;
use tidegate::ids::{StreamId, Version};
use tidegate::source::Source;
use tidegate::store::{CommitChange, DynamoDbEventStore, EventReader, RecordedCommit};

use super::selection::Selection;
use crate::arguments::CommitKey;

/// An item of the event store.
pub(super) enum Found {
    /// A commit of which these types of events leave.
    Chosen { at: CommitKey, kinds: Vec<String> },
    /// A commit in a format that only a newer version reads: nothing about its events is known.
    Unknown { at: CommitKey },
    /// A commit of which nothing leaves.
    Other { at: CommitKey },
    /// No commit: a part of one.
    Part,
}

impl Found {
    /// Looks at the record of an item.
    ///
    /// # Errors
    /// The item is not a valid commit, or a split commit cannot be read.
    pub(super) async fn new(
        record: &Bytes,
        store: &DynamoDbEventStore,
        selection: &Selection,
    ) -> Result<Self, Failure> {
        let batch = event(std::iter::once(record));
        let batch = std::str::from_utf8(&batch).map_err(not_json)?;
        let batch: &RawValue = serde_json::from_str(batch).map_err(not_json)?;
        let deliveries = Source::DynamoDb.split(batch)?;
        let Some(delivery) = deliveries.first() else { return Ok(Self::Part) };
        Ok(match CommitChange::from_delivery(delivery)? {
            CommitChange::Commit(commit) => Self::of(&commit, selection),
            CommitChange::Split { stream, version, .. } => {
                match store.read_at(&stream, version).await? {
                    Some(commit) => Self::of(&commit, selection),
                    None => return Err(gone(&stream, version)),
                }
            }
            CommitChange::Newer { stream, version } => {
                Self::Unknown { at: CommitKey { stream, version } }
            }
            CommitChange::Other | CommitChange::Hint { .. } => Self::Part,
        })
    }

    fn of(commit: &RecordedCommit, selection: &Selection) -> Self {
        let at = CommitKey { stream: commit.stream.clone(), version: commit.first_version() };
        let kinds: Vec<String> = selection.events(commit).map(|event| event.kind.clone()).collect();
        if kinds.is_empty() { Self::Other { at } } else { Self::Chosen { at, kinds } }
    }
}

fn not_json(error: impl std::error::Error) -> Failure {
    Failure::permanent("not_json", error.to_string())
}

fn gone(stream: &StreamId, version: Version) -> Failure {
    let reason = format!("{stream}: the commit at version {version} has parts that are missing");
    Failure::transient("not_in_store", reason)
}
