//! Takes commands from the stream `orders` and stores what they lead to in the event store.

mod handler;
mod lines;
mod order;
mod returns;

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use tidegate::batch::EachRecord;
use tidegate::function::Function;
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

use crate::handler::Orders;

/// Commands handled at a time: enough to hide the latency of their writes.
const CONCURRENCY: usize = 16;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    function
        .run(Source::Kinesis, |aws| {
            let store = DynamoDbEventStore::new(aws.dynamodb(), event_store?);
            Some(EachRecord::new(Orders::new(Arc::new(store)), CONCURRENCY))
        })
        .await
}
