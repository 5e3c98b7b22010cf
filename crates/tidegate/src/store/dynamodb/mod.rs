//! Keeps the event store in a DynamoDB table.

#[cfg(feature = "timeline")]
mod correlated;
mod read;
mod row_store;
mod table;
mod write;

#[cfg(feature = "timeline")]
pub use correlated::Correlated;
pub use row_store::DynamoDbRowStore;
pub use table::{DynamoDbEventStore, PARTITION_KEY, SORT_KEY};
