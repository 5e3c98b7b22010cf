//! The port of an event store whose commits change rows.

use futures::future::BoxFuture;
use serde_dynamo::Item;

use super::row_change::RowChange;
use crate::failure::Failure;
use crate::store::commit::{Commit, CommitOutcome};
use crate::store::port::EventStore;

/// An event store whose commits change rows of one table in the same transaction.
pub trait RowStore: EventStore {
    /// Reads the rows with these keys, strongly consistent. Returns one entry for each key, in the
    /// same order.
    ///
    /// # Errors
    /// Any failure to read the table (transient).
    fn rows<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<Vec<Option<Item>>, Failure>>;

    /// Stores a commit and changes rows: both, or neither.
    ///
    /// # Errors
    /// - `invalid_rows` (permanent): more rows than a transaction holds, a row twice, a key that no
    ///   table can have, or a change without an effect.
    /// - `unstorable` (permanent): a value that no table can hold, or a sum that the store cannot
    ///   hold. DynamoDB holds sums of up to 38 digits, so a sum can leave the range of `i64`. A row
    ///   that has it as an `i64` cannot be read any more. To exclude that, require with
    ///   [`RowChange::if_at_most`] that the attribute leaves room.
    /// - The failures of [`EventStore::commit`].
    fn commit_with_rows<'a>(
        &'a self,
        commit: &'a Commit,
        changes: &'a [RowChange],
    ) -> BoxFuture<'a, Result<RowOutcome, Failure>>;
}

/// The outcome of a write of a commit with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowOutcome {
    /// The commit is stored, and the rows are changed.
    Stored,
    /// A commit with the cause of the only decision is at this place. Nothing was changed now.
    Duplicate,
    /// Another commit is at this place, or is being written there. Load and decide again.
    Conflict,
    /// What a change requires does not hold for its row. Read the rows and decide again.
    Moved,
    /// Another transaction was changing one of the rows. The same changes may be tried again.
    Busy,
}

impl From<CommitOutcome> for RowOutcome {
    fn from(outcome: CommitOutcome) -> Self {
        match outcome {
            CommitOutcome::Stored => Self::Stored,
            CommitOutcome::Duplicate => Self::Duplicate,
            CommitOutcome::Conflict => Self::Conflict,
        }
    }
}
