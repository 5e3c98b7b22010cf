//! A read model in two DynamoDB tables.

mod additions;
mod counters;
mod entries;
mod guard;
mod model;
mod names;
mod table;
#[cfg(test)]
mod tests;
mod write;

pub use model::{DynamoDbReadModel, ReadModelTables};
#[cfg(any(test, feature = "test-kit"))]
pub(crate) use names::attribute;
pub(crate) use names::set_row;
pub use names::{COUNTER_PARTITION_KEY, COUNTER_SORT_KEY};
