//! Updates the read models of orders and sales from the event store's stream.

mod counters;
mod projection;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::ExitCode;

use mimalloc::MiMalloc;
use tidegate::function::Function;
use tidegate::generation::Generations;
use tidegate::projection::ReadModelTables;
use tidegate::rebuild::Projectors;
use tidegate::source::Source;

use crate::projection::Orders;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let event_store = function.settings.text("EVENT_STORE_TABLE");
    let rows = function.settings.text("ORDER_VIEW_TABLE");
    let counters = function.settings.text("SALES_TABLE");
    let slices = function.settings.number("SALES_SLICES", 1..=256);
    let generations = Generations::from_settings(&mut function.settings, "order-view");
    function
        .run(Source::DynamoDb, |aws| {
            let tables =
                ReadModelTables { rows: rows?, counters: counters?, slice: slice(slices?) };
            let dynamodb = aws.dynamodb();
            Some(Projectors::from_dynamodb(dynamodb, event_store?, tables, generations?, Orders))
        })
        .await
}

/// Returns the slice in which this execution environment counts.
///
/// Each environment has one slice, so concurrent environments rarely write the same row. The name
/// of the log stream is different for each environment.
fn slice(slices: u64) -> u32 {
    let mut hasher = DefaultHasher::new();
    std::env::var_os("AWS_LAMBDA_LOG_STREAM_NAME").hash(&mut hasher);
    u32::try_from(hasher.finish() % slices).unwrap_or(0)
}
