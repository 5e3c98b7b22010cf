//! Keeps idempotency records in a DynamoDB table.

mod claim;
mod complete;
mod store;

pub use store::DynamoDbIdempotency;
