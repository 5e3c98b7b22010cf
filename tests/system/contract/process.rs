//! A process keeps its contract on the event store in DynamoDB.

use std::sync::Arc;

use tidegate::store::DynamoDbEventStore;

use self::suite::contract;
use super::Tables;

#[path = "../../../crates/tidegate/src/process/tests/contract.rs"]
mod suite;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_in_dynamodb_keeps_the_contract() {
    let tables = Tables::create().await;
    let store = DynamoDbEventStore::new(tables.clients.dynamodb.clone(), "event-store");
    contract(Arc::new(store)).await;
    tables.end().await;
}
