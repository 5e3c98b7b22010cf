//! Every kind of letter, as its source writes it.

use lambda_shapes::stream_kind::StreamKind;
use serde_json::json;

use super::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:order-processor";

fn plain(body: &str) -> Content {
    Content::parse(body, &BTreeMap::new(), None)
}

fn with(body: &str, attributes: &[(&str, &str)]) -> Content {
    let attributes =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Content::parse(body, &attributes.collect(), None)
}

fn reason(content: &Content) -> &str {
    match content {
        Content::Unknown { reason } => reason,
        known => panic!("{known:?}"),
    }
}

fn pointer(field: &str) -> Value {
    json!({
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": null},
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:10.021Z",
        field: {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
            "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 500,
            "streamArn": "arn:aws:kinesis:us-east-2:123456789012:stream/orders"
        }
    })
}

#[test]
fn a_pointer_is_told_from_the_record_it_points_to() {
    let content = plain(&pointer("KinesisBatchInfo").to_string());
    let Content::Pointer(pointer) = &content else { panic!("{content:?}") };
    assert_eq!((content.kind(), content.function()), ("stream", Some("order-processor")));
    assert_eq!(
        (pointer.kind, pointer.stream_name(), pointer.region()),
        (StreamKind::Kinesis, "orders", "us-east-2")
    );
    assert_eq!((pointer.condition.as_str(), pointer.batch_size), ("RetryAttemptsExhausted", 500));
}

#[test]
fn a_pointer_without_response_context_and_with_whole_seconds_is_one_too() {
    let mut body = pointer("DDBStreamBatchInfo");
    body.as_object_mut().unwrap().remove("responseContext");
    body["requestContext"]["condition"] = json!("RecordAgeExceeded");
    body["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] = json!("2019-11-14T00:38:04Z");
    body["DDBStreamBatchInfo"]["streamArn"] = json!(
        "arn:aws:dynamodb:us-east-1:123456789012:table/event-store/stream/2019-11-14T00:00:00.000"
    );
    let Content::Pointer(pointer) = plain(&body.to_string()) else { panic!() };
    assert_eq!((pointer.kind, pointer.stream_name()), (StreamKind::DynamoDb, "event-store"));
    assert_eq!(pointer.first_arrival, Some("2019-11-14T00:38:04Z".parse().unwrap()));
}

#[test]
fn a_pointer_with_a_condition_nobody_knows_is_tolerated_and_one_without_range_is_not() {
    let mut body = pointer("KinesisBatchInfo");
    body["requestContext"]["condition"] = json!("SomethingNew");
    assert!(matches!(plain(&body.to_string()), Content::Pointer(_)));
    body["KinesisBatchInfo"].as_object_mut().unwrap().remove("endSequenceNumber");
    assert!(reason(&plain(&body.to_string())).contains("endSequenceNumber"));
}

fn destination() -> Value {
    json!({
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:notification:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3
        },
        "requestPayload": {"detail-type": "OrderPlaced", "detail": {"subject": "order#1", "n": 1.10}},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "RequestId: e4b46cbf-b738-xmpl-8880-a18cdf61200e Process exited", "errorType": "Runtime.ExitError"}
    })
}

