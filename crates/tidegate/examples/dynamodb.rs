//! Handles changes of a table from its DynamoDB stream.
//!
//! Guarantees:
//!
//! - Changes of one item are handled in order.
//! - No change is skipped while the stream has it.
//! - Removals by time to live are distinguished from removals by a writer.

use std::process::ExitCode;

use serde::Deserialize;
use tidegate::batch::{BatchContext, Decode, EachRecord, Handled, Handler};
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::source::{ChangeKind, Delivery, Source};

#[derive(Deserialize)]
struct Account {
    id: String,
    name: String,
}

enum Record {
    Written(Account),
    Removed,
    Expired,
}

struct Accounts;

impl Decode for Accounts {
    type Record = Record;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Record, Failure> {
        let change = delivery.change()?;
        match change.kind {
            ChangeKind::Insert | ChangeKind::Modify => {
                serde_dynamo::from_item(change.new_image.clone())
                    .map(Record::Written)
                    .map_err(|error| Failure::permanent("no_account", error.to_string()))
            }
            ChangeKind::Remove => Ok(Record::Removed),
            ChangeKind::Expire => Ok(Record::Expired),
        }
    }
}

impl Handler for Accounts {
    async fn handle(&self, record: &Record, _context: &BatchContext) -> Result<Handled, Failure> {
        match record {
            Record::Written(account) => tracing::info!(account.id, account.name, "written"),
            Record::Removed => tracing::info!("removed"),
            Record::Expired => return Ok(Handled::Filtered),
        }
        Ok(Handled::Applied)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    Function::start().await.run(Source::DynamoDb, |_aws| Some(EachRecord::new(Accounts, 16))).await
}
