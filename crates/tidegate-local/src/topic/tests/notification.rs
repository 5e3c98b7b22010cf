//! Tests of what receivers get.

use serde_json::{Value, json};

use crate::topic::Notification;

fn published() -> Value {
    json!({
        "Type": "Notification", "MessageId": "m-1", "Subject": "hi",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:alerts",
        "Message": "{\"n\":1.10}", "Timestamp": "2026-01-31T12:00:00.000Z",
        "SignatureVersion": "1", "Signature": "FAKE", "SigningCertURL": "x", "UnsubscribeURL": "y",
        "MessageAttributes": {
            "kind": {"Type": "String", "Value": "invoice"},
            "tags": {"Type": "String.Array", "Value": "[\"a\"]"},
            "raw": {"Type": "Binary", "Value": "aGk="},
        },
    })
}

#[test]
fn a_queue_gets_a_notification_with_all_fields_and_attributes() {
    let read = Notification::parse(&published().to_string()).unwrap();
    let body: Value = serde_json::from_str(&read.for_queue("arn:of:subscription")).unwrap();
    let url = "https://sns.us-east-1.amazonaws.com/";
    let mut expected = published();
    expected["Signature"] = json!("UNSIGNED");
    expected["SigningCertURL"] = json!(format!("{url}SimpleNotificationService-local.pem"));
    expected["UnsubscribeURL"] =
        json!(format!("{url}?Action=Unsubscribe&SubscriptionArn=arn:of:subscription"));
    assert_eq!(body, expected);
}

#[test]
fn a_notification_without_subject_and_attributes_has_neither() {
    let mut plain = published();
    let fields = plain.as_object_mut().unwrap();
    fields.remove("Subject");
    fields.remove("MessageAttributes");
    let read = Notification::parse(&plain.to_string()).unwrap();
    let body: Value = serde_json::from_str(&read.for_queue("arn")).unwrap();
    assert!(body.get("Subject").is_none() && body.get("MessageAttributes").is_none(), "{body}");
    let event: Value = serde_json::from_str(&read.for_function("arn")).unwrap();
    let sns = &event["Records"][0]["Sns"];
    // A function's record always has both fields (AWS docs: "Using AWS Lambda with Amazon SNS").
    assert_eq!((&sns["Subject"], &sns["MessageAttributes"]), (&Value::Null, &json!({})));
}

#[test]
fn a_fifo_topic_numbers_its_notifications_and_signs_none() {
    let mut ordered = published();
    ordered["TopicArn"] = json!("arn:aws:sns:us-east-1:000000000000:steps.fifo");
    ordered["SequenceNumber"] = json!("10000000000000003000");
    let read = Notification::parse(&ordered.to_string()).unwrap();
    let body: Value = serde_json::from_str(&read.for_queue("arn")).unwrap();
    assert_eq!(body["SequenceNumber"], "10000000000000003000");
    assert!(body.get("Signature").is_none() && body.get("SigningCertURL").is_none(), "{body}");
}

#[test]
fn a_function_gets_lambdas_record() {
    let read = Notification::parse(&published().to_string()).unwrap();
    let event: Value = serde_json::from_str(&read.for_function("arn:of:subscription")).unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["EventSource"], "aws:sns");
    assert_eq!(record["EventSubscriptionArn"], "arn:of:subscription");
    assert_eq!(record["Sns"]["Message"], "{\"n\":1.10}");
    assert_eq!(record["Sns"]["MessageAttributes"]["tags"]["Value"], "[\"a\"]");
}

#[test]
fn what_is_not_a_notification_is_an_error() {
    for hostile in ["", "text", "[]", "{}", r#"{"Type":"Notification","Message":1}"#] {
        let error = Notification::parse(hostile).unwrap_err();
        assert!(error.starts_with("a message is not a notification of SNS: "), "{error}");
    }
}
