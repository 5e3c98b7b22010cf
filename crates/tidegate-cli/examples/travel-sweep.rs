//! The sweep of the travel system in `tests/it/travel`: sends the deadlines that Scheduler lost.

use std::process::ExitCode;
use std::time::Duration;

use tidegate::batch::EachRecord;
use tidegate::function::Function;
use tidegate::process::Sweep;
use tidegate::publish::Queue;
use tidegate::query::DynamoDbTables;
use tidegate::source::Source;

/// Time after which a deadline is overdue. The engine's Scheduler fires within a second.
const GRACE: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let view = function.settings.text("VIEW_TABLE");
    let queue = function.settings.text("BOOKINGS_QUEUE_URL");
    let build = |aws: &tidegate::aws::AwsClients| {
        let sweep = Sweep::new(DynamoDbTables::new(aws.dynamodb()), view?)
            .process("booking", Queue::new(aws.sqs(), queue?))
            .grace(GRACE);
        Some(EachRecord::new(sweep, 1))
    };
    function.run(Source::EventBridge, build).await
}
