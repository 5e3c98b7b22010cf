//! Answers the HTTP requests of customers.

mod access;
mod handlers;
mod routes;
mod shop;
mod steps;

#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use tidegate::function::Function;
use tidegate::query::DynamoDbTables;
use tidegate::store::DynamoDbEventStore;

use crate::shop::Shop;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let [events, orders, stock] = ["EVENT_STORE_TABLE", "ORDER_VIEW_TABLE", "STOCK_TABLE"]
        .map(|name| function.settings.text(name));
    function
        .serve(|aws| {
            let events = Arc::new(DynamoDbEventStore::new(aws.dynamodb(), events?));
            let tables = Arc::new(DynamoDbTables::new(aws.dynamodb()));
            Some(routes::api(Shop::new(events, tables, orders?, stock?)))
        })
        .await
}
