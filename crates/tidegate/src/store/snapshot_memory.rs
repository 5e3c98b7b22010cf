//! Keeps snapshots in memory, for tests.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;

use super::{Snapshot, SnapshotStore};
use crate::failure::Failure;
use crate::ids::StreamId;

/// Snapshots in memory, for tests. They pass the same contract tests as those in DynamoDB.
#[derive(Debug, Default)]
pub struct MemorySnapshots {
    snapshots: Mutex<BTreeMap<(StreamId, String), Snapshot>>,
}

impl MemorySnapshots {
    /// Returns all snapshots.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.snapshots.lock().values().cloned().collect()
    }
}

impl SnapshotStore for MemorySnapshots {
    fn load<'a>(
        &'a self,
        stream: &'a StreamId,
        shape: &'a str,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, Failure>> {
        let snapshots = self.snapshots.lock();
        ready(Ok(snapshots.get(&(stream.clone(), shape.to_owned())).cloned())).boxed()
    }

    fn save<'a>(&'a self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), Failure>> {
        let mut snapshots = self.snapshots.lock();
        let key = (snapshot.stream.clone(), snapshot.shape.clone());
        if snapshots.get(&key).is_none_or(|there| there.version <= snapshot.version) {
            snapshots.insert(key, snapshot.clone());
        }
        ready(Ok(())).boxed()
    }
}
