//! Scheduler's API, call by call.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::super::api::SchedulerApi;
use super::super::registry::Registry;
use super::body;
use crate::proxy::{Body, Service};

struct Api {
    _directory: tempfile::TempDir,
    api: SchedulerApi,
}

impl Api {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let groups = ["deadlines".to_owned()];
        let registry = Registry::open(directory.path(), Vec::new(), groups, "declared").unwrap();
        Self { _directory: directory, api: SchedulerApi::new(Arc::new(registry)) }
    }

    /// Returns the status, the error's code, and the body.
    fn call(&self, method: &str, uri: &str, body: &Value) -> (StatusCode, String, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let body = Body::from(Bytes::from(text));
        let request = Request::builder().method(method).uri(uri).body(body).unwrap();
        let reply = self.api.call(request).now_or_never().expect("it waits for nothing");
        let code = reply.headers().get("x-amzn-errortype");
        let code = code.map_or("", |code| code.to_str().unwrap()).to_owned();
        let body = serde_json::from_slice(reply.body().whole().unwrap()).unwrap();
        (reply.status(), code, body)
    }

    fn ok(&self, method: &str, uri: &str, body: &Value) -> Value {
        let (status, _, answer) = self.call(method, uri, body);
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    fn fails(&self, method: &str, uri: &str, body: &Value) -> (u16, String, String) {
        let (status, code, answer) = self.call(method, uri, body);
        let message = answer["Message"].as_str().unwrap_or_default().to_owned();
        (status.as_u16(), code, message)
    }
}

const RATE: &str = "rate(5 minutes)";

