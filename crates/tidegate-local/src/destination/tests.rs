//! Tests of what each kind of destination receives.

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bucket::{key, with_payload};
use super::bus::BUS_LIMIT;
use super::topic::{TOPIC_LIMIT, without_payloads};
use super::{BusDestination, Destination, QueueDestination, TopicDestination};
use crate::clients::Clients;
use crate::send_error::SendError;
use crate::tests::stand_in::{StandIn, answering};
use lambda_shapes::moment::Moment;

#[test]
fn an_objects_key_has_lambdas_shape() {
    let key = key(
        "aws/lambda/m/shardId-000000000000",
        Moment::from_millis(1_573_691_890_999),
        Uuid::nil(),
    );
    assert_eq!(
        key,
        "aws/lambda/m/shardId-000000000000/2019/11/14/2019-11-14T00.38.10-00000000-0000-0000-0000-000000000000"
    );
}

#[tokio::test]
async fn a_record_that_quotes_what_sqs_does_not_take_arrives() {
    let queue = StandIn::start([]).await;
    let destination = QueueDestination::new(queue.sqs(), &queue.url("failures"));
    let body = json!({"requestPayload": {"n": "\u{FFFE}"}});
    destination.send(body.to_string()).await.unwrap();
    let taken: Value = serde_json::from_str(&queue.bodies("failures")[0]).unwrap();
    assert_eq!(taken, body);
}

/// Sends a record with a payload of this number of bytes to a topic that accepts everything.
async fn published(payload: usize) -> Result<(), SendError> {
    let taken = "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>";
    let topic = TopicDestination::new(
        Clients::new(&answering(200, taken.to_owned()).await).sns,
        "arn:topic",
    );
    topic.send(json!({"version": "1.0", "requestContext": "r".repeat(payload)}).to_string()).await
}

#[tokio::test]
async fn a_record_that_is_too_large_for_a_topic_or_a_bus_is_refused_for_good() {
    let around = json!({"version": "1.0", "requestContext": ""}).to_string().len();
    published(TOPIC_LIMIT - around).await.unwrap();
    let error = published(TOPIC_LIMIT - around + 1).await.unwrap_err();
    assert!(error.is_final(), "{error}");
    assert_eq!(
        error.message,
        "the record cannot be sent to arn:topic: it has 262145 bytes; the limit is 262144"
    );

    let taken = answering(200, json!({"FailedEntryCount": 0, "Entries": []}).to_string()).await;
    let bus = BusDestination::on_failure(Clients::new(&taken).events, "arn:bus", "arn:f");
    let around = "lambda".len() + bus.detail_type.len() + "arn:f:$LATEST".len() + "arn:bus".len();
    bus.send("1".repeat(BUS_LIMIT - around)).await.unwrap();
    assert!(bus.send("1".repeat(BUS_LIMIT - around + 1)).await.unwrap_err().is_final());
}

#[tokio::test]
async fn an_entry_that_a_bus_refuses_is_final_unless_it_failed_itself() {
    for (code, is_final) in
        [("MalformedDetail", true), ("InternalFailure", false), ("ThrottlingException", false)]
    {
        let entry = json!({"ErrorCode": code, "ErrorMessage": "no"});
        let answer = json!({"FailedEntryCount": 1, "Entries": [entry]}).to_string();
        let events = Clients::new(&answering(200, answer).await).events;
        let bus = BusDestination::on_failure(events, "arn:bus", "arn:f");
        let error = bus.send("{}".to_owned()).await.unwrap_err();
        assert_eq!(error.is_final(), is_final, "{code}");
        assert!(error.message.ends_with(&format!("{code}: no")), "{error}");
    }
}

#[test]
fn a_topics_record_loses_event_and_answer_alone() {
    let context = json!({"requestId": "r"});
    let record = json!({"version": "1.0", "requestContext": context, "requestPayload": 1, "responsePayload": 2});
    let rest: Value =
        serde_json::from_str(&without_payloads(&record.to_string()).unwrap()).unwrap();
    assert_eq!(rest, json!({"version": "1.0", "requestContext": context}));
    assert_eq!(without_payloads(&rest.to_string()), None, "there is nothing to leave out");
}

#[test]
fn a_payload_that_a_strict_reader_refuses_is_left_out_like_any_other() {
    let deep = format!("{}1{}", "[".repeat(900), "]".repeat(900));
    for payload in [r#"{"note":"thanks \ud83d"}"#, "1e999", &deep] {
        let record = format!(
            r#"{{"version":"1.0","responseContext":{{"n":1.10}},"requestPayload":{payload}}}"#
        );
        let rest = without_payloads(&record).unwrap_or_else(|| panic!("{payload}"));
        assert_eq!(rest, r#"{"responseContext":{"n":1.10},"version":"1.0"}"#);
        // The rest of the record stays unchanged, too.
        let record = format!(r#"{{"requestPayload":1,"kept":{payload}}}"#);
        assert_eq!(without_payloads(&record), Some(format!(r#"{{"kept":{payload}}}"#)));
    }
}

#[test]
fn the_payload_of_an_object_is_the_event_as_it_was() {
    let event = Bytes::from_static(br#"{"Records":[{"n":1.10}]}"#);
    let text =
        with_payload(r#"{"version":"1.0","KinesisBatchInfo":{"batchSize":1}}"#, &event).unwrap();
    assert!(text.contains(r#""payload":{"Records":[{"n":1.10}]}"#), "{text}");
    let foreign = Bytes::from_static(br#"{"Records":[{"body":"\ud83d","n":1e999}]}"#);
    let with_it = with_payload(r#"{"version":"1.0"}"#, &foreign).unwrap();
    assert!(
        with_it.contains(r#""payload":{"Records":[{"body":"\ud83d","n":1e999}]}"#),
        "{with_it}"
    );
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&value["version"], &value["KinesisBatchInfo"]),
        (&json!("1.0"), &json!({"batchSize": 1}))
    );
}
