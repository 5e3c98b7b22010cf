//! Inputs that are not what they should be.

use serde_json::value::to_raw_value;

use super::at;
use super::scripted::{Do, Passed, Plan, Say, Trips};
use super::steps::APPLIED;
use super::world::{World, envelope, failure};
use crate::batch::Outcome;
use crate::envelope::{Data, DataRef};
use crate::failure::{Class, Failure};
use crate::ids::Version;
use crate::message::Message;
use crate::process::{PassDeadline, StoredEvent};
use crate::test::{EventBridgeEvent, SqsEvent};

async fn refused(world: &World, envelope: &crate::envelope::Envelope) -> (Class, String, String) {
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

#[tokio::test]
async fn an_input_whose_data_stayed_in_a_store_is_refused_with_what_to_do() {
    let mut world = World::new();
    let mut input = world.input(Say::Refuse);
    let (stream, version) = ("hotel#1".parse().unwrap(), Version::new(1));
    input.data = Data::Reference(DataRef { stream, version });
    let (class, code, reason) = refused(&world, &input).await;
    assert_eq!((class, &*code), (Class::Permanent, "data_by_reference"));
    assert!(reason.contains("Routes::resolve"), "{reason}");
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
