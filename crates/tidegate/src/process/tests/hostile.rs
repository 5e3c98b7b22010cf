//! Inputs that are not what they should be.

use serde_json::value::to_raw_value;

use super::at;
use super::scripted::{Do, Passed, Plan, Say, Trips};
use super::steps::APPLIED;
use super::world::{World, envelope, failure};
use crate::batch::{Handled, NotRun, Outcome};
use crate::envelope::{Data, DataRef, Envelope};
use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version};
use crate::message::Message;
use crate::process::{PassDeadline, StoredEvent};
use crate::store::{Commit, EventStore, RecordedCommit, RecordedDecision, RecordedEvent};
use crate::test::{Call, EventBridgeEvent, Fault, Faults, SqsEvent};

async fn refused(world: &World, envelope: &Envelope) -> (Class, String, String) {
    let failure = failure(world.deliver(envelope).await);
    (failure.class(), failure.code().to_owned(), failure.reason().to_owned())
}

#[tokio::test]
async fn what_is_not_an_input_becomes_a_letter_and_costs_no_neighbour() {
    let mut world = World::new();
    let data = || to_raw_value(&serde_json::json!({"x": 1})).unwrap();
    let good = world.input(Say::Go(Plan::to("A")));
    let unknown = envelope("u", "Unknown", 1, data());
    let invalid = envelope("i", Do::TYPE, 1, data());
    let word = envelope("w", PassDeadline::TYPE, 1, data());
    let outcomes = world.batch::<Trips>(&[&unknown, &good, &invalid, &word], 1).await;
    let codes = outcomes.iter().map(|outcome| match outcome {
        Outcome::Failed(failure) => (failure.class() == Class::Permanent, failure.code()),
        _ => (false, "applied"),
    });
    let codes: Vec<_> = codes.collect();
    assert_eq!(
        codes,
        [
            (true, "unknown_type"),
            (true, "invalid_data"),
            (true, "invalid_data"),
            (false, "applied")
        ]
    );
    assert_eq!(world.kinds(), ["ProcessMoved"]);
    let event = SqsEvent::new().message("{");
    let outcome = world.run::<Trips>(event).await.remove(0);
    assert_eq!(failure(outcome).code(), "not_json");
}

#[tokio::test]
async fn an_input_of_a_newer_version_waits_for_the_function_that_knows_it() {
    let world = World::new();
    for kind in [Do::TYPE, PassDeadline::TYPE] {
        let newer = envelope("n", kind, 2, to_raw_value(&()).unwrap());
        let (class, code, _) = refused(&world, &newer).await;
        assert_eq!((class, &*code), (Class::Transient, Failure::NEWER), "{kind}");
    }
}

#[tokio::test]
async fn an_input_for_a_stream_of_another_kind_is_refused() {
    let mut world = World::new();
    let mut word = world.message(&PassDeadline { name: "n".into(), id: "n@1".into(), due: at(0) });
    word.subject = "order#1".parse().unwrap();
    let mut passed = world.message(&Passed { to: "A".to_owned() });
    passed.subject = "order#1".parse().unwrap();
    for wrong in [word, passed] {
        let (class, code, reason) = refused(&world, &wrong).await;
        assert_eq!((class, &*code), (Class::Permanent, "wrong_stream"));
        assert!(reason.contains("order#1, which is not a `trip`"), "{reason}");
    }
    let nameless = Do { trip: String::new(), say: Say::Refuse };
    let nameless = world.message(&nameless);
    assert_eq!(refused(&world, &nameless).await.1, "invalid_id");
    assert!(world.events().is_empty());
}

/// Stores the data of an input as the first event of this stream, and leaves the reference.
async fn by_reference(world: &World, input: &Envelope, stream: &str) -> Envelope {
    let stream: StreamId = stream.parse().unwrap();
    let cause = Cause { source: "tests".to_owned(), id: format!("of {stream}") };
    let mut record = RecordedCommit::empty(stream.clone(), "tests", at(0));
    let Data::Inline(data) = &input.data else { panic!("{input:?}") };
    let (schema, version) = (input.schema.clone(), Version::new(1));
    let event = RecordedEvent::new("e1", version, schema, at(0), data.get());
    record.push(RecordedDecision::new(cause), vec![event]);
    world.store.commit(&Commit::new(record, "first")).await.unwrap();
    Envelope { data: Data::Reference(DataRef { stream, version }), ..input.clone() }
}

