//! Projections: read models built from events, exact however often and in whatever order events are delivered.
//!
//! The event store is the truth and a delivery only a hint to look. The row of the source aggregate
//! is the *guard*: it carries the last applied version, and the transaction that advances it also
//! counts every derived counter. An event that was applied before changes nothing; a gap is filled
//! from the store; an event that can never be applied parks its aggregate and nobody else's. An
//! aggregate that is parked at an event of a newer version is released by itself as soon as that
//! version runs.

mod answer;
mod apply;
mod change;
mod deadline;
mod dynamodb;
mod expression;
mod guard;
mod lane;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod pace;
mod pack;
mod plan;
mod projector;
mod read_model;
mod released;

pub use change::{Increment, Projected, RowUpdate, Value};
pub use dynamodb::{COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, DynamoDbReadModel, ROW_KEY, ReadModelTables};
pub use guard::{Advance, Guard, Position};
#[cfg(test)]
pub(crate) use memory::MemoryReadModel;
pub use plan::{PARKED_LIST_KEY, Step, Transaction};
pub use projector::{Projection, Projector};
pub use read_model::{ApplyError, Guards, ReadModel};

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
