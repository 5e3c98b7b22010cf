//! Publishes what the event store holds: events to the bus and to queues, commands, deadlines.

mod targets;

use std::process::ExitCode;

use mimalloc::MiMalloc;
use tidegate::function::Function;
use tidegate::source::Source;

use crate::targets::Targets;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let targets = Targets::from_settings(&mut function.settings);
    function.run(Source::DynamoDb, |aws| targets?.publisher(aws)).await
}
