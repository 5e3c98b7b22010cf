//! Tests the test kit itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::batch::Handled;
use crate::envelope::DataSchema;
use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version};
use crate::message::Message;
use crate::projection::{Advance, ApplyError, Position, ReadModel, RowUpdate, Transaction};
use crate::source::Source;
use crate::store::{
    Aggregate, CommitChange, Decision, EventStore, Origin, RecordedCommit, RecordedEvent, Retry,
    execute,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Opened {
    name: String,
}

impl Message for Opened {
    const TYPE: &'static str = "Opened";
    const VERSION: u32 = 2;

    fn upcast(_: u32, _: Value) -> Result<Value, Failure> {
        Ok(json!({ "name": "old" }))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Closed {
    #[serde(skip)]
    forgotten: u32,
}

crate::messages! {
    #[derive(Clone, Debug, PartialEq)]
    enum DoorEvent { Opened, Closed }
}

/// Opens if it is closed, and closes if it is open.
#[derive(Debug, Default)]
struct Door {
    open: bool,
}

impl Aggregate for Door {
    type Command = ();
    type Event = DoorEvent;
    const SOURCE: &'static str = "house";

    fn creates((): &()) -> bool {
        false
    }

    fn apply(&mut self, event: &DoorEvent) {
        self.open = matches!(event, DoorEvent::Opened(_));
    }

    fn decide(&self, (): &()) -> Decision<DoorEvent> {
        if self.open {
            Decision::one(Closed { forgotten: 7 })
        } else {
            Decision::one(opened("new"))
        }
    }
}

fn opened(name: &str) -> Opened {
    Opened { name: name.to_owned() }
}

fn failed(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(test).expect_err("it should fail");
    *panic.downcast::<String>().expect("a text")
}

#[test]
fn decisions_follow_each_other_in_a_scenario() {
    given::<Door>([])
        .when(&())
        .then([opened("new").into()])
        .when(&())
        .then([Closed { forgotten: 0 }.into()])
        .when(&())
        .then_that(|events| events.len() == 1);
    assert!(
        given::<Door>([]).and_stored("Opened", 1, "{}").aggregate().open,
        "an old version is brought up"
    );
}

#[test]
fn a_scenario_that_fails_shows_what_was_given_what_was_expected_and_what_came() {
    let text = failed(|| {
        let _ =
            given::<Door>([Closed { forgotten: 0 }.into()]).when(&()).then([opened("x").into()]);
    });
    let wanted = r#"event 1 of the decision differs
given:
  1. Closed(
         Closed {
             forgotten: 0,
         },
     )
expected:
  1. Opened(
         Opened {
             name: "x",
         },
     )
came:
  1. Opened(
         Opened {
             name: "new",
         },
     )
"#;
    assert_eq!(text, wanted);
    let none = failed(|| {
        let _ = given::<Door>([]).when(&()).then([]);
    });
    assert!(
        none.starts_with("0 events were expected, 1 came\ngiven: nothing\nexpected: nothing\n"),
        "{none}"
    );
    let condition = failed(|| {
        let _ = given::<Door>([]).when(&()).then_that(<[DoorEvent]>::is_empty);
    });
    assert!(condition.contains("name: \"new\""), "{condition}");
}

#[test]
fn a_scenario_sees_events_as_the_store_gives_them_back() {
    let text = failed(|| {
        let _ =
            given::<Door>([opened("a").into()]).when(&()).then([Closed { forgotten: 7 }.into()]);
    });
    assert!(text.contains("forgotten: 0"), "what JSON loses is lost in the test too: {text}");
    let unknown = failed(|| drop(given::<Door>([]).and_stored("Painted", 1, "{}")));
    assert!(
        unknown.contains("Painted 1 cannot be read") && unknown.contains("unknown_type"),
        "{unknown}"
    );
}

fn stream() -> StreamId {
    "door#1".parse().unwrap()
}

fn origin(id: &str) -> Origin {
    Origin::new(Cause::new("test", id), Timestamp::UNIX_EPOCH)
}

async fn send(store: &dyn EventStore, id: &str) -> Result<Handled, Failure> {
    let executed = execute::<Door>(store, &stream(), &(), &origin(id), Retry::default()).await?;
    Ok(executed.handled())
}

#[tokio::test]
async fn each_fault_of_a_commit_is_what_it_says() {
    for (fault, answer, stored) in [
        (Fault::Throttled, Err("throttled"), 0),
        (Fault::LostResponse, Err("lost_response"), 1),
        (Fault::SentTwice, Ok(Handled::Applied), 1),
        (Fault::Failed(Failure::permanent("broken", "")), Err("broken"), 0),
    ] {
        let faults = Faults::none().at(Call::Commit, 1, fault.clone());
        let store = Faulty::new(Arc::new(MemoryEventStore::default()), faults.clone());
        let came = send(&store, "a").await;
        assert_eq!(
            came.as_ref().map_err(Failure::code),
            answer.as_ref().map_err(|code| *code),
            "{fault:?}"
        );
        assert_eq!(store.port().commits().len(), stored, "{fault:?}");
        assert_eq!(
            faults.injected(),
            [Injected { call: Call::Commit, number: 1, fault: fault.clone() }]
        );
        // Delivered again, the command is applied once in total.
        let again = if stored == 1 { Handled::Duplicate } else { Handled::Applied };
        assert_eq!(send(&store, "a").await, Ok(again), "{fault:?}");
        assert_eq!(store.port().commits().len(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_decided_again_and_a_script_names_calls_by_number() {
    let faults =
        Faults::none().at(Call::Commit, 1, Fault::Conflict).at(Call::Commit, 2, Fault::Conflict);
    let store = Faulty::new(Arc::new(MemoryEventStore::default()), faults.clone());
    assert_eq!(send(&store, "a").await, Ok(Handled::Applied));
    assert_eq!((faults.calls(Call::Read), faults.calls(Call::Commit)), (3, 3));
    faults.always(Call::Read, Some(Fault::Conflict));
    assert_eq!(
        send(&store, "b").await.unwrap_err().code(),
        "throttled",
        "a read knows no conflict"
    );
    faults.always(Call::Read, None);
    assert_eq!(send(&store, "b").await, Ok(Handled::Applied));
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_a_command_redelivered_until_it_succeeds_takes_effect_once() {
    let mut kinds = BTreeMap::new();
    for seed in 0..60 {
        let faults = Faults::seeded(seed, 0.4);
        let store = Faulty::new(Arc::new(MemoryEventStore::default()), faults.clone());
        for id in ["a", "b", "c"] {
            let mut deliveries = 0;
            while send(&store, id).await.is_err() {
                deliveries += 1;
                assert!(deliveries < 200, "seed {seed}: it never succeeds");
            }
        }
        let causes: Vec<_> = store
            .port()
            .commits()
            .into_iter()
            .map(|commit| commit.decisions[0].cause.id.clone())
            .collect();
        assert_eq!(causes, ["a", "b", "c"], "seed {seed}: {:?}", faults.injected());
        for injected in faults.injected() {
            *kinds.entry(format!("{:?} {:?}", injected.call, injected.fault)).or_insert(0) += 1;
        }
    }
    assert_eq!(kinds.len(), 8, "every fault of both calls took place: {kinds:?}");
}

#[tokio::test]
async fn a_seed_gives_the_same_faults_again_and_another_seed_others() {
    let drawn = |seed, share| {
        let faults = Faults::seeded(seed, share);
        (0..1000).map(|_| faults.next(Call::Apply)).collect::<Vec<_>>()
    };
    assert_eq!(drawn(1, 0.3), drawn(1, 0.3));
    assert_ne!(drawn(1, 0.3), drawn(2, 0.3));
    for (share, from, to) in [(0.0, 0, 0), (0.3, 250, 350), (1.0, 1000, 1000)] {
        let wrong = drawn(3, share).iter().flatten().count();
        assert!((from..=to).contains(&wrong), "{wrong} of 1000 at {share}");
    }
}

#[tokio::test]
async fn a_read_models_conflict_is_its_own_and_a_lost_response_has_counted() {
    let faults =
        Faults::none().at(Call::Apply, 1, Fault::Conflict).at(Call::Apply, 2, Fault::LostResponse);
    let model = Faulty::new(Arc::new(MemoryReadModel::default()), faults);
    let to = Position::after(Version::new(1));
    let advance = Advance {
        stream: stream(),
        from: Position::default(),
        parked: None,
        to,
        event_id: Some("e".to_owned()),
    };
    let transaction =
        Transaction { guards: vec![(advance, RowUpdate::default())], ..Transaction::default() };
    assert_eq!(model.apply(&transaction).await, Err(ApplyError::Conflict));
    assert_eq!(model.port().guard(&stream()), None);
    let lost = model.apply(&transaction).await;
    assert!(
        matches!(lost, Err(ApplyError::Failed(failure)) if failure.class() == Class::Transient)
    );
    assert_eq!(model.apply(&transaction).await, Err(ApplyError::GuardMoved), "it had taken effect");
}

/// Collects the names and types in a JSON tree, by which two trees are compared. Texts that contain
/// only digits count as numbers.
fn shape(value: &Value, path: &str, into: &mut BTreeMap<String, &'static str>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| shape(value, &format!("{path}.{name}"), into));
        }
        Value::Array(values) => {
            values.iter().for_each(|value| shape(value, &format!("{path}[]"), into))
        }
        Value::String(text)
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            into.insert(path.to_owned(), "digits");
        }
        Value::String(_) => drop(into.insert(path.to_owned(), "text")),
        Value::Number(_) => drop(into.insert(path.to_owned(), "number")),
        _ => drop(into.insert(path.to_owned(), "other")),
    }
}

fn assert_same_shape(built: &Value, documented: &Value) {
    let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    shape(built, "", &mut ours);
    shape(documented, "", &mut theirs);
    assert_eq!(ours, theirs);
}

#[test]
fn a_kinesis_event_is_what_aws_documents() {
    let documented = json!({ "Records": [{
        "kinesis": {
            "kinesisSchemaVersion": "1.0", "partitionKey": "key",
            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==", "approximateArrivalTimestamp": 1_545_084_650.987,
        },
        "eventSource": "aws:kinesis", "eventVersion": "1.0",
        "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
        "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "us-east-2", "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
    }] });
    let at: Timestamp = "2018-12-17T22:10:50.987Z".parse().unwrap();
    let event =
        KinesisEvent::new().arrived_at(at).record("key", "a").record_with_base64("key", "!!");
    let value = event.clone().value();
    assert_same_shape(&json!({ "Records": [value["Records"][0]] }), &documented);
    assert_eq!(
        value["Records"][0]["kinesis"]["approximateArrivalTimestamp"],
        json!(1_545_084_650.987)
    );
    let event = event.build();
    let deliveries = Source::Kinesis.split(&event).unwrap();
    assert_eq!(deliveries[0].item.as_ref().unwrap().len(), 56);
    assert_eq!(deliveries[1].item, Some(KinesisEvent::sequence_number(1)));
    assert_eq!(deliveries[0].arrived_at, Some(at));
    assert!(deliveries[1].bytes().is_err());
}

#[test]
fn an_sqs_event_is_what_aws_documents() {
    let documented = |fifo: bool| {
        let mut attributes = json!({
            "ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        });
        if fifo {
            attributes["SequenceNumber"] = "18849496460467696128".into();
            attributes["MessageGroupId"] = "group".into();
            attributes["MessageDeduplicationId"] = "word".into();
        }
        json!({ "Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
            "body": "Test message.", "attributes": attributes, "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue", "awsRegion": "us-east-2",
        }] })
    };
    let standard = SqsEvent::new().message("Test message.").value();
    assert_same_shape(&standard, &documented(false));
    assert_eq!(standard["Records"][0]["md5OfBody"], "e4e68fb7bd0e697a0ae8f1bb342846b3");
    assert_same_shape(&SqsEvent::new().message_of("group", "x").value(), &documented(true));
    let event = SqsEvent::new().receive_count(3).message("a").message("b").build();
    let deliveries = Source::Sqs.split(&event).unwrap();
    assert_eq!(deliveries[1].item, Some(SqsEvent::message_id(1)));
}

#[test]
fn an_eventbridge_event_is_what_aws_documents() {
    let documented = json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2", "account": "111122223333", "time": "2017-12-22T18:43:48Z", "region": "us-west-1",
        "resources": [], "detail": { "instance-id": "i-1", "state": "terminated" },
    });
    let at: Timestamp = "2017-12-22T18:43:48.5Z".parse().unwrap();
    let detail = json!({ "instance-id": "i-1", "state": "x" });
    let event = EventBridgeEvent::new("aws.ec2", "Change", detail).time(at);
    assert_same_shape(&event.clone().value(), &documented);
    assert_eq!(event.value()["time"], "2017-12-22T18:43:48Z");
}

fn commit(data: &str) -> RecordedCommit {
    let time = Timestamp::UNIX_EPOCH;
    let event = RecordedEvent::new("e", Version::new(1), DataSchema::new("Opened", 2), time, data);
    RecordedCommit::new(stream(), "house", Cause::new("test", "c"), time, vec![event])
}

#[test]
fn a_dynamodb_event_is_what_aws_documents() {
    let documented = json!({ "Records": [{
        "eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": "REMOVE", "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_479_499_740,
            "Keys": { "Id": { "N": "101" } },
            "OldImage": { "Message": { "S": "New item!" }, "Id": { "N": "101" } },
            "SequenceNumber": "4421584500000000017450439091", "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/ExampleTableWithStream/stream/2015-06-27T00:48:05.899",
        "userIdentity": { "type": "Service", "principalId": "dynamodb.amazonaws.com" },
    }] });
    let item = json!({ "Message": "New item!", "Id": 101 });
    let built = DynamoDbEvent::new(["Id"]).expire(&item).unwrap().value();
    assert_same_shape(&built, &documented);
    let both = DynamoDbEvent::new(["Id"]).modify(&item, &json!({ "Id": 101 })).unwrap().build();
    let deliveries = Source::DynamoDb.split(&both).unwrap();
    let change = deliveries[0].change().unwrap();
    assert_eq!((change.old_image.len(), change.new_image.len(), change.keys.len()), (2, 1, 1));
}

#[test]
fn a_commit_in_the_tables_stream_is_read_back_and_a_large_one_is_a_hint_with_chunks() {
    let sample = include_str!("../../../../events/lambda/order-projection.json");
    let sample: Value = serde_json::from_str(sample).unwrap();
    let event = DynamoDbEvent::event_store().commit(&commit("{}")).unwrap();
    let (built, sample) = (event.clone().value(), &sample["Records"][0]);
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&built["Records"][0]), names(sample));
    assert_eq!(names(&built["Records"][0]["dynamodb"]), names(&sample["dynamodb"]));
    let event = event.commit(&commit(&format!("\"{}\"", "x".repeat(500_000)))).unwrap().build();
    let deliveries = Source::DynamoDb.split(&event).unwrap();
    let changes: Vec<_> =
        deliveries.iter().map(|delivery| CommitChange::from_delivery(delivery).unwrap()).collect();
    assert_eq!(changes[0], CommitChange::Commit(commit("{}")));
    assert!(
        matches!(&changes[1], CommitChange::Split { stream: at, .. } if *at == stream()),
        "{changes:?}"
    );
    assert_eq!(changes[2..], [CommitChange::Other, CommitChange::Other]);
}
