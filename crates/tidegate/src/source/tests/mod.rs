//! Tests the fields that are read from the records of each source.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use serde_json::value::RawValue;

use crate::failure::{Class, Failure};
use crate::source::*;

mod cases;
mod properties;
mod wrappers;

fn raw(value: &serde_json::Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn kinesis(sequence: &str, data: &str) -> serde_json::Value {
    json!({
        "eventID": format!("shardId-000000000000:{sequence}"),
        "eventSource": "aws:kinesis",
        "kinesis": {
            "sequenceNumber": sequence, "partitionKey": "order#1", "data": data,
            "approximateArrivalTimestamp": 1_545_084_650.987, "kinesisSchemaVersion": "1.0",
        },
    })
}

#[test]
fn a_kinesis_batch_is_taken_apart_and_bad_base64_costs_only_its_record() {
    let event = raw(
        &json!({ "Records": [kinesis("1", "aGVsbG8="), kinesis("2", "!!"), kinesis("3", "")] }),
    );
    let deliveries = Source::Kinesis.split(&event).unwrap();
    assert_eq!(deliveries[0].bytes().unwrap(), b"hello");
    assert_eq!(deliveries[0].position, "shardId-000000000000:1");
    assert_eq!(deliveries[0].arrived_at.unwrap().to_string(), "2018-12-17T22:10:50.987Z");
    let failure = deliveries[1].bytes().unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "unreadable_record"));
    assert_eq!(deliveries[1].item.as_deref(), Some("2"), "it can still be reported");
    assert_eq!(deliveries[1].ordering_key, "order#1", "and it keeps its lane");
    assert_eq!(deliveries[2].bytes().unwrap(), b"");
}

#[test]
fn an_arrival_time_has_a_fraction_of_any_length_and_nonsense_is_no_time() {
    for (seconds, arrived) in [
        (json!(1_545_084_650.9), Some("2018-12-17T22:10:50.9Z")),
        (json!(1_545_084_650.987_654_3), Some("2018-12-17T22:10:50.988Z")),
        (json!(1_545_084_650), Some("2018-12-17T22:10:50Z")),
        (json!(1e-300), None),
        (json!(0), None),
        (json!(1e300), None),
    ] {
        let mut record = kinesis("1", "aGVsbG8=");
        record["kinesis"]["approximateArrivalTimestamp"] = seconds.clone();
        let event = raw(&json!({ "Records": [record] }));
        let deliveries = Source::Kinesis.split(&event).unwrap();
        assert_eq!(deliveries[0].bytes().unwrap(), b"hello");
        let seen = deliveries[0].arrived_at.map(|at| at.to_string());
        assert_eq!(seen.as_deref(), arrived, "{seconds}");
    }
}

#[test]
fn a_record_of_unknown_shape_has_a_position_that_is_the_same_on_redelivery() {
    let event = raw(&json!({ "Records": [{ "surprise": true }, 7] }));
    let first = Source::Kinesis.split(&event).unwrap();
    let second = Source::Kinesis.split(&event).unwrap();
    assert_eq!(first[0].position, second[0].position);
    assert_ne!(first[0].position, first[1].position);
    assert_eq!(first[0].item, None);
}

#[test]
fn an_event_that_is_no_batch_fails_as_a_whole() {
    for event in [json!({}), json!([]), json!({ "Records": 1 })] {
        for source in [Source::Kinesis, Source::DynamoDb, Source::Sqs] {
            assert_eq!(source.split(&raw(&event)).unwrap_err().code(), "not_a_batch");
        }
    }
}

fn change(name: &str, principal: Option<&str>) -> serde_json::Value {
    json!({
        "eventID": "e", "eventName": name, "awsRegion": "us-east-1",
        "userIdentity": principal.map(|id| json!({ "type": "Service", "principalId": id })),
        "dynamodb": {
            "ApproximateCreationDateTime": 1_479_499_740,
            "Keys": { "stream": { "S": "order#1" } },
            "NewImage": { "stream": { "S": "order#1" }, "n": { "N": "3" } },
            "SequenceNumber": "111", "SizeBytes": 26, "StreamViewType": "NEW_IMAGE",
        },
    })
}

