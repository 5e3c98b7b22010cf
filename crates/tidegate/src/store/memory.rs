use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};

use super::item::CommitItem;
use super::{Commit, CommitOutcome, EventReader, EventStore, RecordedCommit};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// An event store in memory, for tests. It passes the same contract tests as the DynamoDB one.
#[derive(Debug, Default)]
pub struct MemoryEventStore {
    commits: Mutex<BTreeMap<(StreamId, Version), Commit>>,
}

impl MemoryEventStore {
    /// All commits of all streams.
    pub fn commits(&self) -> Vec<RecordedCommit> {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        commits.values().map(|commit| commit.record.clone()).collect()
    }
}

impl EventReader for MemoryEventStore {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let found = commits
            .values()
            .map(|commit| &commit.record)
            .filter(|record| record.stream == *stream && record.last_version() > after)
            .cloned()
            .collect();
        ready(Ok(found)).boxed()
    }
}

impl EventStore for MemoryEventStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        // What DynamoDB would not take, this does not take either.
        if let Err(failure) = CommitItem::of(&commit.record, &commit.attempt) {
            return ready(Err(failure)).boxed();
        }
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (commit.record.stream.clone(), commit.record.first_version());
        let outcome = match commits.get(&place) {
            None => {
                commits.insert(place, commit.clone());
                CommitOutcome::Stored
            }
            Some(there) if there.attempt == commit.attempt => CommitOutcome::Stored,
            Some(there) if there.record.cause == commit.record.cause => CommitOutcome::Duplicate,
            Some(_) => CommitOutcome::Conflict,
        };
        ready(Ok(outcome)).boxed()
    }
}
