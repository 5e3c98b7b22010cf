//! Sends the deadlines of fulfilment that no schedule has brought.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use tidegate::batch::EachRecord;
use tidegate::function::Function;
use tidegate::process::Sweep;
use tidegate::publish::Queue;
use tidegate::query::DynamoDbTables;
use tidegate::source::Source;

/// The process whose deadlines are swept. Its name is in the rows of the view.
const PROCESS: &str = events::stream_kind::FULFILMENT;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let view = function.settings.text("FULFILMENTS_TABLE");
    let queue = function.settings.text("FULFILMENT_QUEUE_URL");
    function
        .run(Source::EventBridge, |aws| {
            let sweep = Sweep::new(DynamoDbTables::new(aws.dynamodb()), view?)
                .process(PROCESS, Queue::new(aws.sqs(), queue?));
            // A schedule invokes with one event.
            Some(EachRecord::new(sweep, 1))
        })
        .await
}
