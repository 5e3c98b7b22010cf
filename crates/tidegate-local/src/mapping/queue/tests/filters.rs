//! Tests of filters: messages that match no pattern are deleted.

use serde_json::json;

use super::*;
use topology::pattern::filter::{Filter, Filtered};

/// Receives messages with ids from 0 and these bodies.
fn receive_bodies(bench: &mut Bench, bodies: &[&str]) -> Vec<Action> {
    let messages = bodies.iter().enumerate().map(|(id, body)| Message {
        id: id.to_string(),
        receipt: format!("receipt-{id}"),
        group: None,
        sent: START,
        json: Bytes::from(json!({"messageId": id, "body": body}).to_string()),
    });
    bench.step(Input::Received(messages.collect()))
}

/// Settings with a filter for messages whose `n` is 1, and one batch at a time.
fn filtered() -> QueueSettings {
    let filter = Filter::parse(Filtered::Sqs, [r#"{"body": {"n": [1]}}"#]).unwrap();
    QueueSettings { filter: Some(Arc::new(filter)), maximum_concurrency: 1, ..settings() }
}

#[test]
fn a_message_that_passes_no_filter_is_deleted_and_never_delivered() {
    let mut bench = Bench::new(filtered());
    let actions = receive_bodies(&mut bench, &[r#"{"n": 1}"#, r#"{"n": 2}"#, "text"]);
    assert_eq!(deleted(&actions), ["receipt-1", "receipt-2"]);
    assert_eq!(invoked(&actions).len(), 1);
    assert!(
        invoked(&actions)[0].contains(r#""messageId":0"#)
            && !invoked(&actions)[0].contains(r#""messageId":1"#)
    );
    assert_eq!(bench.queue.counts().filtered, 2);
    assert_eq!(deleted(&bench.answer(1, success("null"))), ["receipt-0"]);
    assert_eq!(bench.queue.counts().delivered, 1);
}

#[test]
fn deleting_what_passes_no_filter_takes_no_place_from_deliveries() {
    let mut bench = Bench::new(filtered());
    let actions = receive_bodies(&mut bench, &["text"]);
    assert!(
        matches!(actions[..], [Action::Delete { batch: 0, .. }, Action::Receive { .. }]),
        "{actions:?}"
    );
    assert!(!bench.queue.is_idle(), "the message is still there");
    assert_eq!(invoked(&receive_bodies(&mut bench, &[r#"{"n": 1}"#])).len(), 1);
    bench.step(Input::Deleted { batch: 0 });
    bench.answer(1, success("null"));
    bench.step(Input::Deleted { batch: 1 });
    assert!(bench.queue.is_idle());
}

#[test]
fn a_stop_waits_until_what_passes_no_filter_is_deleted() {
    let mut bench = Bench::new(filtered());
    receive_bodies(&mut bench, &["text"]);
    assert_eq!(bench.step(Input::Stop), []);
    assert_eq!(bench.step(Input::Deleted { batch: 0 }), [Action::Stopped]);
}
