//! Tests of commits with rows.

mod cancelled;
mod contract;
mod execute;

use super::memory::MemoryRowStore;

#[tokio::test]
async fn the_store_in_memory_keeps_the_contract() {
    contract::contract(&MemoryRowStore::default(), "key").await;
}
