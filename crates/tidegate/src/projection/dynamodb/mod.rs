//! A read model in two DynamoDB tables.

mod additions;
mod counters;
mod entries;
mod guard;
mod model;
mod names;
mod table;
mod write;

pub use model::{DynamoDbReadModel, ReadModelTables};
pub use names::{COUNTER_PARTITION_KEY, COUNTER_SORT_KEY};
