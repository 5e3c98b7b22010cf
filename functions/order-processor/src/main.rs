//! Takes commands from the stream `orders` and stores what they lead to in the event store.

mod handler;

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use tidegate::batch::EachStream;
use tidegate::function::Function;
use tidegate::source::Source;
use tidegate::store::{CommitFormat, DynamoDbEventStore};

use crate::handler::Orders;

/// Orders and returns handled at a time: enough to fill a few requests with their writes.
const CONCURRENCY: usize = 200;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let format = function.settings.optional::<CommitFormat>("TIDEGATE_COMMIT_FORMAT");
    function
        .run(Source::Kinesis, |aws| {
            let store = DynamoDbEventStore::new(aws.dynamodb(), event_store?)
                .format(format.unwrap_or_default());
            Some(EachStream::new(Orders::new(Arc::new(store)), CONCURRENCY))
        })
        .await
}
