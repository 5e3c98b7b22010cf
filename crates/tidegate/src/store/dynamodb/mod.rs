//! Keeps the event store in a DynamoDB table.

mod read;
mod table;
mod write;

pub use table::{DynamoDbEventStore, PARTITION_KEY, SORT_KEY};
