//! Publishes the events of the event store on the bus, from the store's stream.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use tidegate::function::Function;
use tidegate::publish::{EventBus, Events, Publisher};
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let bus = function.settings.text("EVENT_BUS");
    let limit = function.settings.number("TIDEGATE_EVENT_BYTES_LIMIT", 1024..=1_048_576);
    function
        .run(Source::DynamoDb, |aws| {
            let client = aws_sdk_eventbridge::Client::new(aws.config());
            let events = DynamoDbEventStore::new(aws.dynamodb(), event_store?);
            let bus = EventBus::new(client, bus?, usize::try_from(limit?).ok()?);
            Some(Publisher::new(events).route(Events::all(), bus))
        })
        .await
}
