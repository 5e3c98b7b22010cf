//! Projections: read models computed from events, exact however often and in whatever order events
//! arrive.
//!
//! The event store is the truth; a delivery is only a hint to look. Each aggregate has a row in the
//! read model, the *guard*. It holds the last applied version. The transaction that advances the
//! guard also changes every derived counter. So:
//!
//! - An event that is already applied changes nothing.
//! - Entries of lists and lookups, which an event writes besides that row, are written in the same
//!   transaction.
//! - A gap is filled from the event store.
//! - An event that can never be applied parks its aggregate, and no other.
//! - If only a newer version of the function knows the event, that version releases the aggregate
//!   as soon as it runs.

mod answer;
mod apply;
mod apply_error;
mod batch;
mod change;
mod confirmed;
mod cut;
mod deadline;
mod delivered;
mod delta;
mod dynamodb;
mod entry;
mod expression;
mod guard;
mod heal;
mod lane;
mod limits;
mod look;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod own_slice;
mod pace;
mod pack;
mod pending;
mod plan;
mod projector;
mod read_model;
mod released;
mod results;
mod round;
mod row;
mod row_update;
mod slices;
mod transaction;
mod value;
mod whole;

pub use apply_error::ApplyError;
pub use change::{Increment, Projected, Projection};
pub use delta::{
    Added, Addition, Amounts, Aside, COUNTED, Counted, Delta, Head, PARKED_LIST_KEY,
    WAITING_DELTAS, is_counter,
};
#[cfg(any(test, feature = "test-kit"))]
pub(crate) use dynamodb::attribute;
pub(crate) use dynamodb::set_row;
pub use dynamodb::{COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, DynamoDbReadModel, ReadModelTables};
pub use entry::{
    ENTRY_OWNER, ENTRY_PARTITION_KEY, ENTRY_SORT_KEY, ENTRY_TAKEN, EntryChange, EntryKey,
    EntryUpdate,
};
pub(crate) use expression::Expression;
pub use guard::{Advance, Guard, Position};
#[cfg(test)]
pub(crate) use memory::MemoryReadModel;
pub use own_slice::own_slice;
pub use pending::Pending;
pub use projector::Projector;
pub use read_model::{Guards, ReadModel};
pub use row::ROW_KEY;
pub use row_update::RowUpdate;
pub use transaction::{Step, Transaction};
pub use value::Value;
pub(crate) use whole::Whole;

#[cfg(test)]
mod tests;
