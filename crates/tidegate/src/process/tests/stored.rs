//! The stored events as tools read them, and the messages for the publisher.

use serde_json::json;

use super::at;
use super::scripted::{Plan, Say};
use super::world::{World, trip};
use crate::envelope::DataSchema;
use crate::failure::Failure;
use crate::ids::{Cause, Version};
use crate::process::{Json, Outline, StoredEvent, messages};
use crate::publish::{Outgoing, Published};
use crate::store::{EventReader, RecordedCommit, RecordedEvent};

#[tokio::test]
async fn the_fields_of_a_stored_step_are_the_documented_ones() {
    let mut world = World::new();
    world.go(Plan::to("A").send("hotel#7").set("answer", at(60))).await;
    world.go(Plan::to("Done")).await;
    let events = world.events();
    let value = |event: &RecordedEvent| -> serde_json::Value {
        let mut value: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        value["input"]["data"] = json!("…");
        value
    };
    let input = |id: &str| {
        json!({
            "type": "Do", "version": 1, "source": "tests", "id": id, "data": "…"
        })
    };
    let time = |seconds| at(seconds).to_string();
    assert_eq!(
        value(&events[0]),
        json!({
            "rules": 7, "at": time(0), "input": input("m1"), "from": "New", "to": "A",
            "state": {"version": 1, "data": {"A": ["New"]}},
            "commands": [{
                "to": "hotels", "subject": "hotel#7", "type": "Ask", "version": 1,
                "data": {"question": "from New"},
            }],
            "deadlines": [{
                "name": "answer", "id": "answer@1", "due": time(60), "lasting": false,
                "type": "Passed", "version": 1, "data": {"to": "B"},
            }],
        })
    );
    assert_eq!(
        value(&events[1]),
        json!({
            "rules": 7, "at": time(0), "input": input("m2"), "from": "A", "to": "Done",
            "ended": true, "state": {"version": 1, "data": "Done"}, "cancelled": ["answer@1"],
        })
    );
}

#[tokio::test]
async fn an_outline_is_what_the_instance_is() {
    let mut world = World::new();
    world.go(Plan::to("A").set("answer", at(60)).publish()).await;
    world.say(Say::Stick).await;
    world.pass("answer@1").await;
    let commits = world.store.read(&trip(), Version::NONE).await.unwrap();
    let outline = Outline::of(&commits).unwrap();
    assert_eq!(&outline, world.instance().await.outline());
    assert_eq!((outline.version, &*outline.state), (Version::new(4), "A"));
}

fn published(kind: &str, version: u32, data: &str) -> Result<Vec<Outgoing>, Failure> {
    let schema = DataSchema::new(kind, version);
    let event = RecordedEvent::new("e1", Version::new(1), schema, at(0), data);
    let cause = Cause::new("tests", "c1");
    let commit = RecordedCommit::new(trip(), "travel.trip", cause, at(0), vec![event]);
    messages(&Published::new(&commit, &commit.events[0]))
}

#[test]
fn nothing_follows_from_events_that_are_not_of_a_process() {
    assert!(published("OrderPlaced", 1, "{}").unwrap().is_empty());
    let held = r#"{"at":"2026-12-01T08:00:00Z","operator":"ada","note":""}"#;
    assert!(published("ProcessSkipped", 1, held).unwrap().is_empty());
}

#[test]
fn a_step_that_a_newer_toolkit_stored_waits_for_its_publisher() {
    assert_eq!(published("ProcessMoved", 2, "{}").unwrap_err().code(), Failure::NEWER);
}

#[test]
fn json_is_kept_as_it_was_written() {
    let json = Json::parse(r#"{"b": 1,  "a": 1.50}"#).unwrap();
    assert_eq!(json.text(), r#"{"b": 1,  "a": 1.50}"#);
    assert_eq!(serde_json::to_string(&json).unwrap(), json.text());
    assert_eq!(json, json.clone());
    assert_ne!(json, Json::parse(r#"{"b":1,"a":1.5}"#).unwrap(), "the texts are compared");
    assert!(Json::parse("{").is_err());
    assert!(StoredEvent::knows("ProcessHeld") && !StoredEvent::knows("ProcessWarped"));
}
