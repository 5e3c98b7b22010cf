//! Reserves, releases and ships what orders need, and keeps the stock.

mod handler;
mod policy;
mod products;
mod reservation;
mod restock;
mod stock;
mod supply;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;

use events::view::stock::STOCK_CODE;
use mimalloc::MiMalloc;
use tidegate::batch::EachRecord;
use tidegate::function::Function;
use tidegate::source::Source;
use tidegate::store::{DynamoDbEventStore, DynamoDbRowStore};

use crate::{handler::Inventory, policy::Policy};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let table = function.settings.text("STOCK_TABLE");
    let policy = Policy::from_settings(&mut function.settings);
    let build = |aws: &tidegate::aws::AwsClients| {
        let events = DynamoDbEventStore::new(aws.dynamodb(), event_store?);
        let store = Arc::new(DynamoDbRowStore::new(events, table?, STOCK_CODE));
        Some(EachRecord::new(Inventory { store, policy: policy? }, 10))
    };
    function.run(Source::Sqs, build).await
}
