//! The event store: streams of events, in commits of one or more decisions.
//!
//! The key of a commit is its stream and the version of its first event. A commit is written under
//! the condition that this key is free. So a single write is the lock, the deduplication and the
//! change.
//!
//! A commit that is too large for one item is split. Its data is in chunk items, which are written
//! in one transaction with the head. Only the head counts as the commit.
//!
//! A commit can change rows of another table in the same transaction ([`RowAggregate`]).
//!
//! A long stream can be loaded from a [snapshot](Snapshots). A snapshot is never the truth and may
//! be missing at any time.

mod aggregate;
mod canonical;
mod causes;
mod change;
mod commit;
mod digest;
mod draft;
mod dynamodb;
mod execute;
mod executed;
mod format;
mod history;
mod item;
mod load;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod origin;
mod patience;
mod port;
mod reference;
mod retry;
pub(crate) mod rows;
mod snapshot;
mod snapshot_dynamodb;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod snapshot_memory;
mod verdict;

pub use aggregate::{Aggregate, Decision};
pub use causes::Causes;
pub use change::CommitChange;
pub use commit::{Commit, CommitOutcome, RecordedCommit, RecordedDecision, RecordedEvent};
pub use digest::{Content, Digest, InvalidDigest};
#[cfg(feature = "timeline")]
pub use dynamodb::Correlated;
pub use dynamodb::{DynamoDbEventStore, DynamoDbRowStore, PARTITION_KEY, SORT_KEY};
#[cfg(feature = "process")]
pub(crate) use execute::execute_all_noting;
pub use execute::{execute, execute_all};
pub use executed::Executed;
pub use format::CommitFormat;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) use item::image_of;
pub use load::{AggregateAt, load, load_with_snapshots};
#[cfg(test)]
pub(crate) use memory::MemoryEventStore;
pub use origin::Origin;
#[cfg(feature = "timeline")]
pub(crate) use patience::is_incomplete;
pub use port::{EventReader, EventStore};
pub use reference::{content, resolve};
pub use retry::Retry;
pub use rows::{RowAggregate, RowChange, RowOutcome, RowStore, Stage, execute_with_rows};
pub use snapshot::{
    Snapshot, SnapshotStore, Snapshots, Snapshotted, execute_all_with_snapshots,
    execute_with_snapshots,
};
pub use snapshot_dynamodb::{DynamoDbSnapshots, SNAPSHOT_PARTITION_KEY, SNAPSHOT_SORT_KEY};
#[cfg(test)]
pub(crate) use snapshot_memory::MemorySnapshots;

#[cfg(test)]
mod tests;