#[test]
fn removal_by_time_to_live_is_told_from_a_removal_by_a_writer() {
    let event = raw(&json!({ "Records": [
        change("INSERT", None), change("REMOVE", None), change("REMOVE", Some("dynamodb.amazonaws.com")), change("SPLIT", None),
    ] }));
    let deliveries = Source::DynamoDb.split(&event).unwrap();
    let kinds: Vec<_> =
        deliveries.iter().map(|delivery| delivery.change().map(|change| change.kind)).collect();
    assert_eq!(
        kinds[..3],
        [Ok(ChangeKind::Insert), Ok(ChangeKind::Remove), Ok(ChangeKind::Expire)]
    );
    assert!(kinds[3].as_ref().unwrap_err().reason().contains("`SPLIT`"));
    assert_eq!(deliveries[0].item.as_deref(), Some("111"));
}

#[test]
fn a_malformed_change_keeps_its_sequence_number() {
    let mut record = change("INSERT", None);
    record["dynamodb"]["NewImage"]["n"] = json!({ "N": 3 });
    let event = raw(&json!({ "Records": [record] }));
    let deliveries = Source::DynamoDb.split(&event).unwrap();
    assert_eq!(deliveries[0].item.as_deref(), Some("111"));
    assert_eq!(deliveries[0].change().unwrap_err().code(), "unreadable_record");
}

#[test]
fn what_a_delivery_does_not_need_may_be_missing_or_wrong_but_a_record_must_have_a_name() {
    let mut lean = change("INSERT", None);
    let mut nameless = lean.clone();
    for field in ["eventID", "awsRegion", "userIdentity"] {
        lean.as_object_mut().unwrap().remove(field);
    }
    lean["dynamodb"]["SizeBytes"] = json!("many");
    lean["dynamodb"]["ApproximateCreationDateTime"] = json!(0);
    nameless.as_object_mut().unwrap().remove("eventID");
    nameless["dynamodb"]["SequenceNumber"] = json!("");
    let event = raw(&json!({ "Records": [lean, nameless] }));
    let deliveries = Source::DynamoDb.split(&event).unwrap();
    assert!(deliveries[0].change().is_ok(), "{:?}", deliveries[0]);
    assert_eq!((deliveries[0].position.as_str(), deliveries[0].arrived_at), ("111", None));
    assert!(
        deliveries[1].change().unwrap_err().reason().contains("`SequenceNumber` and `eventID`")
    );
    assert!(deliveries[1].item.is_none() && !deliveries[1].position.is_empty());
    let event = raw(
        &json!({ "Records": [{ "messageId": "m", "body": "b", "messageAttributes": 5, "attributes": null }] }),
    );
    assert_eq!(Source::Sqs.split(&event).unwrap()[0].bytes().unwrap(), b"b");
}

#[test]
fn messages_of_a_group_share_a_lane_even_when_their_attributes_are_broken() {
    let message = |id: &str, attributes: serde_json::Value| json!({ "messageId": id, "body": "b", "attributes": attributes });
    let event = raw(&json!({ "Records": [
        message("m1", json!({ "MessageGroupId": "g", "SentTimestamp": "1545082649183" })),
        message("m2", json!({ "MessageGroupId": "g", "SentTimestamp": 5 })),
        message("m3", json!({})),
        { "body": "no id" },
    ] }));
    let deliveries = Source::Sqs.split(&event).unwrap();
    let lanes: Vec<_> =
        deliveries[..3].iter().map(|delivery| delivery.ordering_key.as_str()).collect();
    assert_eq!(lanes, ["g", "g", "m3"]);
    assert_eq!(deliveries[1].bytes().unwrap(), b"b", "its time is not needed");
    assert_eq!(deliveries[3].item, None);
    assert!(deliveries[3].bytes().is_err());
}

#[test]
fn an_event_of_the_bus_is_one_delivery_with_its_detail_as_written() {
    let event = RawValue::from_string(
        r#"{"id":"x","detail-type":"OrderPlaced","source":"shop","time":"2026-01-01T00:00:00Z","detail":{"n": 1.50}}"#.to_owned(),
    )
    .unwrap();
    let deliveries = Source::EventBridge.split(&event).unwrap();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].bytes().unwrap(), br#"{"n": 1.50}"#);
    assert_eq!(deliveries[0].record.get(), event.get());
}

fn failed<'a>(deliveries: &'a [Delivery<'a>]) -> impl Iterator<Item = (&'a Delivery<'a>, Failure)> {
    deliveries.iter().map(|delivery| (delivery, Failure::transient("x", "y")))
}

