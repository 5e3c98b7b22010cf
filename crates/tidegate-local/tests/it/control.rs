//! The control API over plain HTTP, and its client.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tidegate_local::activity::Activity;
use tidegate_local::client::{ClientError, EngineClient};
use tidegate_local::control::{Control, ControlApi};
use tidegate_local::engine_file::EngineFile;
use tidegate_local::environment::Fleet;
use tidegate_local::usage;
use tokio::sync::Notify;

use crate::probe::{begin, binary, fleet, spec, until};

struct Running {
    fleet: Arc<Fleet>,
    activity: Arc<Activity>,
    shutdown: Arc<Notify>,
    api: ControlApi,
    dir: tempfile::TempDir,
}

async fn running() -> Running {
    let dir = tempfile::tempdir().unwrap();
    let mut function = spec(&binary());
    function.maximum_concurrency = 1;
    let fleet = fleet(dir.path(), function);
    let (activity, shutdown) = (Arc::new(Activity::new()), Arc::new(Notify::new()));
    let status = Arc::new(|| -> futures::future::BoxFuture<'static, Value> {
        Box::pin(async { json!({"in_flight": 0}) })
    });
    let control = Control {
        fleet: Arc::clone(&fleet),
        activity: Arc::clone(&activity),
        status,
        shutdown: Arc::clone(&shutdown),
    };
    let api = ControlApi::start(control).await.unwrap();
    Running { fleet, activity, shutdown, api, dir }
}

async fn post(api: &ControlApi, name: &str, headers: &[(&str, &str)], body: &'static str) -> Response<Bytes> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("{}/2015-03-31/functions/{name}/invocations", api.url());
    let mut request = http::Request::builder().method("POST").uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer =
        client.request(request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn invoke_answers_as_lambda_does() {
    let running = running().await;
    let before = running.activity.now();
    let answer = post(&running.api, "probe", &[], r#"{"n":1}"#).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-amz-executed-version"], "$LATEST");
    assert_eq!(answer.headers().get("x-amz-function-error"), None);
    let seen = body(&answer);
    assert_eq!(seen["event"], json!({"n": 1}));
    assert_eq!(seen["request_id"], answer.headers()["x-amzn-requestid"].to_str().unwrap());
    assert_ne!(running.activity.now(), before, "whoever waits for idleness must look again");

    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aprobe";
    assert_eq!(post(&running.api, arn, &[], "").await.status(), 200);
}

#[tokio::test]
async fn a_failed_invocation_is_200_with_a_function_error() {
    let running = running().await;
    let answer = post(&running.api, "probe", &[], r#"{"do":"error","message":"no luck"}"#).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-amz-function-error"], "Unhandled");
    assert_eq!(body(&answer)["errorMessage"], "no luck");
}

#[tokio::test]
async fn the_client_context_is_decoded_and_handed_on() {
    let running = running().await;
    // {"custom":{"replay":"1"}}
    let context = ("x-amz-client-context", "eyJjdXN0b20iOnsicmVwbGF5IjoiMSJ9fQ==");
    let answer = post(&running.api, "probe", &[context], "{}").await;
    assert_eq!(body(&answer)["custom"], json!({"replay": "1"}));
}

#[tokio::test]
async fn what_lambda_refuses_is_refused_with_its_codes() {
    let running = running().await;
    let hanging = begin(&running.fleet, json!({"do": "hang"}));
    until("the only environment is busy", || running.fleet.in_flight() == 1).await;
    let kinds = [("x-amz-invocation-type", "Event")];
    for (name, headers, payload, status, code) in [
        ("nobody", &[][..], "{}", 404, "ResourceNotFoundException"),
        ("probe", &kinds[..], "{}", 400, "InvalidParameterValueException"),
        ("probe", &[("x-amz-client-context", "?")][..], "{}", 400, "InvalidRequestContentException"),
        ("probe", &[][..], "{", 400, "InvalidRequestContentException"),
        ("probe", &[][..], "{}", 429, "TooManyRequestsException"),
    ] {
        let answer = post(&running.api, name, headers, payload).await;
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["x-amzn-errortype"].to_str().unwrap()),
            (status, code)
        );
        assert!(body(&answer)["message"].is_string(), "{answer:?}");
    }
    hanging.abort();
}

#[tokio::test]
async fn the_client_finds_the_engine_by_its_file() {
    let running = running().await;
    let file = EngineFile {
        pid: i32::try_from(std::process::id()).unwrap(),
        process_started: usage::start_time(i32::try_from(std::process::id()).unwrap()),
        control: running.api.url(),
        endpoint: "http://127.0.0.1:9".to_owned(),
        started_at: jiff::Timestamp::now(),
        topology: "/topology".into(),
        backend: "ministack".to_owned(),
    };
    file.write(running.dir.path()).unwrap();
    let client = EngineClient::from_state_dir(running.dir.path()).unwrap();
    assert_eq!(client.status().await.unwrap(), json!({"in_flight": 0}));
    let context = r#"{"custom":{"a":"b"}}"#;
    let invoked = client.invoke("probe", Bytes::from_static(b"{}"), Some(context)).await.unwrap();
    assert!(!invoked.function_error);
    assert_eq!(serde_json::from_slice::<Value>(&invoked.payload).unwrap()["custom"], json!({"a": "b"}));
    let refused = client.invoke("nobody", Bytes::new(), None).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused { status: 404, .. }), "{refused}");
}

#[tokio::test]
async fn shutdown_is_passed_on() {
    let running = running().await;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("{}/shutdown", running.api.url());
    let request = http::Request::post(uri).body(Full::default()).unwrap();
    assert_eq!(client.request(request).await.unwrap().status(), 202);
    running.shutdown.notified().await;
}
