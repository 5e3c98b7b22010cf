//! The Runtime API, spoken to directly: the function is a script that only writes down where its API is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tidegate_local::environment::Fleet;
use tidegate_local::invocation::InvocationResult;

use crate::probe::{begin, error, fleet, spec, until};

const VERSION: &str = "2018-06-01/runtime";

/// A fleet whose function is a process that does nothing, with one environment at most.
fn silent(dir: &Path) -> Arc<Fleet> {
    let script = dir.join("silent");
    let text = format!(
        "#!/bin/sh\nprintf %s \"$AWS_LAMBDA_RUNTIME_API\" > {0}/api.new\nmv {0}/api.new {0}/api\nexec sleep 600\n",
        dir.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut function = spec(&script);
    function.maximum_concurrency = 1;
    // One that never comes back is waited for as long.
    function.timeout = Duration::from_secs(3);
    fleet(dir, function)
}

async fn api(dir: &Path) -> String {
    let file = dir.join("api");
    until("the process starts", || file.is_file()).await;
    let address = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    address
}

struct Seen {
    status: u16,
    request_id: String,
    deadline: String,
    body: Value,
}

async fn call(method: &str, api: &str, path: &str, body: impl Into<Bytes>) -> Seen {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{api}/{VERSION}/{path}");
    let request = http::Request::builder().method(method).uri(uri).body(Full::new(body.into())).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let header = |name: &str| {
        head.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let (request_id, deadline) =
        (header("lambda-runtime-aws-request-id"), header("lambda-runtime-deadline-ms"));
    let body = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    Seen { status: head.status.as_u16(), request_id, deadline, body }
}

#[tokio::test]
async fn a_waiter_that_hung_up_gets_nothing_and_the_next_one_gets_the_invocation() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let first = begin(&fleet, json!({"n": 1}));
    let api = api(dir.path()).await;
    let one = call("GET", &api, "invocation/next", "").await;
    call("POST", &api, &format!("invocation/{}/response", one.request_id), "1").await;
    first.await.unwrap();

    let path = "invocation/next";
    let hung_up = tokio::time::timeout(Duration::from_millis(100), call("GET", &api, path, "")).await;
    assert!(hung_up.is_err(), "there is nothing to hand out yet");
    let second = begin(&fleet, json!({"n": 2}));
    until("it is accepted", || fleet.in_flight() == 1).await;
    let two = call("GET", &api, path, "").await;
    assert_eq!(two.body, json!({"n": 2}));
    let accepted =
        call("POST", &api, &format!("invocation/{}/response", two.request_id), r#"{"ok":true}"#).await;
    assert_eq!((accepted.status, accepted.body), (202, json!({"status": "OK"})));
    let answer = second.await.unwrap();
    assert_eq!(answer.result, InvocationResult::Success(Bytes::from_static(br#"{"ok":true}"#)));
    assert_eq!(answer.request_id, two.request_id);
    assert_eq!(fleet.status()["probe"].environments, 1);
}

#[tokio::test]
async fn a_process_that_lost_its_invocation_on_the_way_gets_it_again_with_the_same_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({}));
    let api = api(dir.path()).await;
    let one = call("GET", &api, "invocation/next", "").await;
    let again = call("GET", &api, "invocation/next", "").await;
    assert_eq!((&one.request_id, &one.deadline), (&again.request_id, &again.deadline));
    call("POST", &api, &format!("invocation/{}/response", one.request_id), "null").await;
    assert!(matches!(invocation.await.unwrap().result, InvocationResult::Success(_)));
}

#[tokio::test]
async fn an_answer_to_another_request_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({}));
    let api = api(dir.path()).await;
    let taken = call("GET", &api, "invocation/next", "").await;
    for end in ["response", "error"] {
        let refused = call("POST", &api, &format!("invocation/another/{end}"), "{}").await;
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.body,
            json!({"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"})
        );
    }
    assert_eq!(fleet.in_flight(), 1);
    let path = format!("invocation/{}/response", taken.request_id);
    assert_eq!(call("POST", &api, &path, "1").await.status, 202);
    invocation.await.unwrap();
    assert_eq!(call("POST", &api, &path, "1").await.status, 400, "it was answered already");
}

