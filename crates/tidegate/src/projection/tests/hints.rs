//! Tests a projector with messages, which are hints to read the event store.

use serde_json::json;

use super::*;
use crate::source::Delivery;
use crate::test::{EventBridgeEvent, KinesisEvent, SnsEvent, SqsEvent};

fn projector(world: &World) -> Projector<Products> {
    let events = Faulty::new(Arc::clone(&world.store), world.faults.clone());
    let model = Faulty::new(Arc::clone(&world.model), world.faults.clone());
    Projector::new(Products::default(), Arc::new(model), Arc::new(events))
}

/// Returns the message that a publisher sends for the event of a commit.
fn message(commit: &RecordedCommit) -> String {
    serde_json::to_string(&commit.envelope(&commit.events[0]).unwrap()).unwrap()
}

/// Returns a message for an event that nobody stored.
fn forged(stream: &str, version: &str, id: &str) -> String {
    let mut message: serde_json::Value =
        serde_json::from_str(&message(&commit(stream, 1, "\"a\""))).unwrap();
    message["sequence"] = json!(version);
    message["id"] = json!(id);
    message.to_string()
}

fn hints(projector: &Projector<Products>, bodies: &[String]) -> Vec<CommitChange> {
    let event = bodies.iter().fold(SqsEvent::new(), |event, body| event.message(body)).build();
    let deliveries = Source::Sqs.split(&event).unwrap();
    deliveries.iter().map(|delivery| projector.decode(delivery).unwrap()).collect()
}

async fn deliver(world: &World, bodies: &[String]) -> Vec<Outcome> {
    let changes = hints(&projector(world), bodies);
    world.hand_over(Products::default(), &changes, false).await
}

fn is_not_in_store(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure)
        if failure.code() == "not_in_store" && failure.class() == Class::Permanent)
}

/// Returns commits of an order whose data is JSON, as that of an envelope is.
fn commits() -> Vec<RecordedCommit> {
    (1..).zip(["\"a\"", "\"b\"", "\"a\""]).map(|(n, data)| commit("order#1", n, data)).collect()
}

#[tokio::test]
async fn a_message_of_every_source_is_a_hint_in_the_lane_of_its_subject() {
    let first = commits().remove(0);
    let world = World::with(std::slice::from_ref(&first)).await;
    let projector = projector(&world);
    let (body, envelope) = (message(&first), first.envelope(&first.events[0]).unwrap());
    let event = || EventBridgeEvent::from_envelope(&envelope).unwrap();
    let expected = CommitChange::Hint {
        stream: first.stream.clone(),
        version: Version::new(1),
        event_id: first.events[0].id.clone(),
    };
    for (source, event) in [
        (Source::Sqs, SqsEvent::new().message(&body).build()),
        (Source::Sqs, SqsEvent::new().message_of("group", &body).build()),
        (Source::Sqs, SqsEvent::new().event(event()).build()),
        (Source::Sqs, SqsEvent::new().notification("topic", &body).build()),
        (Source::Sns, SnsEvent::new().message(&body).build()),
        (Source::Kinesis, KinesisEvent::new().record("any key", &body).build()),
        (Source::EventBridge, event().build()),
    ] {
        let deliveries = source.split(&event).unwrap();
        assert_eq!(projector.decode(&deliveries[0]), Ok(expected.clone()), "{source:?}");
        assert_eq!(projector.lane(&deliveries[0]), "order#1", "{source:?}");
    }
}

#[tokio::test]
async fn one_read_of_the_store_heals_every_order_of_hints() {
    let commits = commits();
    let bodies: Vec<String> = commits.iter().map(message).collect();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 2, 2]] {
        let world = World::with(&commits).await;
        let outcomes = deliver(&world, &order.map(|at| bodies[at].clone())).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done(_))), "{order:?}");
        assert_eq!((world.version("order#1"), world.units("\"a\"")), (3, 2), "{order:?}");
        assert_eq!(world.faults.calls(Call::Read), 1, "{order:?}: all events in one read");
        // What comes late is a duplicate, without a read.
        let again = deliver(&world, &bodies).await;
        assert_eq!(again, [DUPLICATE, DUPLICATE, DUPLICATE], "{order:?}");
        assert_eq!(world.faults.calls(Call::Read), 1, "{order:?}");
    }
}

