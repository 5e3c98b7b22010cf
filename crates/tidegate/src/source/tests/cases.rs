//! Events of AWS that were once read wrongly, each through a runner as in a function.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::batch::{
    BatchContext, Decode, EachRecord, Foreign, Handled, Handler, Invocation, Report, Routed,
    Router, Runner, Unknown,
};
use crate::dead_letter::{DeadLetter, MemoryDeadLetters, Payload};
use crate::failure::Failure;
use crate::message::Message;
use crate::test::{EventBridgeEvent, S3Event, SnsEvent, SqsEvent};

#[derive(Serialize, Deserialize, Message)]
struct LampLit {
    watts: u32,
}

/// The records that a test's handler saw, and the letters.
#[derive(Default)]
struct Seen {
    records: Mutex<Vec<String>>,
    letters: Arc<MemoryDeadLetters>,
}

impl Seen {
    fn push(&self, record: impl Into<String>) {
        self.records.lock().unwrap().push(record.into());
    }

    fn records(&self) -> Vec<String> {
        std::mem::take(&mut self.records.lock().unwrap())
    }

    async fn run<H: Handler>(
        &self,
        source: Source,
        handler: H,
        event: &RawValue,
        request_id: &str,
    ) -> Report {
        let runner = Runner::new(
            source,
            EachRecord::new(handler, 4),
            "probe",
            Arc::<MemoryDeadLetters>::clone(&self.letters),
        );
        let remaining = Duration::from_secs(30);
        runner.run(Invocation { event, request_id, remaining, replay: false }).await
    }
}

/// Records each body, and fails those that contain `fail` or `never`.
struct Bodies(Arc<Seen>);

impl Decode for Bodies {
    type Record = String;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<String, Failure> {
        Ok(String::from_utf8(delivery.bytes()?.to_vec())?)
    }
}

impl Handler for Bodies {
    async fn handle(&self, body: &String, _: &BatchContext) -> Result<Handled, Failure> {
        self.0.push(body);
        match body {
            body if body.contains("fail") => Err(Failure::transient("later", "not yet")),
            body if body.contains("never") => Err(Failure::permanent("never", "because")),
            _ => Ok(Handled::Applied),
        }
    }
}

fn router(seen: &Arc<Seen>) -> Router {
    #[derive(Deserialize)]
    struct Tick {}
    let (lamps, ticks) = (Arc::clone(seen), Arc::clone(seen));
    let lit = move |lamp: Arc<Routed<LampLit>>, _: BatchContext| {
        lamps.push(format!("{} W by {}", lamp.message.watts, lamp.envelope.id));
        async { Ok(Handled::Applied) }
    };
    let tick = move |tick: Arc<Foreign<Tick>>, _: BatchContext| {
        let Tick {} = tick.detail;
        ticks.push(format!("tick {}", tick.id));
        async { Ok(Handled::Applied) }
    };
    Router::routes()
        .on::<LampLit>("shop.orders", "LampLit", lit)
        // The name on the bus may differ from the name in the envelope.
        .on::<LampLit>("shop.renamed", "Lamp Lit", {
            let lamps = Arc::clone(seen);
            move |lamp: Arc<Routed<LampLit>>, _: BatchContext| {
                lamps.push(format!("renamed, by {}", lamp.envelope.id));
                async { Ok(Handled::Applied) }
            }
        })
        .on_foreign::<Tick>("aws.scheduler", "Scheduled Event", tick)
        .otherwise(Unknown::DeadLetter)
}

fn lamp_lit() -> Value {
    json!({
        "specversion": "1.0", "id": "c-1", "source": "shop.orders", "type": "LampLit",
        "subject": "lamp#1", "time": "2026-11-01T00:00:00Z",
        "dataschema": "urn:tidegate:schema:LampLit:1", "data": { "watts": 40 },
    })
}

