//! Tests which endpoint receives an event, and with which arguments.

use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::batch::{Counts, EachRecord, Invocation, Runner};
use crate::dead_letter::MemoryDeadLetters;
use crate::envelope::DataSchema;
use crate::ids::{Cause, Version};
use crate::source::Source;
use crate::store::{Commit, EventStore, MemoryEventStore, RecordedCommit, RecordedEvent};

#[derive(Debug, Serialize, Deserialize)]
struct LampLit {
    watts: u32,
}

impl Message for LampLit {
    const TYPE: &'static str = "LampLit";
    const VERSION: u32 = 2;

    fn upcast(_: u32, mut data: Value) -> Result<Value, Failure> {
        data["watts"] = data["power"].take();
        Ok(data)
    }
}

#[derive(Debug, Deserialize)]
struct ObjectCreated {
    key: String,
}

fn envelope(source: &str, kind: &str, version: u32, data: Value) -> Value {
    let mut envelope = json!({
        "specversion": "1.0", "id": "e1", "source": source, "type": kind, "subject": "lamp#1",
        "time": "2026-01-01T00:00:00Z", "dataschema": format!("urn:tidegate:schema:{kind}:{version}"),
    });
    let name = if data.is_string() { "dataref" } else { "data" };
    envelope[name] = data;
    envelope
}

fn on_the_bus(source: &str, detail_type: &str, detail: Value) -> Value {
    json!({ "id": "b1", "source": source, "detail-type": detail_type, "time": "2026-01-01T00:00:00Z", "detail": detail })
}

/// Records of the endpoints' calls.
type Seen = Arc<Mutex<Vec<String>>>;

fn routes(seen: &Seen) -> Routes {
    let (lamps, objects) = (Arc::clone(seen), Arc::clone(seen));
    let lit = move |lamp: Arc<Routed<LampLit>>, context: BatchContext| {
        lamps.lock().unwrap().push(format!(
            "{} W by {} in {}",
            lamp.message.watts, lamp.envelope.id, context.request_id
        ));
        async { Ok(Handled::Applied) }
    };
    let created = move |object: Arc<Foreign<ObjectCreated>>, _: BatchContext| {
        objects
            .lock()
            .unwrap()
            .push(format!("{} by {} from {}", object.detail.key, object.id, object.name.source));
        async { Err::<Handled, _>(Failure::transient("later", "not yet")) }
    };
    Router::routes().on::<LampLit>("house", "LampLit", lit).on_foreign::<ObjectCreated>(
        "aws.s3",
        "Object Created",
        created,
    )
}

/// Runs one event. Returns the code of a failed response, the counts and the dead letters.
async fn run(
    router: Router,
    source: Source,
    event: &Value,
) -> (Option<String>, Counts, Vec<String>) {
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(
        source,
        EachRecord::new(router, 1),
        "probe",
        Arc::<MemoryDeadLetters>::clone(&letters),
    );
    let event = RawValue::from_string(event.to_string()).unwrap();
    let remaining = Duration::from_secs(30);
    let report =
        runner.run(Invocation { event: &event, request_id: "r", remaining, replay: false }).await;
    let codes = letters
        .letters()
        .into_iter()
        .map(|letter| format!("{}: {}", letter.code, letter.reason))
        .collect();
    (report.response.err().map(|failure| failure.code().to_owned()), report.counts, codes)
}

const APPLIED: Counts = Counts {
    applied: 1,
    duplicate: 0,
    filtered: 0,
    parked: 0,
    held: 0,
    failed: 0,
    not_run: 0,
    dead_lettered: 0,
};
const LETTER: Counts = Counts { applied: 0, dead_lettered: 1, ..APPLIED };

#[tokio::test]
async fn an_event_goes_to_the_endpoint_of_its_source_and_type_in_the_newest_version() {
    let seen = Seen::default();
    for (version, data) in [(2, json!({ "watts": 40 })), (1, json!({ "power": 60 }))] {
        let event = on_the_bus("house", "LampLit", envelope("house", "LampLit", version, data));
        let ran =
            run(routes(&seen).otherwise(Unknown::DeadLetter), Source::EventBridge, &event).await;
        assert_eq!(ran, (None, APPLIED, vec![]));
    }
    assert_eq!(*seen.lock().unwrap(), ["40 W by e1 in r", "60 W by e1 in r"]);
}

#[tokio::test]
async fn an_event_of_a_stranger_needs_no_envelope_and_its_failure_is_its_own() {
    let seen = Seen::default();
    let event = on_the_bus("aws.s3", "Object Created", json!({ "key": "a.csv" }));
    let (failed, counts, _) =
        run(routes(&seen).otherwise(Unknown::Filter), Source::EventBridge, &event).await;
    assert_eq!((failed.as_deref(), counts.failed), (Some("later"), 1));
    assert_eq!(*seen.lock().unwrap(), ["a.csv by b1 from aws.s3"]);
}

