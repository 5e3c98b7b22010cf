//! Tests that a command that comes again with other content is not a duplicate.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Command, Counter, origin, stream};
use crate::batch::Handled;
use crate::envelope::{Envelope, Extensions};
use crate::failure::{Class, Failure};
use crate::ids::Cause;
use crate::message::Message;
use crate::store::*;

/// The second version, in which `amount` is called `units`.
#[derive(Serialize, Deserialize)]
struct Add {
    units: u32,
}

impl Message for Add {
    const TYPE: &'static str = "Add";
    const VERSION: u32 = 2;

    fn upcast(_: u32, mut data: serde_json::Value) -> Result<serde_json::Value, Failure> {
        let amount = data.as_object_mut().and_then(|data| data.remove("amount"));
        data["units"] = amount.unwrap_or_default();
        Ok(data)
    }
}

crate::messages! { enum Commands { Add } }

fn sent(kind: &str, version: u32, data: &str) -> Envelope {
    let text = format!(
        r#"{{"specversion":"1.0","id":"c1","source":"test","type":"{kind}","subject":"counter#1","time":"2026-01-01T00:00:00Z","dataschema":"urn:tidegate:schema:{kind}:{version}","data":{data}}}"#
    );
    Envelope::parse(text.as_bytes()).unwrap()
}

fn from(envelope: &Envelope) -> Origin {
    let mut origin = Origin::from_envelope(envelope, None);
    origin.content = Content::upcast::<Commands>(envelope);
    origin
}

async fn send(
    store: &dyn EventStore,
    command: Command,
    origin: &Origin,
) -> Result<Handled, Failure> {
    let executed = execute::<Counter>(store, &stream(), &command, origin, Retry::default()).await;
    executed.map(|executed| executed.handled())
}

fn assert_reused(answer: Result<Handled, Failure>) {
    let failure = answer.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "cause_reused"));
    for part in ["counter#1", "test/c1", "version 1"] {
        assert!(failure.reason().contains(part), "{part}: {failure}");
    }
}