#[test]
fn a_schedule_is_created_described_changed_and_deleted() {
    let api = Api::new();
    let created = api.ok("POST", "/schedules/nightly", &body(RATE, json!({ "Description": "d" })));
    let arn = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly";
    assert_eq!(created, json!({ "ScheduleArn": arn }));
    let mut got = api.ok("GET", "/schedules/nightly", &Value::Null);
    let times = ["CreationDate", "LastModificationDate"].map(|field| got[field].take().as_f64());
    assert!(times[0].is_some_and(|time| time > 1.7e9) && times[0] == times[1], "{times:?}");
    assert_eq!(
        got,
        json!({
            "ActionAfterCompletion": "NONE",
            "Arn": arn,
            "CreationDate": null,
            "Description": "d",
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "GroupName": "default",
            "LastModificationDate": null,
            "Name": "nightly",
            "ScheduleExpression": RATE,
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "Target": {
                "Arn": "arn:aws:sqs:us-east-1:000000000000:work",
                "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
                "RetryPolicy": { "MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185 },
            },
        })
    );
    let changed = body("rate(1 hour)", json!({ "State": "DISABLED" }));
    assert_eq!(api.ok("PUT", "/schedules/nightly", &changed), json!({ "ScheduleArn": arn }));
    let got = api.ok("GET", "/schedules/nightly", &Value::Null);
    assert_eq!(
        (&got["State"], &got["ScheduleExpression"]),
        (&json!("DISABLED"), &json!("rate(1 hour)"))
    );
    assert_eq!(got.get("Description"), None, "an update replaces everything");
    assert_eq!(api.ok("DELETE", "/schedules/nightly", &Value::Null), json!({}));
    let gone = api.fails("DELETE", "/schedules/nightly", &Value::Null);
    let missing = "Schedule nightly does not exist.".to_owned();
    assert_eq!(gone, (404, "ResourceNotFoundException".to_owned(), missing.clone()));
    for (method, body) in [("GET", Value::Null), ("PUT", body(RATE, json!({})))] {
        assert_eq!(api.fails(method, "/schedules/nightly", &body).2, missing);
    }
}

#[test]
fn a_name_is_taken_once_and_a_repeated_request_is_the_same_request() {
    let api = Api::new();
    let first = body(RATE, json!({ "ClientToken": "t-1" }));
    api.ok("POST", "/schedules/once", &first);
    // An SDK repeats a request whose answer it lost.
    api.ok("POST", "/schedules/once", &first);
    for other in [
        body(RATE, json!({ "ClientToken": "t-2" })),
        body(RATE, json!({})),
        body("rate(1 hour)", json!({ "ClientToken": "t-1" })),
    ] {
        let (status, code, message) = api.fails("POST", "/schedules/once", &other);
        assert_eq!((status, code.as_str()), (409, "ConflictException"), "{message}");
    }
    // Another group has names of its own.
    let other = body(RATE, json!({ "GroupName": "deadlines" }));
    api.ok("POST", "/schedules/once", &other);
    api.ok("DELETE", "/schedules/once?groupName=deadlines", &Value::Null);
    api.ok("GET", "/schedules/once", &Value::Null);
}

#[test]
fn groups_are_created_listed_and_deleted_with_their_schedules() {
    let api = Api::new();
    let nowhere = body(RATE, json!({ "GroupName": "orders" }));
    let refused = api.fails("POST", "/schedules/a", &nowhere);
    assert_eq!(refused.2, "Schedule group orders does not exist.");
    api.ok("POST", "/schedule-groups/orders", &json!({ "ClientToken": "t" }));
    assert_eq!(api.fails("POST", "/schedule-groups/orders", &Value::Null).1, "ConflictException");
    api.ok("POST", "/schedules/a", &nowhere);
    let listed = api.ok("GET", "/schedule-groups", &Value::Null);
    let names: Vec<_> =
        listed["ScheduleGroups"].as_array().unwrap().iter().map(|group| &group["Name"]).collect();
    assert_eq!(names, ["deadlines", "declared", "default", "orders"]);
    api.ok("DELETE", "/schedule-groups/orders", &Value::Null);
    assert_eq!(api.fails("GET", "/schedule-groups/orders", &Value::Null).0, 404);
    let left = api.ok("GET", "/schedules", &Value::Null);
    assert_eq!(left["Schedules"], json!([]));
    let kept = api.fails("DELETE", "/schedule-groups/default", &Value::Null);
    assert_eq!((kept.0, kept.1.as_str()), (400, "ValidationException"));
}

#[test]
fn schedules_are_listed_in_pages_by_group_name_and_state() {
    let api = Api::new();
    for n in 0..7 {
        let state = if n % 2 == 0 { "ENABLED" } else { "DISABLED" };
        let body = body(RATE, json!({ "GroupName": "deadlines", "State": state }));
        api.ok("POST", &format!("/schedules/order-{n}"), &body);
    }
    api.ok("POST", "/schedules/other", &body(RATE, json!({})));
    let names = |listed: &Value| -> Vec<String> {
        let listed = listed["Schedules"].as_array().unwrap();
        listed.iter().map(|one| one["Name"].as_str().unwrap().to_owned()).collect()
    };
    let (mut all, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let uri = format!("/schedules?ScheduleGroup=deadlines&MaxResults=3{token}");
        let page = api.ok("GET", &uri, &Value::Null);
        all.extend(names(&page));
        pages += 1;
        match page["NextToken"].as_str() {
            Some(next) => token = format!("&NextToken={next}"),
            None => break,
        }
    }
    assert_eq!((all.len(), pages), (7, 3), "{all:?}");
    let enabled = api.ok("GET", "/schedules?State=ENABLED&NamePrefix=order", &Value::Null);
    assert_eq!(names(&enabled), ["order-0", "order-2", "order-4", "order-6"]);
    for (uri, says) in [
        ("/schedules?MaxResults=101", "between 1 and 100"),
        ("/schedules?NextToken=%FF", "Invalid NextToken"),
        ("/schedules?State=ON", "at 'state'"),
        ("/schedules?ScheduleGroup=none", "Schedule group none does not exist."),
    ] {
        let (_, _, message) = api.fails("GET", uri, &Value::Null);
        assert!(message.contains(says), "{uri}: {message}");
    }
}

#[test]
fn what_is_no_call_is_refused_and_stores_nothing() {
    let api = Api::new();
    for (method, uri) in
        [("GET", "/tags/arn"), ("PATCH", "/schedules/a"), ("POST", "/schedules/a/b")]
    {
        let (status, code, message) = api.fails(method, uri, &json!({}));
        assert_eq!((status, code.as_str()), (404, "UnknownOperationException"), "{message}");
    }
    for uri in ["/schedules/a%2Fb", "/schedules/..%2f..%2fx", "/schedules/ä"] {
        let request = http::Uri::try_from(uri);
        if request.is_ok() {
            assert_eq!(api.fails("POST", uri, &body(RATE, json!({}))).1, "ValidationException");
        }
    }
    assert_eq!(api.ok("GET", "/schedules", &Value::Null)["Schedules"], json!([]));
}
