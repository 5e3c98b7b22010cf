//! Publishes the events of the event store on the bus, from the store's stream.

mod entry;
mod event_bus;
mod handler;
mod progress;
mod requests;

use std::process::ExitCode;
use std::sync::Arc;

use mimalloc::MiMalloc;
use tidegate::function::Function;
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

use crate::event_bus::EventBus;
use crate::handler::Publisher;

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
            let bus = EventBus::new(client, bus?);
            Some(Publisher::new(bus, usize::try_from(limit?).ok()?, Arc::new(events)))
        })
        .await
}