#[tokio::test]
async fn a_used_id_with_another_content_is_refused_on_every_path() {
    let first = from(&sent("Add", 2, r#"{"units":3}"#));
    let other = from(&sent("Add", 2, r#"{"units":4}"#));
    let other_type = from(&sent("Take", 1, r#"{"units":3}"#));
    let create: fn() -> Command = || Command::Open(3);
    let change: fn() -> Command = || Command::Add(3);
    for command in [create, change] {
        let store = MemoryEventStore::default();
        assert_eq!(send(&store, command(), &first).await, Ok(Handled::Applied));
        assert_reused(send(&store, command(), &other).await);
        assert_reused(send(&store, command(), &other_type).await);
        assert_eq!(send(&store, command(), &first).await, Ok(Handled::Duplicate));
        assert_eq!(store.commits().len(), 1);
    }
}

#[tokio::test]
async fn a_used_id_is_known_from_a_snapshot_too() {
    let (store, snapshots) = (MemoryEventStore::default(), Arc::new(MemorySnapshots::default()));
    let policy = Snapshots::new(Arc::<MemorySnapshots>::clone(&snapshots)).every(1);
    let send = async |command: Command, origin: &Origin| {
        execute_with_snapshots::<Counter>(
            &store,
            &policy,
            &stream(),
            &command,
            origin,
            Retry::default(),
        )
        .await
        .map(|executed| executed.handled())
    };
    let first = from(&sent("Add", 2, r#"{"units":3}"#));
    assert_eq!(send(Command::Add(3), &first).await, Ok(Handled::Applied));
    assert_eq!(snapshots.snapshots().len(), 1);
    assert_reused(send(Command::Add(4), &from(&sent("Add", 2, r#"{"units":4}"#))).await);
    assert_eq!(send(Command::Add(3), &first).await, Ok(Handled::Duplicate));
}

#[tokio::test]
async fn an_honest_resend_is_never_refused() {
    let first = from(&sent("Add", 2, r#"{"units":3,"of":[1,{"a":"ä","b":null}]}"#));
    let store = MemoryEventStore::default();
    assert_eq!(send(&store, Command::Open(3), &first).await, Ok(Handled::Applied));
    for (version, data) in [
        (2, r#"{ "of": [1e0, {"b":null, "a":"\u00e4"}], "units" : 3.0 }"#),
        // An older sender sends the same content in its own version.
        (1, r#"{"amount":3,"of":[1,{"a":"ä","b":null}]}"#),
        // Content of a version newer than all known ones cannot be compared.
        (3, r#"{"pieces":3}"#),
    ] {
        let mut envelope = sent("Add", version, data);
        envelope.time = "2026-02-02T00:00:00Z".parse().unwrap();
        envelope.traceparent =
            Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
        envelope.correlation_id = "another".to_owned();
        envelope
            .extensions
            .insert("tenant", &serde_json::value::to_raw_value("x").unwrap())
            .unwrap();
        assert_eq!(
            send(&store, Command::Open(3), &from(&envelope)).await,
            Ok(Handled::Duplicate),
            "{data}"
        );
        assert_eq!(
            send(&store, Command::Add(3), &from(&envelope)).await,
            Ok(Handled::Duplicate),
            "{data}"
        );
    }
    let older = from(&sent("Add", 1, r#"{"amount":4,"of":[1,{"a":"ä","b":null}]}"#));
    assert_reused(send(&store, Command::Open(3), &older).await);
}

#[tokio::test]
async fn what_an_older_function_decided_is_compared_in_the_version_that_it_knew() {
    // The function knew version 1 and stored the digest of that version.
    let envelope = sent("Add", 1, r#"{"amount":3}"#);
    let store = MemoryEventStore::default();
    assert_eq!(
        send(&store, Command::Open(3), &Origin::from_envelope(&envelope, None)).await,
        Ok(Handled::Applied)
    );
    assert_eq!(send(&store, Command::Open(3), &from(&envelope)).await, Ok(Handled::Duplicate));
    let newer = from(&sent("Add", 2, r#"{"units":3}"#));
    assert_eq!(
        send(&store, Command::Open(3), &newer).await,
        Ok(Handled::Duplicate),
        "not comparable"
    );
    assert_reused(send(&store, Command::Open(3), &from(&sent("Add", 1, r#"{"amount":4}"#))).await);
}

/// The same messages in a release that reads the first version differently.
#[derive(Serialize, Deserialize)]
struct Corrected {
    units: u32,
}

impl Message for Corrected {
    const TYPE: &'static str = "Add";
    const VERSION: u32 = 2;

    fn upcast(from: u32, data: serde_json::Value) -> Result<serde_json::Value, Failure> {
        let mut data = Add::upcast(from, data)?;
        data["unit"] = "piece".into();
        Ok(data)
    }
}

mod corrected {
    use super::Corrected;

    crate::messages! { pub(super) enum Commands { Corrected } }
}

#[tokio::test]
async fn a_command_that_is_sent_again_is_the_same_whatever_the_upcast_makes_of_it() {
    let envelope = sent("Add", 1, r#"{"amount":3}"#);
    let now = |envelope: &Envelope| {
        let mut origin = Origin::from_envelope(envelope, None);
        origin.content = Content::upcast::<corrected::Commands>(envelope);
        origin
    };
    let store = MemoryEventStore::default();
    assert_eq!(send(&store, Command::Open(3), &from(&envelope)).await, Ok(Handled::Applied));
    for command in [Command::Open(3), Command::Add(3)] {
        assert_eq!(send(&store, command, &now(&envelope)).await, Ok(Handled::Duplicate));
    }
    let other = now(&sent("Add", 1, r#"{"amount":4}"#));
    assert_reused(send(&store, Command::Open(4), &other).await);
}

#[tokio::test]
async fn a_commit_without_a_digest_is_equal_to_every_content() {
    let store = MemoryEventStore::default();
    let old = Origin { cause: Cause::new("test", "c1"), ..origin("c1") };
    assert_eq!(send(&store, Command::Open(3), &old).await, Ok(Handled::Applied));
    let now = from(&sent("Add", 2, r#"{"units":4}"#));
    assert_eq!(send(&store, Command::Open(4), &now).await, Ok(Handled::Duplicate));
    assert_eq!(send(&store, Command::Add(4), &now).await, Ok(Handled::Duplicate));
}

#[test]
fn equal_contents_have_different_digests_in_different_places() {
    let content = Content::new("Add", 1, r#"{"amount":3}"#).unwrap();
    let digest =
        |stream: &str, id: &str| content.digest(&stream.parse().unwrap(), &Cause::new("test", id));
    let one = digest("counter#1", "a").unwrap();
    assert_eq!(digest("counter#1", "a").as_ref(), Some(&one));
    for other in [digest("counter#2", "a").unwrap(), digest("counter#1", "b").unwrap()] {
        assert_ne!(one.to_string()[11..], other.to_string()[11..]);
    }
    assert_eq!(one.to_string().parse(), Ok(one.clone()));
    assert_eq!(Digest::from_bytes(one.to_bytes()), Some(one));
    assert!("1f0a6c2e-1".parse::<Digest>().is_err());
}

#[tokio::test]
async fn attributes_of_a_command_go_with_the_events_that_it_leads_to() {
    let mut envelope = sent("Add", 2, r#"{"units":3}"#);
    for (name, value) in [
        ("tracestate", json!("vendor=1")),
        ("baggage", json!("a=1")),
        ("tenant", json!({"n": [1.50, "ä"]})),
        ("expirytime", json!("2026-01-02T00:00:00Z")),
    ] {
        envelope
            .extensions
            .insert(name, &serde_json::value::to_raw_value(&value).unwrap())
            .unwrap();
    }
    let store = MemoryEventStore::default();
    send(&store, Command::Open(3), &from(&envelope)).await.unwrap();
    let commit = store.commits().remove(0);
    let event = crate::test::DynamoDbEvent::event_store().commit(&commit).unwrap().build();
    let delivery = &crate::source::Source::DynamoDb.split(&event).unwrap()[0];
    let CommitChange::Commit(read) = CommitChange::from_delivery(delivery).unwrap() else {
        panic!("a commit")
    };
    assert_eq!(read.decisions, commit.decisions);
    let leaves = read.envelope(&read.events[0]).unwrap();
    let written = serde_json::to_value(&leaves).unwrap();
    assert_eq!((&written["tracestate"], &written["baggage"]), (&json!("vendor=1"), &json!("a=1")));
    assert_eq!(written["tenant"], json!({"n": [1.5, "ä"]}));
    assert_eq!(written.get("expirytime"), None, "it holds for the command alone");
}

#[tokio::test]
async fn more_attributes_than_a_commit_takes_are_refused_by_size() {
    let mut envelope = sent("Add", 2, r#"{"units":3}"#);
    let large = serde_json::value::to_raw_value(&"x".repeat(Extensions::MAX_BYTES)).unwrap();
    envelope.extensions.insert("tenant", &large).unwrap();
    let store = MemoryEventStore::default();
    let failure = send(&store, Command::Open(3), &from(&envelope)).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "attributes_too_large"));
    assert!(failure.reason().contains("a decision holds 16384"), "{failure}");
    for name in ["id", "data", "sequence", ""] {
        assert!(envelope.extensions.insert(name, &large).is_err(), "{name}");
    }
}
