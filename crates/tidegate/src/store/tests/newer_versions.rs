//! Tests content that a newer version of a function has written.

use serde_json::json;

use super::{Command, Counter, origin, stream};
use crate::envelope::DataSchema;
use crate::failure::{Class, Failure};
use crate::ids::{Cause, Version};
use crate::source::Source;
use crate::store::*;
use crate::test::DynamoDbEvent;

fn commit_of(kind: &str, version: u64) -> RecordedCommit {
    let time = jiff::Timestamp::UNIX_EPOCH;
    let event =
        RecordedEvent::new("e", Version::new(version), DataSchema::new(kind, 1), time, "{}");
    RecordedCommit::new(stream(), "test", Cause::new("test", kind), time, vec![event])
}

fn change_of(event: serde_json::Value) -> Result<CommitChange, Failure> {
    let event = serde_json::value::to_raw_value(&event).unwrap();
    CommitChange::from_delivery(&Source::DynamoDb.split(&event).unwrap()[0])
}

#[tokio::test]
async fn a_stored_event_of_an_unknown_type_is_waited_for_and_nothing_is_decided() {
    let store = MemoryEventStore::default();
    store.commit(&Commit::new(commit_of("Doubled", 1), "a")).await.unwrap();
    let add = Command::Add(1);
    let answer = execute::<Counter>(&store, &stream(), &add, &origin("b"), Retry::default()).await;
    let failure = answer.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, Failure::NEWER));
    for part in ["counter#1", "at version 1", "`Doubled`"] {
        assert!(failure.reason().contains(part), "{part}: {failure}");
    }
    assert_eq!(store.commits().len(), 1);
}

#[test]
fn content_that_no_version_of_a_known_type_has_stays_permanent() {
    let failure =
        commit_of("Added", 1).events[0].decode::<super::tests::CounterEvent>().unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "invalid_data"));
}

#[test]
fn a_commit_of_a_newer_format_is_known_by_its_keys_whatever_it_holds() {
    let newer = CommitChange::Newer { stream: stream(), version: Version::new(7) };
    for format in [json!({ "N": "3" }), json!({ "N": "1e3" }), json!({ "S": "two" })] {
        let event = DynamoDbEvent::event_store().commit(&commit_of("Added", 7)).unwrap();
        let mut event = event.value();
        let image = &mut event["Records"][0]["dynamodb"]["NewImage"];
        image["format"] = format.clone();
        assert_eq!(change_of(event.clone()), Ok(newer.clone()), "{format}");
        event["Records"][0]["dynamodb"]["NewImage"] =
            json!({ "format": format, "events": { "S": "packed" } });
        assert_eq!(change_of(event), Ok(newer.clone()), "{format}");
    }
    assert_eq!(newer.stream(), Some(&stream()));
}

/// A commit as a writer of the first format stored it.
fn first_format() -> serde_json::Value {
    json!({
        "stream": { "S": "counter#1" },
        "version": { "N": "7" },
        "events": { "L": [{ "M": {
            "id": { "S": "e" },
            "type": { "S": "Added" },
            "dataversion": { "N": "1" },
            "time": { "S": "1970-01-01T00:00:00Z" },
            "data": { "S": "{}" },
        } }] },
        "source": { "S": "test" },
        "cause": { "M": { "source": { "S": "test" }, "id": { "S": "Added" } } },
        "correlation": { "S": "Added" },
        "written_at": { "S": "1970-01-01T00:00:00Z" },
        "attempt": { "S": "a" },
    })
}

fn stored(image: serde_json::Value) -> Result<CommitChange, Failure> {
    let event = DynamoDbEvent::event_store().commit(&commit_of("Added", 7)).unwrap();
    let mut event = event.value();
    event["Records"][0]["dynamodb"]["NewImage"] = image;
    change_of(event)
}

#[test]
fn a_commit_of_the_first_format_is_read_whether_it_names_its_format_or_not() {
    let read = Ok(CommitChange::Commit(commit_of("Added", 7)));
    assert_eq!(stored(first_format()), read);
    let mut named = first_format();
    named["format"] = json!({ "N": "1" });
    assert_eq!(stored(named.clone()), read);
    named["events"] = json!({ "S": "packed" });
    assert_eq!(stored(named).unwrap_err().code(), "not_a_commit");
}

#[test]
fn a_commit_with_encrypted_fields_waits_for_a_version_that_opens_them() {
    let mut image =
        DynamoDbEvent::event_store().commit(&commit_of("Added", 7)).unwrap().value()["Records"][0]
            ["dynamodb"]["NewImage"]
            .take();
    assert_eq!(stored(image.clone()), Ok(CommitChange::Commit(commit_of("Added", 7))));
    let event = &mut image["decisions"]["L"][0]["M"]["events"]["L"][0]["M"];
    event["sealed"] = json!({ "M": { "key": { "S": "customer#7" }, "text": { "S": "…" } } });
    let newer = CommitChange::Newer { stream: stream(), version: Version::new(7) };
    assert_eq!(stored(image), Ok(newer));
}
