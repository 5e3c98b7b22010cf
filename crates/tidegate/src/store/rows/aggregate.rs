//! An aggregate whose decisions change rows of another table.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::stage::Stage;
use crate::failure::Failure;
use crate::message::MessageSet;

/// An aggregate whose decisions depend on rows of another table, and change them.
///
/// It is a fold over its events, as an [`Aggregate`](crate::store::Aggregate) is. All methods are
/// pure and synchronous. [`execute_with_rows`](super::execute_with_rows) runs it.
pub trait RowAggregate: Default + Send + Sync {
    /// Commands of the aggregate.
    type Command: Sync;
    /// Events of the aggregate.
    type Event: MessageSet;
    /// What a row of the table has. Read from the attributes of the item by their names.
    type Row: DeserializeOwned + Send + Sync;
    /// Value of the attribute `source` in the envelopes of the events.
    const SOURCE: &'static str;

    /// Returns whether the command creates the aggregate, so that its stream need not be read
    /// before the first write.
    fn creates(command: &Self::Command) -> bool;

    /// Applies an event to the state.
    fn apply(&mut self, event: &Self::Event);

    /// Returns the keys of the rows that the next stage of the command depends on.
    fn rows(&self, command: &Self::Command) -> BTreeSet<String>;

    /// Decides the next stage of a command. `rows` has those of [`Self::rows`] that exist.
    ///
    /// The rows may have changed before the stage is stored. So each change requires what the
    /// decision relies on. If that does not hold any more, the rows are read again and the stage is
    /// decided again.
    ///
    /// Which rows a stage changes must follow from the state and the command. The state then tells
    /// how far the command came when a crash ended it, and the redelivery goes on from there.
    ///
    /// # Errors
    /// A permanent failure for a command that contradicts the state or the rows, a transient one
    /// for a command that cannot be decided now. A refusal is not a failure but an event.
    fn decide(
        &self,
        command: &Self::Command,
        rows: &BTreeMap<String, Self::Row>,
    ) -> Result<Stage<Self::Event>, Failure>;
}
