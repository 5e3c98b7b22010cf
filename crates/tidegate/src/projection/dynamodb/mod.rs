//! A read model in two DynamoDB tables.

mod additions;
mod counters;
mod model;
mod names;
mod table;

pub use model::{DynamoDbReadModel, ReadModelTables};
pub use names::{COUNTER_PARTITION_KEY, COUNTER_SORT_KEY};
