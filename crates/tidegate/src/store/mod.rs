//! The event store: streams of events, one commit item per decision.
//!
//! A commit is keyed by stream and version of its first event, and written under the condition that the key is free: one write is the lock, the
//! dedup and the change. A commit too large for an item is split over chunk items, written in one transaction with the item that alone counts as
//! the commit.
//!
//! A long stream can be loaded from a [snapshot](Snapshots), which is never the truth and may be missing at any time.

mod aggregate;
mod canonical;
mod causes;
mod change;
mod commit;
mod digest;
mod dynamodb;
mod item;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod newer;
mod origin;
mod patience;
mod snapshot;
mod snapshot_dynamodb;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod snapshot_memory;

use futures::future::{BoxFuture, FutureExt};

pub use aggregate::{Aggregate, Decision, Retry, execute};
pub use causes::Causes;
pub use change::CommitChange;
pub use commit::{Commit, CommitOutcome, RecordedCommit, RecordedEvent};
pub use digest::{Content, Digest, InvalidDigest};
pub use dynamodb::{DynamoDbEventStore, PARTITION_KEY, SORT_KEY};
#[cfg(any(test, feature = "test-kit"))]
pub(crate) use item::image_of;
#[cfg(test)]
pub(crate) use memory::MemoryEventStore;
pub use origin::Origin;
pub use snapshot::{Snapshot, SnapshotStore, Snapshots, Snapshotted, execute_with_snapshots};
pub use snapshot_dynamodb::{DynamoDbSnapshots, SNAPSHOT_PARTITION_KEY, SNAPSHOT_SORT_KEY};
#[cfg(test)]
pub(crate) use snapshot_memory::MemorySnapshots;

use crate::envelope::{Data, DataRef, Envelope};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Kind of the keys under which the chunks of a large commit are stored. No stream has it.
pub(crate) const CHUNK_KIND: &str = "chunk";

/// Reads streams. What a function has that only reads.
pub trait EventReader: Send + Sync {
    /// All commits of a stream that hold events above `after`, in order, strongly consistent. An unknown stream has none.
    ///
    /// # Errors
    /// - A failure to read the store (transient).
    /// - `incomplete_commit` (transient): a large commit cannot be read as a whole yet.
    /// - [`Failure::NEWER`] (transient): a newer version of the function wrote a commit in its own
    ///   format.
    /// - `corrupt_commit` (permanent): the store holds something else.
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>>;

    /// The commit that holds the event at `version`, strongly consistent. Others of its stream need
    /// not be readable: what a newer version of the function has written behind it is in nobody's
    /// way.
    ///
    /// By default it reads all commits from there on; a store that can read less should.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn read_at<'a>(
        &'a self,
        stream: &'a StreamId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<RecordedCommit>, Failure>> {
        async move {
            let before = Version::new(version.number().saturating_sub(1));
            Ok(holding(self.read(stream, before).await?, version))
        }
        .boxed()
    }
}

/// The one of these commits that holds the event at this version.
fn holding(commits: Vec<RecordedCommit>, version: Version) -> Option<RecordedCommit> {
    let holds =
        |commit: &RecordedCommit| commit.first_version() <= version && version <= commit.last_version();
    commits.into_iter().find(holds)
}

/// Reads and extends streams.
pub trait EventStore: EventReader {
    /// Writes a commit if its place in the stream is free.
    ///
    /// # Errors
    /// - `commit_too_large` (permanent): above about 3.9 MB as JSON, or some 3,000 events.
    /// - `invalid_commit` (permanent): versions that are not consecutive.
    /// - `attributes_too_large` (permanent): extension attributes of more than 16 KB.
    /// - `cause_reused` (permanent): the commit in the way has the same cause and other content.
    /// - A failure of the store (transient).
    ///
    /// A version that is taken is not an error but an outcome.
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>>;
}

/// The event that a reference names.
///
/// # Errors
/// `dangling_reference` (permanent) when the store has no such event, or a failure to read.
pub async fn resolve(reader: &dyn EventReader, reference: &DataRef) -> Result<RecordedEvent, Failure> {
    reader
        .read_at(&reference.stream, reference.version)
        .await?
        .into_iter()
        .flat_map(|commit| commit.events)
        .find(|event| event.version == reference.version)
        .ok_or_else(|| {
            Failure::permanent("dangling_reference", format!("the event store has no event {reference}"))
        })
}

/// The JSON content of an envelope, fetched from the store when it travelled by reference.
///
/// # Errors
/// As [`resolve`].
pub async fn content(reader: &dyn EventReader, envelope: &Envelope) -> Result<String, Failure> {
    match &envelope.data {
        Data::Inline(data) => Ok(data.get().to_owned()),
        Data::Reference(reference) => Ok(resolve(reader, reference).await?.data),
    }
}

#[cfg(test)]
mod digest_tests;
#[cfg(test)]
mod dynamodb_tests;
#[cfg(test)]
mod newer_tests;
#[cfg(test)]
mod snapshot_tests;
#[cfg(test)]
mod tests;