#[tokio::test]
async fn an_input_whose_data_stayed_in_the_store_is_read_there() {
    let mut world = World::new();
    let input = world.input(Say::Go(Plan::to("A").set("answer", at(60))));
    let referring = by_reference(&world, &input, "hotel#1").await;
    assert_eq!(world.deliver(&referring).await, APPLIED);
    let StoredEvent::ProcessMoved(moved) = world.last() else { panic!("{:?}", world.last()) };
    let Data::Inline(data) = &input.data else { panic!("{input:?}") };
    assert_eq!((moved.to.as_str(), moved.input.data.text()), ("A", data.get()));
    let again = world.deliver(&referring).await;
    assert_eq!(again, Outcome::Done(Handled::Duplicate));
}

#[tokio::test]
async fn inputs_of_one_subject_with_and_without_their_data_are_decided_in_order() {
    let mut world = World::new();
    let (first, last) = (world.input(Say::Refuse), world.input(Say::Go(Plan::to("A"))));
    let referring = by_reference(&world, &first, "hotel#1").await;
    let mut dangling = world.input(Say::Refuse);
    let (stream, version) = ("hotel#2".parse().unwrap(), Version::new(1));
    dangling.data = Data::Reference(DataRef { stream, version });
    let outcomes = world.batch::<Trips>(&[&referring, &dangling, &last], 1).await;
    assert_eq!((&outcomes[0], &outcomes[2]), (&APPLIED, &APPLIED));
    assert_eq!(failure(outcomes[1].clone()).code(), "dangling_reference");
    assert_eq!(world.kinds(), ["Do", "ProcessRefused", "ProcessMoved"]);
}

#[tokio::test]
async fn data_that_cannot_be_read_now_is_read_later_and_what_waits_behind_it_waits() {
    let mut world = World::new();
    let (first, last) = (world.input(Say::Refuse), world.input(Say::Go(Plan::to("A"))));
    let referring = by_reference(&world, &first, "hotel#1").await;
    world.faults = Faults::none().at(Call::Read, 1, Fault::Throttled);
    let outcomes = world.batch::<Trips>(&[&referring, &last], 1).await;
    assert_eq!(failure(outcomes[0].clone()).class(), Class::Transient);
    assert_eq!(outcomes[1], Outcome::NotRun(NotRun::Blocked));
    assert_eq!(world.kinds(), ["Do"]);
}

#[tokio::test]
async fn a_word_has_its_data_with_it() {
    let mut world = World::new();
    let mut word = world.message(&PassDeadline { name: "n".into(), id: "n@1".into(), due: at(0) });
    let (stream, version) = ("hotel#1".parse().unwrap(), Version::new(1));
    word.data = Data::Reference(DataRef { stream, version });
    assert_eq!(refused(&world, &word).await.1, "data_by_reference");
}

#[tokio::test]
async fn a_cause_that_comes_with_another_content_is_refused() {
    let mut world = World::new();
    let first = world.input(Say::Go(Plan::to("A")));
    assert_eq!(world.deliver(&first).await, APPLIED);
    let mut other = world.input(Say::Go(Plan::to("Done")));
    other.id.clone_from(&first.id);
    assert_eq!(refused(&world, &other).await.1, "cause_reused");
    assert_eq!(world.instance().await.state_name(), "A");
}

#[tokio::test]
async fn an_answer_may_come_by_a_rule_of_a_bus() {
    let mut world = World::new();
    let input = world.input(Say::Go(Plan::to("A")));
    let detail = serde_json::to_value(&input).unwrap();
    let event = SqsEvent::new().event(EventBridgeEvent::new("tests", "Do", detail));
    assert_eq!(world.run::<Trips>(event).await, [APPLIED]);
    assert!(matches!(world.last(), StoredEvent::ProcessMoved(_)), "{:?}", world.last());
}