#[test]
fn a_stream_is_told_the_lowest_sequence_number_alone() {
    // 56 digits do not fit into 128 bits, and "9" is lower than "10".
    let long = "49590338271490256608559692538361571095921575989136588898";
    let event =
        raw(&json!({ "Records": [kinesis(long, ""), kinesis("10", ""), kinesis("9", "")] }));
    let deliveries = Source::Kinesis.split(&event).unwrap();
    let response = Response::redeliver(Source::Kinesis, failed(&deliveries)).unwrap();
    assert_eq!(
        serde_json::to_string(&response).unwrap(),
        r#"{"batchItemFailures":[{"itemIdentifier":"9"}]}"#
    );
}

#[test]
fn a_queue_is_told_exactly_the_failed_messages() {
    let message = |id: &str| json!({ "messageId": id, "body": "" });
    let event = raw(&json!({ "Records": [message("b"), message("a")] }));
    let deliveries = Source::Sqs.split(&event).unwrap();
    let response = Response::redeliver(Source::Sqs, failed(&deliveries)).unwrap();
    assert_eq!(response.items().collect::<Vec<_>>(), ["b", "a"]);
    let none = Response::redeliver(Source::Sqs, []).unwrap();
    assert_eq!(serde_json::to_string(&none).unwrap(), r#"{"batchItemFailures":[]}"#);
}

#[test]
fn a_failed_record_that_cannot_be_named_fails_the_invocation() {
    let event = raw(&json!({ "Records": [{}] }));
    let deliveries = Source::Kinesis.split(&event).unwrap();
    let failure = Response::redeliver(Source::Kinesis, failed(&deliveries)).unwrap_err();
    assert!(failure.reason().contains("no identifier to report"), "{failure}");
}

#[test]
fn the_user_records_of_an_aggregate_have_lanes_and_positions_of_their_own_and_one_name_for_kinesis()
{
    let data =
        STANDARD.encode(aggregated(&["order#7", "order#8"], &[(1, b"first"), (0, b"second")]));
    let event = raw(&json!({ "Records": [kinesis("41", "aGVsbG8="), kinesis("42", &data)] }));
    let deliveries = Source::Kinesis.split(&event).unwrap();
    let seen: Vec<_> = deliveries
        .iter()
        .map(|delivery| {
            let body = std::str::from_utf8(delivery.bytes().unwrap()).unwrap();
            (
                delivery.position.as_str(),
                delivery.item.as_deref(),
                delivery.ordering_key.as_str(),
                body,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("shardId-000000000000:41", Some("41"), "order#1", "hello"),
            ("shardId-000000000000:42:0", Some("42"), "order#8", "first"),
            ("shardId-000000000000:42:1", Some("42"), "order#7", "second"),
        ]
    );
    assert_eq!(deliveries[2].arrived_at, deliveries[0].arrived_at);
}

#[test]
fn a_record_that_only_looks_like_an_aggregate_is_a_plain_record() {
    let mut data = aggregated(&["order#7"], &[(0, b"first")]);
    *data.last_mut().unwrap() ^= 1;
    let event = raw(&json!({ "Records": [kinesis("42", &STANDARD.encode(&data))] }));
    let deliveries = Source::Kinesis.split(&event).unwrap();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].bytes().unwrap(), data);
    assert_eq!((deliveries[0].ordering_key.as_str(), deliveries[0].subsequence), ("order#1", None));
}

#[test]
fn a_user_record_by_itself_keeps_what_kinesis_said_of_its_aggregate() {
    let data = STANDARD.encode(aggregated(&["order#7"], &[(0, b"first"), (0, b"second")]));
    let event = raw(&json!({ "Records": [kinesis("42", &data)] }));
    let deliveries = Source::Kinesis.split(&event).unwrap();
    let own: serde_json::Value = serde_json::from_str(deliveries[1].own_record().get()).unwrap();
    let mut wanted = kinesis("42", "c2Vjb25k");
    wanted["eventID"] = "shardId-000000000000:42:1".into();
    wanted["kinesis"]["partitionKey"] = "order#7".into();
    assert_eq!(own, wanted);
}

#[test]
fn a_queue_counts_how_often_it_handed_a_message_out() {
    let message = |count: &str| json!({ "messageId": "m", "body": "", "attributes": { "ApproximateReceiveCount": count } });
    let event = raw(&json!({ "Records": [message("3"), message("many")] }));
    let attempts: Vec<_> =
        Source::Sqs.split(&event).unwrap().iter().map(|delivery| delivery.attempts).collect();
    assert_eq!(attempts, [Some(3), None]);
}
