//! The state machine of schedules, the API, and what survives.

mod api;
mod machine;
mod restarts;
mod targets;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::definition::Definition;
use super::invalid::Invalid;
use super::request::definition;

pub(super) const NOW: &str = "2026-11-30T10:00:00Z";

pub(super) fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// The body of a request that creates a schedule of a queue.
pub(super) fn body(expression: &str, changes: Value) -> Value {
    let mut body = json!({
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": "arn:aws:sqs:us-east-1:000000000000:work",
            "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
        },
    });
    if let (Some(body), Value::Object(changes)) = (body.as_object_mut(), changes) {
        body.extend(changes);
    }
    body
}

pub(super) fn read(name: &str, body: &Value) -> Result<Definition, Invalid> {
    definition(name, body.to_string().as_bytes(), at(NOW))
}