#[tokio::test]
async fn a_standard_queue_with_groups_reports_the_failed_message_alone() {
    let seen = Arc::new(Seen::default());
    let tenants = SqsEvent::new().message_of_tenant("t7", "fail").message_of_tenant("t7", "good");
    let report = seen.run(Source::Sqs, Bodies(Arc::clone(&seen)), &tenants.build(), "r").await;
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), [SqsEvent::message_id(0)]);
    let mut records = seen.records();
    records.sort();
    assert_eq!(records, ["fail", "good"]);
    // A FIFO queue keeps later messages of the group in their place.
    let ordered = SqsEvent::new().message_of("t7", "fail").message_of("t7", "good");
    let report = seen.run(Source::Sqs, Bodies(Arc::clone(&seen)), &ordered.build(), "r").await;
    let both = [SqsEvent::message_id(0), SqsEvent::message_id(1)];
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), both);
    assert_eq!(seen.records(), ["fail"]);
}

#[tokio::test]
async fn a_queue_behind_a_rule_is_routed_by_what_the_bus_calls_the_event() {
    let seen = Arc::new(Seen::default());
    let renamed = EventBridgeEvent::new("shop.renamed", "Lamp Lit", lamp_lit());
    let event = SqsEvent::new()
        .event(EventBridgeEvent::new("shop.orders", "LampLit", lamp_lit()))
        .notification("lamps", &renamed.value().to_string())
        .message(&lamp_lit().to_string())
        .build();
    let report = seen.run(Source::Sqs, router(&seen), &event, "r").await;
    assert_eq!((report.counts.applied, seen.letters.letters().len()), (3, 0));
    let mut records = seen.records();
    records.sort();
    assert_eq!(records, ["40 W by c-1", "40 W by c-1", "renamed, by c-1"]);
}

#[tokio::test]
async fn a_schedule_with_no_input_has_the_json_in_the_text_of_its_detail() {
    let seen = Arc::new(Seen::default());
    let scheduled = EventBridgeEvent::scheduled("nightly").id("s-1");
    let event = scheduled.clone().build();
    let report = seen.run(Source::EventBridge, router(&seen), &event, "r").await;
    assert_eq!(report.counts.applied, 1);
    // A queue may be the target.
    let queue = SqsEvent::new().event(scheduled).build();
    let report = seen.run(Source::Sqs, router(&seen), &queue, "r").await;
    assert_eq!((report.counts.applied, seen.letters.letters().len()), (1, 0));
    assert_eq!(seen.records(), ["tick s-1", "tick s-1"]);
}

