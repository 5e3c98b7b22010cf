//! Tests routes whose commands are deduplicated by the event store.

use super::*;
use crate::batch::{Handled, Outcome};
use crate::envelope::{Data, DataSchema, Envelope};
use crate::ids::Cause;
use crate::store::{Origin, execute_all};
use crate::test::{Call as Port, Fault, Faults, Faulty};

/// Handles an envelope as the handler of a stream does.
async fn delivered(store: &dyn EventStore, envelope: &Envelope) -> Outcome {
    let command: Command = crate::message::MessageSet::from_envelope(envelope).unwrap();
    let origin = Origin::from_envelope(envelope, Some(now()));
    let commands = [(&command, &origin)];
    let outcomes = execute_all::<Order>(store, &envelope.subject, &commands, Retry::default());
    outcomes.await.remove(0)
}

fn envelope(order: &str, cause: &Cause, quantity: u32) -> Envelope {
    let data = json!({ "product": "cup", "quantity": quantity });
    let data = Data::Inline(serde_json::value::to_raw_value(&data).unwrap());
    let subject = stream(order).unwrap();
    let schema = DataSchema::new("AddLine", 1);
    Envelope::new(&cause.id, &cause.source, subject, now(), schema, data)
}

fn quantity(world: &World) -> u32 {
    let commits = world.events.commits();
    let events = commits.iter().flat_map(|commit| &commit.events);
    let events = events.filter(|event| event.kind == "LineAdded");
    events.map(|event| event.decode::<Event>().unwrap()).fold(0, |sum, event| match event {
        Event::LineAdded(line) => sum + line.quantity,
        Event::LineRefused(_) => sum,
    })
}

#[tokio::test]
async fn the_same_command_again_gets_the_same_answer_although_the_order_grew() {
    let world = World::new();
    let first = world.send(line("7", "a", 1)).await;
    assert_eq!((first.status, first.header("location")), (201, Some("/orders/7")));
    assert_eq!(first.json(), json!({ "version": 1, "accepted": 1 }));
    world.send(line("7", "b", 2)).await;
    let again = world.send(line("7", "\"a\"", 1)).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let refused = world.send(line("7", "c", 9)).await;
    assert_eq!(problem(&refused), (422, "invalid".to_owned()));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/quantity");
    assert_eq!(world.send(line("7", "c", 9)).await.json()["errors"], refused.json()["errors"]);
    assert_eq!((quantity(&world), world.events.commits().len()), (3, 3));
    let read = world.send(anna("GET", "/orders/7").query("depth=2")).await;
    assert_eq!(read.json(), json!({ "quantity": 3, "version": 3, "depth": 2 }));
}

#[tokio::test]
async fn the_same_key_with_another_command_is_a_422_and_stores_nothing() {
    let world = World::new();
    world.send(line("7", "a", 1)).await;
    assert_eq!(problem(&world.send(line("7", "a", 2)).await), (422, "key_reused".to_owned()));
    assert_eq!(quantity(&world), 1);
}

#[tokio::test]
async fn callers_with_the_same_key_send_commands_of_their_own() {
    let world = World::new();
    world.send(line("7", "a", 1)).await;
    let body = json!({ "product": "cup", "quantity": 2 });
    let other = world.send(ben("POST", "/orders/7/lines").key("a").json(&body)).await;
    assert_eq!((other.status, quantity(&world)), (201, 3));
}

#[tokio::test]
async fn twins_at_the_same_moment_are_decided_once() {
    let world = World::new();
    let answers = world.client.send_together((0..4).map(|_| line("7", "a", 1)).collect()).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    assert_eq!(quantity(&world), 1);
}

#[tokio::test]
async fn a_command_whose_answer_was_lost_is_answered_when_it_comes_again() {
    let events = Arc::new(MemoryEventStore::default());
    for fault in [Fault::LostResponse, Fault::Throttled, Fault::SentTwice] {
        let order = format!("{fault:?}");
        let faults = Faults::none().at(Port::Commit, 1, fault);
        let store = Faulty::new(Arc::<MemoryEventStore>::clone(&events), faults);
        let records = Arc::new(MemoryIdempotency::default());
        let (api, _) = api(Arc::new(store), records, AfterCrash::Hold);
        let client = ApiClient::new(api);
        let mut answer = client.send(line(&order, "a", 1)).await;
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some());
            answer = client.send(line(&order, "a", 1)).await;
        }
        assert_eq!((answer.status, answer.json()["version"].clone()), (201, json!(1)), "{order}");
    }
    assert_eq!(events.commits().len(), 3);
}

#[tokio::test]
async fn a_command_of_the_api_and_of_a_stream_lead_to_the_same_order() {
    let world = World::new();
    world.send(line("7", "a", 1)).await;
    let cause = world.events.commits()[0].decisions[0].cause.clone();
    assert_eq!(cause.source, "shop.api");
    let store = &*world.events;
    // The same cause and content: the stream finds the decision of the API.
    let same = delivered(store, &envelope("7", &cause, 1)).await;
    assert_eq!(same, Outcome::Done(Handled::Duplicate));
    let reused = delivered(store, &envelope("7", &cause, 2)).await;
    assert!(matches!(&reused, Outcome::Failed(failure) if failure.code() == "cause_reused"));
    // Another cause: both count.
    let other = Cause::new("shop.import", "line-1");
    let applied = delivered(store, &envelope("7", &other, 2)).await;
    assert_eq!((applied, quantity(&world)), (Outcome::Done(Handled::Applied), 3));
    // The other way round: the API finds the decision of the stream.
    world.send(line("8", "a", 1)).await;
    let cause = world.events.commits()[2].decisions[0].cause.clone();
    delivered(store, &envelope("9", &cause, 4)).await;
    let commits = world.events.commits();
    let ninth = commits.iter().find(|commit| commit.stream.key() == "9").unwrap();
    assert_eq!(ninth.decisions[0].cause, cause);
    assert_eq!(problem(&world.send(line("9", "a", 1)).await), (422, "key_reused".to_owned()));
    let found = world.send(line("9", "a", 4)).await;
    assert_eq!((found.status, found.json()["version"].clone()), (201, json!(1)));
}

#[tokio::test]
async fn correlation_and_trace_of_the_client_are_those_of_the_events() {
    let world = World::new();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request =
        line("7", "a", 1).header("X-Correlation-Id", "basket-7").header("traceparent", trace);
    let answer = world.send(request).await;
    assert_eq!(answer.header("x-correlation-id"), Some("basket-7"));
    let commits = world.events.commits();
    let envelope = commits[0].envelope(&commits[0].events[0]).unwrap();
    assert_eq!(envelope.correlation_id, "basket-7");
    assert_eq!(envelope.traceparent.as_deref(), Some(trace));
    let forged = line("8", "a", 1).header("x-correlation-id", "a\" level=error").request_id("r-8");
    assert_eq!(world.send(forged).await.header("x-correlation-id"), Some("r-8"));
    let odd = line("8", "b", 1).request_id("a\r\nb");
    let answer = world.send(odd).await;
    assert!(answer.header("x-correlation-id").is_some_and(|id| id.starts_with("invocation-")));
}