#[tokio::test]
async fn an_oversized_response_is_refused_with_413() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({}));
    let api = api(dir.path()).await;
    let taken = call("GET", &api, "invocation/next", "").await;
    let path = format!("invocation/{}/response", taken.request_id);
    let refused = call("POST", &api, &path, vec![b' '; 6_291_557]).await;
    assert_eq!((refused.status, &refused.body["errorType"]), (413, &json!("RequestEntityTooLarge")));
    assert_eq!(error(invocation.await.unwrap())["errorType"], "Function.ResponseSizeTooLarge");
}

#[tokio::test]
async fn an_init_error_reported_twice_is_the_waiting_invocations_error() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({}));
    let reported = json!({"errorType": "Config", "errorMessage": "TABLE is missing"});
    for _ in 0..2 {
        let api = api(dir.path()).await;
        assert_eq!(call("POST", &api, "init/error", reported.to_string()).await.status, 202);
    }
    assert_eq!(error(invocation.await.unwrap()), reported);
}

#[tokio::test]
async fn a_process_that_never_comes_back_is_replaced_and_its_invocation_kept() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let first = begin(&fleet, json!({"n": 1}));
    let old = api(dir.path()).await;
    let one = call("GET", &old, "invocation/next", "").await;
    call("POST", &old, &format!("invocation/{}/response", one.request_id), "1").await;
    first.await.unwrap();
    let second = begin(&fleet, json!({"n": 2}));
    let new = api(dir.path()).await;
    assert_ne!(new, old);
    let two = call("GET", &new, "invocation/next", "").await;
    assert_eq!(two.body, json!({"n": 2}));
    assert_eq!(
        fleet.status()["probe"].environments,
        2,
        "the old one has the function's timeout to come back"
    );
    call("POST", &new, &format!("invocation/{}/response", two.request_id), "2").await;
    assert!(matches!(second.await.unwrap().result, InvocationResult::Success(_)));
    until("the old one is killed", || fleet.status()["probe"].environments == 1).await;
}

#[tokio::test]
async fn what_is_not_part_of_the_api_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({}));
    let api = api(dir.path()).await;
    assert_eq!(call("GET", &api, "nothing", "").await.status, 404);
    drop(fleet);
    invocation.abort();
}

#[tokio::test]
async fn an_invocation_comes_with_the_headers_of_the_runtime_api() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({}));
    let api = api(dir.path()).await;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let before = jiff::Timestamp::now().as_millisecond();
    let next = client.get(format!("http://{api}/{VERSION}/invocation/next").parse().unwrap()).await.unwrap();
    let headers = next.headers();
    let mut names: Vec<&str> =
        headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("lambda-")).collect();
    names.sort_unstable();
    let expected = [
        "lambda-runtime-aws-request-id",
        "lambda-runtime-deadline-ms",
        "lambda-runtime-invoked-function-arn",
        "lambda-runtime-trace-id",
    ];
    assert_eq!(names, expected, "without a client context there is no header of one");
    let value = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(value("content-type"), "application/json");
    let request_id = value("lambda-runtime-aws-request-id");
    assert!(uuid::Uuid::parse_str(&request_id).is_ok(), "{request_id}");
    let left = value("lambda-runtime-deadline-ms").parse::<i64>().unwrap() - before;
    assert!((0..=4000).contains(&left), "three seconds are left, and not {left} ms");
    assert_eq!(
        value("lambda-runtime-invoked-function-arn"),
        "arn:aws:lambda:us-east-1:000000000000:function:probe"
    );
    let trace = value("lambda-runtime-trace-id");
    assert!(trace.starts_with("Root=1-") && trace.ends_with(";Sampled=0"), "{trace}");
    call("POST", &api, &format!("invocation/{request_id}/response"), "null").await;
    assert!(matches!(invocation.await.unwrap().result, InvocationResult::Success(_)));
}
