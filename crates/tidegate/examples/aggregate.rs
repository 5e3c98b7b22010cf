//! Handles the commands of an event-sourced account.
//!
//! Guarantees:
//!
//! - Each command leads to one decision. A single conditional write stores its events.
//! - If the same command comes again, it finds these events and changes nothing.
//! - If two commands race for one account, they are decided one after the other.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use tidegate::batch::{BatchContext, Decode, EachStream, Outcome, StreamHandler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::function::Function;
use tidegate::ids::StreamId;
use tidegate::message::{Message, MessageSet};
use tidegate::source::{Delivery, Source};
use tidegate::store::{Aggregate, Decision, DynamoDbEventStore, Origin, Retry, execute_all};

#[derive(Clone, Serialize, Deserialize, Message)]
struct Withdraw {
    cents: u64,
}
#[derive(Clone, Serialize, Deserialize, Message)]
struct Withdrawn {
    cents: u64,
}
#[derive(Clone, Serialize, Deserialize, Message)]
struct Refused {
    cents: u64,
}

tidegate::messages! { enum Command { Withdraw } }
tidegate::messages! { enum Event { Withdrawn, Refused } }

const LIMIT: u64 = 100_000;

#[derive(Default)]
struct Account {
    withdrawn: u64,
}

impl Aggregate for Account {
    type Command = Command;
    type Event = Event;
    const SOURCE: &'static str = "bank.accounts";

    fn creates(_: &Command) -> bool {
        false
    }

    fn apply(&mut self, event: &Event) {
        if let Event::Withdrawn(Withdrawn { cents }) = event {
            self.withdrawn = self.withdrawn.saturating_add(*cents)
        }
    }

    fn decide(&self, Command::Withdraw(Withdraw { cents }): &Command) -> Decision<Event> {
        // A refusal is an event too, so the same command always gets the same result.
        if self.withdrawn.saturating_add(*cents) > LIMIT {
            return Decision::one(Refused { cents: *cents });
        }
        Decision::one(Withdrawn { cents: *cents })
    }
}

struct Accounts(DynamoDbEventStore);

impl Decode for Accounts {
    type Record = (Envelope, Command, Origin);

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Self::Record, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let command = Command::from_envelope(&envelope)?;
        let origin = Origin::delivered::<Command>(&envelope, delivery);
        Ok((envelope, command, origin))
    }
}

impl StreamHandler for Accounts {
    fn stream<'a>(&self, (envelope, ..): &'a Self::Record) -> &'a StreamId {
        &envelope.subject
    }

    /// Decides the commands of one account one after the other, and stores them in one commit.
    async fn handle(
        &self,
        account: &StreamId,
        records: &[&Self::Record],
        _: &BatchContext,
    ) -> Vec<Outcome> {
        let commands: Vec<_> =
            records.iter().map(|(_, command, origin)| (command, origin)).collect();
        execute_all::<Account>(&self.0, account, &commands, Retry::default()).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut function = Function::start().await;
    let table = function.settings.text("EVENT_STORE_TABLE");
    let build = |aws: &tidegate::aws::AwsClients| {
        Some(EachStream::new(Accounts(DynamoDbEventStore::new(aws.dynamodb(), table?)), 100))
    };
    function.run(Source::Kinesis, build).await
}
