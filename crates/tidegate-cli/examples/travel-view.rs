//! The view of the travel system in `tests/it/travel`: a row for each booking.

use std::process::ExitCode;
use std::sync::Arc;

use tidegate::function::Function;
use tidegate::process::Processes;
use tidegate::projection::{DynamoDbReadModel, Projector, ReadModelTables};
use tidegate::source::Source;
use tidegate::store::DynamoDbEventStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let settings = &mut function.settings;
    let [store, rows, counters] =
        ["EVENT_STORE_TABLE", "VIEW_TABLE", "COUNTERS_TABLE"].map(|name| settings.text(name));
    let build = |aws: &tidegate::aws::AwsClients| {
        let tables = ReadModelTables { rows: rows?, counters: counters?, slice: 0 };
        let model = Arc::new(DynamoDbReadModel::new(aws.dynamodb(), tables));
        let store = Arc::new(DynamoDbEventStore::new(aws.dynamodb(), store?));
        Some(Projector::new(Processes::new(["booking"]), model, store))
    };
    function.run(Source::DynamoDb, build).await
}