#[test]
fn a_failed_asynchronous_invocation_keeps_its_event_as_it_was_written() {
    let body = r#"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"r","functionArn":"arn:aws:lambda:us-east-1:0:function:notification:$LATEST","condition":"EventAgeExceeded","approximateInvokeCount":0},"requestPayload":{"n":1.10, "a":12345678901234567890123}}"#;
    let Content::Asynchronous(failed) = plain(body) else { panic!() };
    assert_eq!(failed.event.get(), r#"{"n":1.10, "a":12345678901234567890123}"#);
    assert_eq!((failed.condition.as_str(), failed.error), ("EventAgeExceeded", None));
    assert_eq!(failed.request_id.as_deref(), Some("r"));
    let content = plain(&destination().to_string());
    assert_eq!((content.kind(), content.function()), ("async", Some("notification")));
    let Content::Asynchronous(failed) = content else { panic!() };
    assert!(failed.error.unwrap().starts_with("Runtime.ExitError: RequestId"));
}

// A dead letter that is not recognised is never replayed, and its event would be lost.
#[test]
fn half_of_a_surrogate_pair_makes_no_letter_unknown_and_stays_in_its_event() {
    let event =
        r#"{"detail":{"subject":"order#1","note":"thanks \ud83d","total":1e999,"n":1,"n":2}}"#;
    let failed = format!(
        r#"{{"timestamp":"2019-11-14T18:16:05.568Z","requestContext":{{"requestId":"r","functionArn":"{FUNCTION}:$LATEST","condition":"RetriesExhausted"}},"requestPayload":{event},"responsePayload":{{"errorMessage":"no \ud83d","errorType":"Boom"}}}}"#
    );
    let notified = json!({"Type": "Notification", "Message": failed}).to_string();
    let delivered = format!(r#"{{"source":"lambda","detail":{failed}}}"#);
    for body in [&failed, &notified, &delivered] {
        let Content::Asynchronous(read) = plain(body) else { panic!("{body}") };
        assert_eq!((read.event.get(), read.error.as_deref()), (event, Some("Boom: no ?")));
    }
    let own = format!(
        r#"{{"kind":"tidegate.dead-letter.v1","id":"l1","function":"f","source":"eventbridge","position":"e","ordering_key":"e","class":"permanent","code":"c","reason":"r","arrived_at":null,"failed_at":"2026-01-01T00:00:01Z","payload":{{"record":{event}}}}}"#
    );
    let Content::Own(letter) = plain(&own) else { panic!() };
    let tidegate::dead_letter::Payload::Record(record) = &letter.payload else { panic!() };
    assert_eq!(record.get(), event);
    let rule = [("RULE_ARN", "arn:of:rule"), ("TARGET_ARN", FUNCTION)];
    let Content::Rule(read) = with(event, &rule) else { panic!() };
    assert_eq!(read.event.get(), event);
}

#[test]
fn wrappers_of_sns_and_eventbridge_are_taken_off() {
    let sns = json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:t", "Message": destination().to_string()});
    assert_eq!(plain(&sns.to_string()).kind(), "async");
    let sns = json!({"Type": "Notification", "Message": pointer("KinesisBatchInfo").to_string()});
    assert_eq!(plain(&sns.to_string()).kind(), "stream");
    let event = json!({"source": "lambda", "detail-type": "Lambda Function Invocation Result - Failure", "detail": destination()});
    assert_eq!(plain(&event.to_string()).kind(), "async");
}

#[test]
fn what_eventbridge_could_not_hand_over_is_told_by_attributes_whatever_its_body_looks_like() {
    let attributes = [
        ("RULE_ARN", "arn:aws:events:us-east-1:0:rule/shop/order-placed"),
        ("TARGET_ARN", "arn:aws:lambda:us-east-1:0:function:notification"),
        ("ERROR_CODE", "NO_PERMISSIONS"),
        ("ERROR_MESSAGE", "no"),
        ("RETRY_ATTEMPTS", "0"),
    ];
    for body in [
        r#"{"id":"e","detail":{}}"#.to_owned(),
        destination().to_string(),
        pointer("KinesisBatchInfo").to_string(),
    ] {
        let content = with(&body, &attributes);
        assert_eq!((content.kind(), content.function()), ("rule", Some("notification")), "{body}");
    }
    let mut queue = attributes;
    queue[1].1 = "arn:aws:sqs:us-east-1:0:fulfilment";
    assert_eq!(with("{}", &queue).function(), None);
    assert!(reason(&with("no json", &attributes)).contains("not JSON"));
}

#[test]
fn what_scheduler_could_not_hand_over_is_told_by_its_own_attributes() {
    let attributes = [
        ("SCHEDULE_ARN", "arn:aws:scheduler:us-east-1:0:schedule/default/nightly"),
        ("TARGET_ARN", "arn:aws:lambda:us-east-1:0:function:notification"),
        ("SCHEDULED_TIME", "2026-11-07T22:05:00Z"),
        ("EXECUTION_ID", "x-1"),
        ("ERROR_CODE", "AWS.Lambda.ResourceNotFound"),
        ("ERROR_MESSAGE", "no such function"),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
        ("RETRY_ATTEMPTS", "3"),
        ("IS_PAYLOAD_TRUNCATED", "false"),
    ];
    let content = with(r#"{"myField":1.50}"#, &attributes);
    assert_eq!((content.kind(), content.function()), ("rule", Some("notification")));
    let Content::Rule(rule) = content else { panic!("{content:?}") };
    assert_eq!(rule.event.get(), r#"{"myField":1.50}"#);
    let mut cut_off = attributes;
    cut_off[8].1 = "true";
    assert!(reason(&with("{}", &cut_off)).contains("cut off"));
}

#[test]
fn a_functions_own_letter_has_its_record_by_value_or_in_the_bucket() {
    let letter = |payload: &str| {
        format!(
            r#"{{"kind":"tidegate.dead-letter.v1","id":"l1","function":"order-processor","source":"kinesis","position":"shardId-0:42","ordering_key":"order#1","class":"permanent","code":"not_json","reason":"expected value","arrived_at":"2026-01-01T00:00:00Z","failed_at":"2026-01-01T00:00:01Z","payload":{payload}}}"#
        )
    };
    let Content::Own(own) = plain(&letter(r#"{"record":{"kinesis":{"data":"eA=="}}}"#)) else {
        panic!()
    };
    let tidegate::dead_letter::Payload::Record(record) = &own.payload else { panic!() };
    assert_eq!(own.event(record).unwrap().get(), r#"{"Records":[{"kinesis":{"data":"eA=="}}]}"#);
    assert_eq!(plain(&letter(r#"{"object":{"bucket":"b","key":"k"}}"#)).kind(), "letter");
    assert!(reason(&plain(&letter("{}"))).contains("cannot be read"));
    assert!(reason(&plain(&letter("{}").replace("letter.v1", "letter.v2"))).contains("letter.v2"));
}

#[test]
fn everything_else_is_unknown_and_says_what_it_looks_like() {
    for (content, part) in [
        (plain("hello"), "not JSON"),
        (plain("[]"), "not an object"),
        (plain(r#"{"id":"e","detail-type":"OrderPlaced","detail":{}}"#), "unknown format"),
        (plain(r#"{"busArn":"b","failedMessages":[]}"#), "custom event bus"),
        (
            plain(r#"{"Type":"Notification","Message":"hello"}"#),
            "an SNS notification with a message not JSON",
        ),
        (
            with("{}", &[("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "m")]),
            "old dead-letter configuration",
        ),
        (
            Content::parse(
                &destination().to_string(),
                &BTreeMap::new(),
                Some("arn:aws:sqs:us-east-1:0:work"),
            ),
            "redriven from arn:aws:sqs",
        ),
    ] {
        assert!(reason(&content).contains(part), "{content:?}");
        assert_eq!(content.function(), None);
    }
}
