//! Fulfils orders: stock, payment, dispatch, and back again if one of them fails.

mod input;
mod order;
mod policy;
mod process;
mod state;
mod steps;
mod unexpected;

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use tidegate::batch::EachStream;
use tidegate::function::Function;
use tidegate::process::{PAUSED_BEFORE, ProcessHandler};
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

/// Orders handled at a time: all of a batch.
const CONCURRENCY: usize = 10;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let paused_before = function.settings.optional(PAUSED_BEFORE);
    function
        .run(Source::Sqs, |aws| {
            let store = Arc::new(DynamoDbEventStore::new(aws.dynamodb(), event_store?));
            let handler =
                ProcessHandler::<state::Fulfilment>::new(store).paused_before(paused_before);
            Some(EachStream::new(handler, CONCURRENCY))
        })
        .await
}
