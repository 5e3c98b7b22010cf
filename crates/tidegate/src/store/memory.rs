//! Keeps an event store in memory, for tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;

use super::item::CommitItem;
use super::patience::patiently;
use super::{Commit, CommitOutcome, EventReader, EventStore, RecordedCommit};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// An event store in memory, for tests. It passes the same contract tests as the DynamoDB store.
///
/// As in DynamoDB, a read may see a large commit without some of its chunks: see
/// [`tear_reads`](Self::tear_reads).
#[derive(Debug, Default)]
pub struct MemoryEventStore {
    commits: Mutex<BTreeMap<(StreamId, Version), Commit>>,
    torn: AtomicU32,
}

impl MemoryEventStore {
    /// Makes the next `looks` reads of split commits miss the last chunk.
    pub fn tear_reads(&self, looks: u32) {
        self.torn.store(looks, Ordering::Relaxed);
    }

    fn look(&self, stream: &StreamId, after: Version) -> Result<Vec<RecordedCommit>, Failure> {
        let commits = self.commits.lock();
        let found = commits.values().filter(|commit| {
            commit.record.stream == *stream && commit.record.last_version() > after
        });
        found.map(|commit| self.seen(commit)).collect()
    }

    /// Puts a commit together from its items.
    fn seen(&self, commit: &Commit) -> Result<RecordedCommit, Failure> {
        let less = |looks: u32| looks.checked_sub(1);
        if self.torn.load(Ordering::Relaxed) > 0 {
            let (head, mut chunks) = CommitItem::items(&commit.record, &commit.attempt)?;
            if chunks.pop().is_some()
                && self.torn.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
            {
                return head.into_commit(chunks);
            }
        }
        Ok(commit.record.clone())
    }

    /// Stores a commit if its place is free and `also` agrees.
    ///
    /// If the place is free and `also` does not agree, nothing is stored. The outcome then has no
    /// meaning.
    pub(super) fn commit_if(
        &self,
        commit: &Commit,
        also: impl FnOnce() -> bool,
    ) -> Result<CommitOutcome, Failure> {
        // Refuses what DynamoDB would refuse.
        CommitItem::items(&commit.record, &commit.attempt)?;
        let mut commits = self.commits.lock();
        let place = (commit.record.stream.clone(), commit.record.first_version());
        match commits.get(&place) {
            None => {
                if also() {
                    commits.insert(place, commit.clone());
                }
                Ok(CommitOutcome::Stored)
            }
            Some(there) => CommitItem::items(&there.record, &there.attempt)?.0.judge(commit),
        }
    }

    /// Returns all commits of all streams.
    pub fn commits(&self) -> Vec<RecordedCommit> {
        let commits = self.commits.lock();
        commits.values().map(|commit| commit.record.clone()).collect()
    }
}

impl EventReader for MemoryEventStore {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        patiently(move || ready(self.look(stream, after))).boxed()
    }
}

impl EventStore for MemoryEventStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        ready(self.commit_if(commit, || true)).boxed()
    }
}
