//! Compares deliveries with the fixtures of `aws_lambda_events`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lambda_events::dynamodb::Event as DynamoDbEvents;
use aws_lambda_events::kinesis::KinesisEvent as KinesisRecords;
use aws_lambda_events::s3::S3Event as S3Records;
use aws_lambda_events::sns::SnsEvent as SnsRecords;
use aws_lambda_events::sqs::SqsEvent as SqsMessages;
use serde_json::{Value, json};

use super::*;
use crate::failure::Class;
use crate::source::Source;
use crate::test::{
    DynamoDbEvent, EventBridgeEvent as Event, KinesisEvent, S3Event, SnsEvent, SqsEvent,
};

/// Returns the fixtures in the published crate by name.
fn fixtures() -> BTreeMap<String, Box<RawValue>> {
    // Packages for other platforms are not downloaded.
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host]);
    command.args(["--features", "aws-lambda-events"]);
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = command.arg("--manifest-path").arg(manifest).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "aws_lambda_events").unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    let folder = manifest.with_file_name("src").join("fixtures");
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).ok()?;
        let name = path.file_stem()?.to_str()?.to_owned();
        Some((name, serde_json::from_str(&text).ok()?))
    };
    files.filter_map(read).collect()
}

/// Decodes a whole event as the crate does.
fn whole<T: DeserializeOwned>(event: &RawValue) -> T {
    serde_json::from_str(event.get()).unwrap()
}

fn value(record: &impl Serialize) -> Value {
    serde_json::to_value(record).unwrap()
}

#[test]
fn every_fixture_of_a_source_gives_the_records_that_the_crate_reads_of_the_whole_event() {
    let fixtures = fixtures();
    let mut passed = BTreeMap::<&str, usize>::new();
    for (name, event) in &fixtures {
        let of = |source: Source| {
            let deliveries = source.split(event).unwrap();
            for delivery in &deliveries {
                assert!(delivery.body.is_ok(), "{name}: {delivery:?}");
                assert!(!delivery.position.is_empty() && !delivery.ordering_key.is_empty());
            }
            deliveries
        };
        let (source, seen, wanted): (_, Vec<Value>, Vec<Value>) = match name.as_str() {
            "example-kinesis-event" | "example-kinesis-event-encrypted" => (
                "kinesis",
                of(Source::Kinesis)
                    .iter()
                    .map(|one| value(&one.kinesis_record().unwrap()))
                    .collect(),
                whole::<KinesisRecords>(event).records.iter().map(value).collect(),
            ),
            "example-dynamodb-event" => (
                "dynamodb",
                of(Source::DynamoDb)
                    .iter()
                    .map(|one| value(&one.dynamodb_record().unwrap()))
                    .collect(),
                whole::<DynamoDbEvents>(event).records.iter().map(value).collect(),
            ),
            "example-sqs-event" | "example-sqs-event-obj" => (
                "sqs",
                of(Source::Sqs).iter().map(|one| value(&one.sqs_message().unwrap())).collect(),
                whole::<SqsMessages>(event).records.iter().map(value).collect(),
            ),
            "example-sns-event" | "example-sns-event-obj" | "example-sns-event-pascal-case" => (
                "sns",
                of(Source::Sns).iter().map(|one| value(&one.sns_record().unwrap())).collect(),
                whole::<SnsRecords>(event).records.iter().map(value).collect(),
            ),
            "example-s3-event" | "example-s3-event-with-decoded" => (
                "s3",
                of(Source::S3).iter().map(|one| value(&one.s3_record().unwrap())).collect(),
                whole::<S3Records>(event).records.iter().map(value).collect(),
            ),
            name if name.starts_with("example-eventbridge-") => (
                "eventbridge",
                of(Source::EventBridge)
                    .iter()
                    .map(|one| value(&one.eventbridge_event::<Value>().unwrap()))
                    .collect(),
                vec![value(&whole::<EventBridgeEvent<Value>>(event))],
            ),
            _ => continue,
        };
        assert!(!seen.is_empty(), "{name}");
        assert_eq!(seen, wanted, "{name}");
        *passed.entry(source).or_default() += 1;
    }
    let wanted =
        [("dynamodb", 1), ("eventbridge", 2), ("kinesis", 2), ("s3", 2), ("sns", 3), ("sqs", 2)];
    assert_eq!(passed, BTreeMap::from(wanted));
}

