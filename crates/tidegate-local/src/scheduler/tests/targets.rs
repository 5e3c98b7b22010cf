//! Which requests are taken, and what AWS says to the others.

use serde_json::{Value, json};

use super::super::target::{Kind, Retries, Target};
use super::{body, read};

fn refused(name: &str, expression: &str, changes: Value) -> String {
    match read(name, &body(expression, changes)) {
        Ok(definition) => panic!("{definition:?} is taken"),
        Err(invalid) => invalid.to_string(),
    }
}

fn target(arn: &str, more: Value) -> Value {
    let mut target = json!({ "Arn": arn, "RoleArn": "arn:aws:iam::000000000000:role/scheduler" });
    if let (Some(target), Value::Object(more)) = (target.as_object_mut(), more) {
        target.extend(more);
    }
    target
}

fn kind(arn: &str, more: Value) -> Result<Kind, String> {
    Target::read(&target(arn, more)).map(|target| target.kind).map_err(|error| error.to_string())
}

#[test]
fn every_kind_of_target_is_read_by_its_arn() {
    let own = |service: &str, resource: &str| {
        format!("arn:aws:{service}:us-east-1:000000000000:{resource}")
    };
    let function = |qualifier: Option<&str>| {
        Ok(Kind::Function("mailer".to_owned(), qualifier.map(str::to_owned)))
    };
    assert_eq!(kind(&own("lambda", "function:mailer"), json!({})), function(None));
    assert_eq!(kind(&own("lambda", "function:mailer:live"), json!({})), function(Some("live")));
    assert_eq!(kind(&own("sqs", "work"), json!({})), Ok(Kind::Queue("work".to_owned(), None)));
    let group = json!({ "SqsParameters": { "MessageGroupId": "g" } });
    let fifo = Kind::Queue("steps.fifo".to_owned(), Some("g".to_owned()));
    assert_eq!(kind(&own("sqs", "steps.fifo"), group), Ok(fifo));
    let bus = json!({ "EventBridgeParameters": { "Source": "shop", "DetailType": "Tick" } });
    let expected = Kind::Bus { source: "shop".to_owned(), detail_type: "Tick".to_owned() };
    assert_eq!(kind(&own("events", "event-bus/shop"), bus), Ok(expected));
    let key = json!({ "KinesisParameters": { "PartitionKey": "k" } });
    let stream = Kind::Stream("orders".to_owned(), "k".to_owned());
    assert_eq!(kind(&own("kinesis", "stream/orders"), key), Ok(stream));
    assert_eq!(kind(&own("sns", "news"), json!({})), Ok(Kind::Topic));
}

#[test]
fn what_is_no_target_here_is_refused_with_what_is() {
    let queue = "arn:aws:sqs:us-east-1:000000000000:work";
    for (arn, more, says) in [
        ("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", json!({}), "is a universal target"),
        ("arn:aws:states:us-east-1:000000000000:stateMachine:m", json!({}), "use a function"),
        ("arn:aws:sqs:eu-west-1:000000000000:work", json!({}), "another account or region"),
        ("arn:aws:sqs:us-east-1:999999999999:work", json!({}), "another account or region"),
        ("work", json!({}), "not in correct format"),
        ("arn:aws:lambda:us-east-1:000000000000:layer:x", json!({}), "is not a target"),
        ("arn:aws:sqs:us-east-1:000000000000:steps.fifo", json!({}), "needs SqsParameters"),
        ("arn:aws:events:us-east-1:000000000000:event-bus/b", json!({}), "needs EventBridgeParam"),
        ("arn:aws:kinesis:us-east-1:000000000000:stream/s", json!({}), "needs KinesisParameters"),
        (queue, json!({ "RoleArn": "role" }), "'target.roleArn' failed to satisfy"),
        (queue, json!({ "RoleArn": null }), "Member must not be null"),
        (queue, json!({ "Input": "" }), "it must have 1 to 262144"),
        (queue, json!({ "Input": "x".repeat(262_145) }), "has 262145 bytes"),
        (queue, json!({ "Input": { "a": 1 } }), "cannot be read"),
        (queue, json!({ "RetryPolicy": { "MaximumRetryAttempts": 186 } }), "equal to 185"),
        (queue, json!({ "RetryPolicy": { "MaximumEventAgeInSeconds": 59 } }), "between 60 and"),
        (
            queue,
            json!({ "DeadLetterConfig": { "Arn": "arn:aws:sqs:us-east-1:000000000000:l.fifo" } }),
            "is not a standard queue",
        ),
    ] {
        let said = kind(arn, more).unwrap_err();
        assert!(said.contains(says), "{arn}: {said}");
    }
    let function = "arn:aws:lambda:us-east-1:000000000000:function:f";
    assert!(
        kind(function, json!({ "Input": "no json" })).unwrap_err().contains("well-formed JSON")
    );
    assert!(kind(queue, json!({ "Input": "no json" })).is_ok());
}

#[test]
fn limits_have_the_defaults_of_aws() {
    let read = Target::read(&target("arn:aws:sqs:us-east-1:000000000000:work", json!({}))).unwrap();
    let day = std::time::Duration::from_secs(86_400);
    assert_eq!(read.retries, Retries { maximum_attempts: 185, maximum_age: day });
}

#[test]
fn requests_that_aws_refuses_are_refused_in_its_words() {
    let rate = "rate(1 minute)";
    for (name, expression, changes, says) in [
        ("a b", rate, json!({}), "Value 'a b' at 'name' failed to satisfy constraint"),
        (&"n".repeat(65), rate, json!({}), "Member must have length between 1 and 64"),
        ("n", "rate(10 seconds)", json!({}), "Invalid Schedule Expression rate(10 seconds)."),
        ("n", rate, json!({ "ScheduleExpressionTimezone": "Mars" }), "Expression Timezone Mars"),
        ("n", rate, json!({ "GroupName": "../g" }), "at 'groupName'"),
        ("n", rate, json!({ "State": "ON" }), "enum value set: [DISABLED, ENABLED]"),
        ("n", rate, json!({ "ActionAfterCompletion": "KEEP" }), "enum value set: [DELETE, NONE]"),
        ("n", rate, json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE" } }), "1 to 1440"),
        ("n", rate, json!({ "FlexibleTimeWindow": {} }), "'flexibleTimeWindow.mode'"),
        ("n", rate, json!({ "FlexibleTimeWindow": null }), "'flexibleTimeWindow'"),
        ("n", rate, json!({ "Target": null }), "'target'"),
        ("n", rate, json!({ "StartDate": 2, "EndDate": 1 }), "must come before the EndDate"),
        ("n", rate, json!({ "StartDate": 1e300 }), "at 'startDate'"),
        ("n", rate, json!({ "ClientToken": "a token" }), "at 'clientToken'"),
        ("n", rate, json!({ "Description": "d".repeat(513) }), "less than or equal to 512"),
    ] {
        let said = refused(name, expression, changes);
        assert!(said.contains(says), "{name}: {said}");
    }
    let malformed = super::super::request::definition("n", b"{", super::at(super::NOW));
    assert!(malformed.unwrap_err().to_string().starts_with("The request cannot be read"));
}