#[tokio::test]
async fn two_equal_constant_inputs_are_two_deliveries_and_a_retry_is_none() {
    let seen = Arc::new(Seen::default());
    let event = RawValue::from_string(r#"{"myField":"never 1.50"}"#.to_owned()).unwrap();
    // The second invocation is retried twice, as Lambda does, with its own request id.
    for request_id in ["first", "second", "second", "second"] {
        let report =
            seen.run(Source::EventBridge, Bodies(Arc::clone(&seen)), &event, request_id).await;
        assert!(report.response.is_ok());
    }
    assert_eq!(seen.records(), [r#"{"myField":"never 1.50"}"#; 4], "the body is the whole event");
    let letters = seen.letters.letters();
    let ids: Vec<_> = letters.iter().map(|letter| letter.id.as_str()).collect();
    assert_ne!(ids[0], ids[1], "each needs a letter of its own");
    assert_eq!((ids[1], ids[1]), (ids[2], ids[3]), "what is tried again has one");
    assert_eq!(letters[1].occasion.as_deref(), Some("second"));
    // A replay of the letter is the same delivery.
    let Payload::Record(record) = &letters[1].payload else { panic!("{letters:?}") };
    let replayed = letters[1].event(record).unwrap();
    let replayed = Source::EventBridge.split_on(&replayed, "second").unwrap();
    assert_eq!(replayed[0].position, letters[1].position);
}

#[tokio::test]
async fn constant_inputs_without_a_request_id_are_told_apart_by_their_time() {
    let seen = Arc::new(Seen::default());
    let event = RawValue::from_string("\"never\"".to_owned()).unwrap();
    for _ in 0..2 {
        seen.run(Source::EventBridge, Bodies(Arc::clone(&seen)), &event, "").await;
    }
    let letters = seen.letters.letters();
    assert_ne!(letters[0].id, letters[1].id);
}

#[tokio::test]
async fn pipes_hand_over_a_bare_array_and_take_a_partial_response() {
    let seen = Arc::new(Seen::default());
    let event = SqsEvent::new().message("good").message("fail").value()["Records"].to_string();
    let event = RawValue::from_string(event).unwrap();
    let report = seen.run(Source::Sqs, Bodies(Arc::clone(&seen)), &event, "r").await;
    assert_eq!(report.response.unwrap().items().collect::<Vec<_>>(), [SqsEvent::message_id(1)]);
    // Pipes puts all fields of a Kinesis record side by side.
    let mut nested = kinesis("41", "aGVsbG8=");
    let inner = nested.as_object_mut().unwrap().remove("kinesis").unwrap();
    nested.as_object_mut().unwrap().extend(inner.as_object().unwrap().clone());
    let aggregate = STANDARD.encode(aggregated(&["order#7"], &[(0, b"a"), (0, b"b")]));
    let mut second = nested.clone();
    second["data"] = aggregate.into();
    let event = raw(&json!([nested, second]));
    let deliveries = Source::Kinesis.split(&event).unwrap();
    assert_eq!(deliveries[0].bytes().unwrap(), b"hello");
    assert_eq!(deliveries[0].ordering_key, "order#1");
    assert!(deliveries[0].arrived_at.is_some());
    let own = raw(&json!({ "Records": [deliveries[2].own_record()] }));
    let again = Source::Kinesis.split(&own).unwrap();
    assert_eq!(again[0].bytes().unwrap(), b"b");
    assert_eq!(again[0].position, deliveries[2].position);
    let changes = raw(&json!([change("INSERT", None)]));
    assert!(Source::DynamoDb.split(&changes).unwrap()[0].change().is_ok());
}

#[test]
fn a_record_without_an_arrival_time_or_with_an_odd_one_is_read() {
    for time in [None, Some(json!("2026-11-01T00:00:00.000Z")), Some(json!([])), Some(json!({}))] {
        let mut record = kinesis("1", "e30=");
        let inner = record["kinesis"].as_object_mut().unwrap();
        match &time {
            Some(time) => inner.insert("approximateArrivalTimestamp".to_owned(), time.clone()),
            None => inner.remove("approximateArrivalTimestamp"),
        };
        let event = raw(&json!({ "Records": [record] }));
        let delivery = &Source::Kinesis.split(&event).unwrap()[0];
        assert_eq!(delivery.bytes().unwrap(), b"{}", "{time:?}");
        assert_eq!(delivery.arrived_at.is_some(), time.is_some_and(|time| time.is_string()));
    }
}

#[tokio::test]
async fn a_failed_message_of_a_topic_fails_its_invocation_and_its_letter_can_be_replayed() {
    let seen = Arc::new(Seen::default());
    let event = SnsEvent::new().message("fail").build();
    let report = seen.run(Source::Sns, Bodies(Arc::clone(&seen)), &event, "r").await;
    assert_eq!(report.response.unwrap_err().code(), "later");
    let event = SnsEvent::new().topic("lamps").message("never").build();
    let report = seen.run(Source::Sns, Bodies(Arc::clone(&seen)), &event, "r").await;
    assert!(report.response.is_ok());
    replays(Source::Sns, &event, &seen.letters.letters()[0]);
}

#[tokio::test]
async fn a_notification_of_a_bucket_is_a_delivery_for_each_record_wherever_it_comes_from() {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let photos = || S3Event::new("photos").occurred_at(at);
    let object = |key: &str| photos().object("ObjectCreated:Put", key, 3);
    let direct = object("a").object("ObjectRemoved:Delete", "b", 0);
    let text = direct.clone().value().to_string();
    let wanted: Vec<String> = direct.clone().value()["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    let one = object("c").value().to_string();
    for (source, event, bodies) in [
        (Source::S3, direct.build(), wanted.clone()),
        (Source::Sqs, SqsEvent::new().message(&text).message(&one).build(), {
            let mut bodies = wanted.clone();
            bodies.push(object("c").value()["Records"][0].to_string());
            bodies
        }),
        (Source::Sqs, SqsEvent::new().notification("photos", &text).build(), wanted.clone()),
        (Source::Sns, SnsEvent::new().message(&text).build(), wanted),
    ] {
        let deliveries = source.split(&event).unwrap();
        let seen: Vec<_> = deliveries
            .iter()
            .map(|delivery| String::from_utf8(delivery.bytes().unwrap().to_vec()).unwrap())
            .collect();
        assert_eq!(seen, bodies, "{source:?}");
        for delivery in &deliveries {
            let failure = Failure::permanent("never", "because");
            let letter = DeadLetter::new("probe", source, delivery, &failure);
            let Payload::Record(record) = &letter.payload else { panic!("{letter:?}") };
            let replayed = letter.event(record).unwrap();
            let replayed = source.split(&replayed).unwrap();
            assert_eq!(replayed.len(), 1, "its neighbour is not run: {record}");
            assert_eq!(replayed[0].position, delivery.position);
            assert_eq!(replayed[0].body, delivery.body);
            assert_eq!(replayed[0].topic_arn, delivery.topic_arn);
        }
        let failed = Response::redeliver(source, failed(&deliveries));
        match failed {
            Ok(response) => {
                assert_eq!(
                    response.items().collect::<Vec<_>>(),
                    event_ids(&event),
                    "a message is named once"
                )
            }
            Err(_) => assert!(source.is_asynchronous()),
        }
    }
}

fn event_ids(event: &RawValue) -> Vec<String> {
    let event: Value = serde_json::from_str(event.get()).unwrap();
    let records = event["Records"].as_array().unwrap();
    records.iter().map(|record| record["messageId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_test_event_of_a_bucket_is_counted_and_not_handled() {
    let seen = Arc::new(Seen::default());
    let text = S3Event::test_event("photos").to_string();
    for (source, event) in [
        (Source::S3, RawValue::from_string(text.clone()).unwrap()),
        (Source::Sqs, SqsEvent::new().message(&text).build()),
        (Source::Sqs, SqsEvent::new().notification("photos", &text).build()),
        (Source::Sns, SnsEvent::new().message(&text).build()),
    ] {
        let report = seen.run(source, Bodies(Arc::clone(&seen)), &event, "r").await;
        assert_eq!((report.counts.filtered, report.response.is_ok()), (1, true), "{source:?}");
    }
    assert!(seen.records().is_empty());
    // With any other field, it is an ordinary message.
    let mut more = S3Event::test_event("photos");
    more["order"] = json!(1);
    let event = SqsEvent::new().message(&more.to_string()).build();
    let report = seen.run(Source::Sqs, Bodies(Arc::clone(&seen)), &event, "r").await;
    assert_eq!(report.counts.applied, 1);
}

/// Checks that the letter of this event is the same delivery when it is replayed.
fn replays(source: Source, event: &RawValue, letter: &DeadLetter) {
    let Payload::Record(record) = &letter.payload else { panic!("{letter:?}") };
    let replayed = letter.event(record).unwrap();
    let (first, again) = (source.split(event).unwrap(), source.split(&replayed).unwrap());
    assert_eq!(first.len(), again.len());
    assert_eq!(first[0].position, again[0].position);
    assert_eq!((&first[0].body, &first[0].topic_arn), (&again[0].body, &again[0].topic_arn));
}