#[test]
fn every_event_of_the_kit_decodes_into_the_standard_types() {
    let event = KinesisEvent::new().record("order#1", "hello").build();
    let record = Source::Kinesis.split(&event).unwrap()[0].kinesis_record().unwrap();
    assert_eq!(*record.kinesis.data, b"hello");
    let event = DynamoDbEvent::new(["id"]).insert(&json!({ "id": "a" })).unwrap().build();
    let record = Source::DynamoDb.split(&event).unwrap()[0].dynamodb_record().unwrap();
    assert_eq!(record.event_name, "INSERT");
    let event = SqsEvent::new().message("hello").build();
    let message = Source::Sqs.split(&event).unwrap()[0].sqs_message().unwrap();
    assert_eq!(message.body.as_deref(), Some("hello"));
    let event = SnsEvent::new().message("hello").build();
    let record = Source::Sns.split(&event).unwrap()[0].sns_record().unwrap();
    assert_eq!(record.sns.message, "hello");
}

#[test]
fn an_event_is_decoded_behind_a_queue_and_a_topic_too() {
    let event = Event::new("shop.orders", "OrderPlaced", json!({ "n": 1 })).id("e-1");
    let text = event.clone().value().to_string();
    let scheduled = Event::scheduled("nightly").id("e-1");
    for (source, whole, detail) in [
        (Source::EventBridge, event.clone().build(), json!({ "n": 1 })),
        (Source::Sqs, SqsEvent::new().event(event).build(), json!({ "n": 1 })),
        (Source::Sqs, SqsEvent::new().notification("t", &text).build(), json!({ "n": 1 })),
        (Source::Sns, SnsEvent::new().message(&text).build(), json!({ "n": 1 })),
        (Source::EventBridge, scheduled.clone().build(), json!({})),
        (Source::Sqs, SqsEvent::new().event(scheduled).build(), json!({})),
    ] {
        let event = source.split(&whole).unwrap()[0].eventbridge_event::<Value>().unwrap();
        assert_eq!((event.id.as_deref(), event.detail), (Some("e-1"), detail), "{source:?}");
    }
    let photos = S3Event::new("photos").object("ObjectCreated:Put", "a.png", 3);
    let queue = SqsEvent::new().message(&photos.value().to_string()).build();
    let record = Source::Sqs.split(&queue).unwrap()[0].s3_record().unwrap();
    assert_eq!(record.s3.object.key.as_deref(), Some("a.png"));
}

#[test]
fn a_record_that_the_standard_type_refuses_costs_itself() {
    let mut event = SqsEvent::new().message("good").message("bad").message("good").value();
    event["Records"][1]["messageAttributes"] = json!(7);
    let event = RawValue::from_string(event.to_string()).unwrap();
    let deliveries = Source::Sqs.split(&event).unwrap();
    let decoded: Vec<_> = deliveries.iter().map(Delivery::sqs_message).collect();
    assert!(decoded[0].is_ok() && decoded[2].is_ok());
    let failure = decoded[1].as_ref().unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "invalid_record"));
    // The body can be read all the same.
    assert_eq!(deliveries[1].bytes().unwrap(), b"bad");
    for wrong in [deliveries[0].kinesis_record().err(), deliveries[0].s3_record().err()] {
        assert_eq!(wrong.unwrap().code(), "invalid_record");
    }
    let constant = RawValue::from_string(r#"{"myField":1}"#.to_owned()).unwrap();
    let constant = &Source::EventBridge.split(&constant).unwrap()[0];
    assert_eq!(constant.eventbridge_event::<Value>().unwrap_err().code(), "invalid_record");
}

#[test]
fn a_user_record_is_a_kinesis_record_of_its_own() {
    use crate::source::aggregated;
    let data = aggregated(&["k"], &[(0, b"first"), (0, b"second")]);
    let event = KinesisEvent::new().record("a", data).build();
    let record = Source::Kinesis.split(&event).unwrap()[1].kinesis_record().unwrap();
    assert_eq!(*record.kinesis.data, b"second");
    assert_eq!(record.kinesis.partition_key, "k");
}
