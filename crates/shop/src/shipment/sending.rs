//! Sends a command to shipping, and waits until it is decided.

use std::time::Duration;

use aws_sdk_sqs::Client;
use events::{ShippingEvent, stream_kind};
use jiff::Timestamp;
use serde_json::value::to_raw_value;
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::problem::Problem;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::failure::chain;
use tidegate::ids::{StreamId, Version, content_id};
use tidegate::message::Message;
use tidegate::store::{DynamoDbEventStore, EventReader, RecordedEvent};
use tokio::time::{Instant, sleep};

use super::answer::answer;
use super::options::Shipment;

/// `source` of the commands.
const SOURCE: &str = "shop.shipment";
/// Pause between two looks at the event store: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Sends a command to the shipment, and returns what was decided.
///
/// # Errors
/// The queue or the event store cannot be reached, nothing is decided in time, or the command is
/// rejected.
pub(super) async fn sent<M: Message>(of: &Shipment, command: &M) -> Result<String, Problem> {
    let connection = Connection::open(&of.endpoint, Intent::Change).await?;
    let store =
        DynamoDbEventStore::new(connection.dynamodb(), of.store.table(&of.endpoint).as_str());
    let unwritable = |error: &dyn std::fmt::Display| {
        Problem::new(format!("the command cannot be written: {error}"))
    };
    let stream = StreamId::new(stream_kind::SHIPMENT, of.order.as_str())
        .map_err(|error| Problem::misuse(error.to_string()))?;
    let envelope = envelope(&stream, command, Timestamp::now()).map_err(|e| unwritable(&e))?;
    let body = serde_json::to_string(&envelope).map_err(|error| unwritable(&error))?;
    put(&connection, of, body).await.map_err(|problem| connection.explain(problem))?;
    let until = Instant::now() + Duration::from_secs(of.timeout);
    let [mut pause, longest] = PAUSES;
    loop {
        match decided(&store, &stream, &envelope).await {
            Ok(Some(event)) => return answer(&event),
            Ok(None) if Instant::now() < until => {}
            Ok(None) => {
                return Err(Problem::new(format!(
                    "the command is in the queue `{}`, and shipping has not decided it within {} s; \
                     look at `tidegate local logs shipping` and `tidegate dlq`",
                    of.queue(),
                    of.timeout
                )));
            }
            Err(failure) => return Err(connection.explain(Problem::new(failure.reason()))),
        }
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Creates the envelope of a command. Who says the same again later says it anew.
fn envelope<M: Message>(
    stream: &StreamId,
    command: &M,
    now: Timestamp,
) -> Result<Envelope, serde_json::Error> {
    let data = to_raw_value(command)?;
    let id = content_id(&["command", M::TYPE, stream.as_str(), data.get(), &now.to_string()]);
    let schema = DataSchema::new(M::TYPE, M::VERSION);
    Ok(Envelope::new(id, SOURCE, stream.clone(), now, schema, Data::Inline(data)))
}

async fn put(connection: &Connection, of: &Shipment, body: String) -> Result<(), Problem> {
    let (client, queue) = (Client::new(connection.config()), of.queue());
    let url = client.get_queue_url().queue_name(queue.as_str()).send().await;
    let url = url.map_err(|error| match error.as_service_error() {
        Some(refused) if refused.is_queue_does_not_exist() => queue.missing("queue"),
        _ => Problem::new(format!("queue `{queue}`: {}", chain(&error))),
    })?;
    let send = client.send_message().set_queue_url(url.queue_url).message_body(body);
    let sent = send.send().await;
    sent.map_err(|error| Problem::new(format!("queue `{queue}`: {}", chain(&error))))?;
    Ok(())
}

/// Returns what the command led to, as soon as it is decided.
async fn decided(
    store: &dyn EventReader,
    stream: &StreamId,
    command: &Envelope,
) -> Result<Option<ShippingEvent>, tidegate::failure::Failure> {
    let cause = command.cause();
    for commit in store.read(stream, Version::NONE).await? {
        let own = commit.parts().find(|(decision, _)| decision.cause == cause);
        if let Some(event) = own.and_then(|(_, events)| events.first()) {
            return RecordedEvent::decode::<ShippingEvent>(event).map(Some);
        }
    }
    Ok(None)
}
