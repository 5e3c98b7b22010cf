//! Sends orders to customers, and records what carriers report.

mod handler;
mod policy;
mod shipment;

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use tidegate::batch::EachStream;
use tidegate::function::Function;
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

use crate::handler::Shipments;
use crate::policy::Policy;

/// Shipments handled at a time: all of a batch.
const CONCURRENCY: usize = 10;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let policy = Policy::from_settings(&mut function.settings);
    function
        .run(Source::Sqs, |aws| {
            let store = DynamoDbEventStore::new(aws.dynamodb(), event_store?);
            Some(EachStream::new(Shipments::new(Arc::new(store), policy?), CONCURRENCY))
        })
        .await
}
