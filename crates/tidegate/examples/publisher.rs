//! Publishes an event store on a bus and on a Kinesis stream, and sends commands to a queue.
//!
//! Guarantees:
//!
//! - Every event reaches the bus and the stream at least once, with the same id each time.
//! - The Kinesis stream has the events of an account in order. The bus promises no order.
//! - Each `Overdrawn` leads to one `CallCustomer`: its id is derived from the event's.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::ids::StreamId;
use tidegate::message::Message;
use tidegate::publish::{
    EventBus, Events, KinesisStream, Outgoing, Published, Publisher, Queue, Target,
};
use tidegate::source::Source;
use tidegate::store::{DynamoDbEventStore, EventReader};

#[derive(Serialize, Deserialize, Message)]
struct CallCustomer {
    account: String,
}

/// Returns the commands that follow from an event. It is called again for an event that comes
/// again, and must return the same commands.
fn calls(event: &Published<'_>) -> Result<Vec<Outgoing>, Failure> {
    if event.event().kind != "Overdrawn" {
        return Ok(Vec::new());
    }
    let account = event.stream().key();
    let customer = StreamId::new("customer", account)?;
    let call = CallCustomer { account: account.to_owned() };
    Ok(vec![event.command("calls", "call", customer, &call)?])
}

fn publisher(
    store: impl EventReader + 'static,
    bus: impl Target + 'static,
    accounts: impl Target + 'static,
    queue: impl Target + 'static,
) -> Publisher {
    Publisher::new(store)
        .route(Events::all(), bus)
        .route(Events::all().from_source("bank.accounts"), accounts)
        .address("calls", queue)
        .messages(calls)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("EVENT_STORE_TABLE");
    let bus = function.settings.text("EVENT_BUS");
    let accounts = function.settings.text("ACCOUNTS_STREAM");
    let calls = function.settings.text("CALLS_QUEUE_URL");
    function
        .run(Source::DynamoDb, |aws| {
            let bus = EventBus::new(aws_sdk_eventbridge::Client::new(aws.config()), bus?, 262_144);
            let kinesis = aws_sdk_kinesis::Client::new(aws.config());
            let accounts = KinesisStream::new(kinesis, accounts?);
            let store = DynamoDbEventStore::new(aws.dynamodb(), table?);
            Some(publisher(store, bus, accounts, Queue::new(aws.sqs(), calls?)))
        })
        .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate::batch::{BatchContext, BatchHandler, Handled, Item, Outcome};
    use tidegate::envelope::DataSchema;
    use tidegate::ids::{Cause, Version};
    use tidegate::store::{CommitChange, RecordedCommit, RecordedEvent};
    use tidegate::test::{MemoryEventStore, MemoryTarget};

    use super::*;

    #[tokio::test]
    async fn an_overdrawn_account_is_published_twice_and_called_once() {
        let bus = MemoryTarget::new("bus bank");
        let accounts = MemoryTarget::new("stream accounts").ordered();
        let queue = MemoryTarget::new("queue calls");
        let store = MemoryEventStore::default();
        let publisher = publisher(store, bus.clone(), accounts.clone(), queue.clone());
        let time = "2026-12-01T08:00:00Z".parse().unwrap();
        let event = |version, kind| {
            let schema = DataSchema::new(kind, 1);
            RecordedEvent::new(format!("e{version}"), Version::new(version), schema, time, "{}")
        };
        let commit = RecordedCommit::new(
            "account#7".parse().unwrap(),
            "bank.accounts",
            Cause::new("bank", "c1"),
            time,
            vec![event(1, "Withdrawn"), event(2, "Overdrawn")],
        );
        let items = [Item::new("account#7", CommitChange::Commit(commit))];
        let context = BatchContext::new(Duration::from_secs(10));
        let outcomes = publisher.handle_batch(&items, &context).await;
        assert_eq!(outcomes, [Outcome::Done(Handled::Applied)]);
        assert_eq!(bus.requests(), [["e1", "e2"]]);
        assert_eq!(accounts.requests(), [["e1"], ["e2"]], "the second waits for the first");
        let called = queue.taken();
        assert_eq!(called.len(), 1);
        assert_eq!(
            (called[0].kind.as_str(), called[0].group.as_str()),
            ("CallCustomer", "customer#7")
        );
    }
}