#[tokio::test]
async fn an_event_without_a_route_gets_the_answer_that_was_declared() {
    let seen = Seen::default();
    // The source alone or the type alone does not match. A filtered event is not even decoded.
    for (source, kind) in [("house", "LampBroken"), ("garden", "LampLit")] {
        let event = on_the_bus(source, kind, json!("whatever"));
        let filtered =
            run(routes(&seen).otherwise(Unknown::Filter), Source::EventBridge, &event).await;
        assert_eq!(filtered, (None, Counts { applied: 0, filtered: 1, ..APPLIED }, vec![]));
        let letter =
            run(routes(&seen).otherwise(Unknown::DeadLetter), Source::EventBridge, &event).await;
        let reason = format!("unknown_event: there is no route for `{kind}` from `{source}`");
        assert_eq!(letter, (None, LETTER, vec![reason]));
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_message_of_a_queue_is_routed_by_its_envelope() {
    let seen = Seen::default();
    let body = |envelope: Value| json!({ "Records": [{ "messageId": "m", "body": envelope.to_string() }] });
    let lit = body(envelope("house", "LampLit", 2, json!({ "watts": 40 })));
    let ran = run(routes(&seen).otherwise(Unknown::DeadLetter), Source::Sqs, &lit).await;
    assert_eq!(ran, (None, APPLIED, vec![]));
    let other = body(envelope("garden", "LampLit", 2, json!({ "watts": 40 })));
    let (_, counts, _) =
        run(routes(&seen).otherwise(Unknown::DeadLetter), Source::Sqs, &other).await;
    assert_eq!(counts, LETTER);
    // A message without an envelope is malformed, not unknown, so the rule for unknown events does
    // not apply.
    let broken = json!({ "Records": [{ "messageId": "m", "body": "{}" }] });
    let (_, counts, letters) =
        run(routes(&seen).otherwise(Unknown::Filter), Source::Sqs, &broken).await;
    assert_eq!(counts, LETTER);
    assert!(letters[0].starts_with("not_an_envelope"), "{letters:?}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn content_of_another_type_or_a_newer_version_is_not_handled() {
    let seen = Seen::default();
    let router = || routes(&seen).otherwise(Unknown::Filter);
    let other =
        on_the_bus("house", "LampLit", envelope("house", "LampBroken", 2, json!({ "watts": 40 })));
    let (_, counts, letters) = run(router(), Source::EventBridge, &other).await;
    assert_eq!(
        (counts, letters[0].as_str()),
        (LETTER, "wrong_type: the envelope e1 holds a LampBroken, expected a LampLit")
    );
    let newer = on_the_bus("house", "LampLit", envelope("house", "LampLit", 3, json!({})));
    let (failed, _, _) = run(router(), Source::EventBridge, &newer).await;
    assert_eq!(failed.as_deref(), Some("newer_version"));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn data_by_reference_is_read_from_the_event_store() {
    let store = MemoryEventStore::default();
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let schema = DataSchema::new("LampLit", 2);
    let event = RecordedEvent::new("e1", Version::new(1), schema, now, r#"{"watts":100}"#);
    let (stream, cause) = ("lamp#1".parse().unwrap(), Cause::new("test", "c"));
    let record = RecordedCommit::new(stream, "house", cause, now, vec![event]);
    store.commit(&Commit { record, attempt: "a".to_owned() }).await.unwrap();
    let event = on_the_bus(
        "house",
        "LampLit",
        envelope("house", "LampLit", 2, json!("tidegate:lamp%231/1")),
    );
    let seen = Seen::default();
    let lamps = Arc::clone(&seen);
    let router = Router::routes()
        .resolve(Arc::new(store))
        .on::<LampLit>("house", "LampLit", move |lamp: Arc<Routed<LampLit>>, _: BatchContext| {
            lamps.lock().unwrap().push(lamp.message.watts.to_string());
            async { Ok(Handled::Duplicate) }
        })
        .otherwise(Unknown::DeadLetter);
    let (failed, counts, _) = run(router, Source::EventBridge, &event).await;
    assert_eq!((failed, counts.duplicate), (None, 1));
    assert_eq!(*seen.lock().unwrap(), ["100"]);
    let (_, counts, letters) =
        run(routes(&seen).otherwise(Unknown::DeadLetter), Source::EventBridge, &event).await;
    assert_eq!(counts, LETTER);
    assert!(letters[0].starts_with("data_by_reference"), "{letters:?}");
}