#[tokio::test]
async fn of_a_message_nothing_but_the_place_is_believed() {
    let commits = commits();
    let world = World::with(&commits).await;
    let mut lie: serde_json::Value = serde_json::from_str(&message(&commits[0])).unwrap();
    lie["data"] = json!("z");
    assert_eq!(deliver(&world, &[lie.to_string()]).await, [APPLIED]);
    assert_eq!((world.units("\"z\""), world.units("\"a\"")), (0, 2));
}

#[tokio::test]
async fn an_event_that_the_store_does_not_have_fails_alone_and_parks_nothing() {
    let commits = commits();
    let world = World::with(&commits).await;
    let real = message(&commits[0]);
    let batch = [
        forged("order#1", "999", "x"),
        real.clone(),
        forged("order#1", "2", "another"),
        forged("order#9", "1", "x"),
        forged("order#1", &u64::MAX.to_string(), "x"),
    ];
    let outcomes = deliver(&world, &batch).await;
    assert_eq!(outcomes[1], APPLIED);
    for place in [0, 2, 3, 4] {
        assert!(is_not_in_store(&outcomes[place]), "{place}: {:?}", outcomes[place]);
    }
    // The store had more than the message said.
    assert_eq!((world.version("order#1"), world.version("order#9")), (3, 0));
    assert_eq!((world.listed().await.len(), world.faults.calls(Call::Park)), (0, 0));
    // At the guard's own version, which needs no read.
    let reads = world.faults.calls(Call::Read);
    let outcomes = deliver(&world, &[forged("order#1", "3", "another")]).await;
    assert!(is_not_in_store(&outcomes[0]), "{outcomes:?}");
    assert_eq!(world.faults.calls(Call::Read), reads);
    assert_eq!(deliver(&world, &[real]).await, [DUPLICATE]);
}

#[tokio::test]
async fn a_store_that_fails_has_the_hint_come_again() {
    let commits = commits();
    let world = World::with(&commits).await;
    world.faults.at(Call::Read, 1, Fault::Throttled);
    let body = [message(&commits[0])];
    let outcomes = deliver(&world, &body).await;
    assert!(
        matches!(&outcomes[0], Outcome::Failed(failure) if failure.class() == Class::Transient)
    );
    assert_eq!(deliver(&world, &body).await, [APPLIED]);
}

#[tokio::test]
async fn hints_and_records_of_the_table_share_a_batch() {
    let commits = commits();
    let world = World::with(&commits).await;
    let mut changes = hints(&projector(&world), &[message(&commits[2])]);
    changes.push(CommitChange::Commit(commits[0].clone()));
    assert_eq!(world.hand_over(Products::default(), &changes, false).await, [APPLIED, APPLIED]);
    assert_eq!(world.version("order#1"), 3);
}

#[test]
fn what_is_not_the_envelope_of_an_event_is_refused() {
    let projector = Projector::new(Products::default(), Arc::<MemoryReadModel>::default(), {
        Arc::<MemoryEventStore>::default() as Arc<dyn EventReader>
    });
    let mut command: serde_json::Value =
        serde_json::from_str(&message(&commits().remove(0))).unwrap();
    command.as_object_mut().unwrap().remove("sequence");
    let decode = |delivery: &Delivery<'_>| projector.decode(delivery).unwrap_err();
    for (body, code) in [
        (command.to_string(), "not_an_event"),
        (forged("order#1", "0", "x"), "not_an_event"),
        ("{}".to_owned(), "not_an_envelope"),
        ("order#1".to_owned(), "not_json"),
    ] {
        let event = SqsEvent::new().message_of("group", &body).build();
        let deliveries = Source::Sqs.split(&event).unwrap();
        let failure = decode(&deliveries[0]);
        assert_eq!((failure.class(), failure.code()), (Class::Permanent, code), "{body}");
        let lane = projector.lane(&deliveries[0]);
        assert!(["order#1", "group"].contains(&lane.as_str()), "{lane}");
    }
}
