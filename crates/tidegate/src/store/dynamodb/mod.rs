//! Keeps the event store in a DynamoDB table.

mod read;
mod row_store;
mod table;
mod write;

pub use row_store::DynamoDbRowStore;
pub use table::{DynamoDbEventStore, PARTITION_KEY, SORT_KEY};
