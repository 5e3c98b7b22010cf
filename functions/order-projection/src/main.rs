//! Updates the read models of orders, sales and fulfilments from the event store's stream.

mod counters;
mod projection;
mod tables;

use std::process::ExitCode;

use mimalloc::MiMalloc;
use tidegate::function::Function;
use tidegate::source::Source;

use crate::tables::Tables;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let tables = Tables::from_settings(&mut function.settings);
    function.run(Source::DynamoDb, |aws| Some(tables?.projectors(aws))).await
}
