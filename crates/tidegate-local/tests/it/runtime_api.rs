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
use tidegate_local::invocation::{Answer, InvocationResult, Invoker, Request};

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

/// One request of any kind, and its answer whole.
async fn send(
    method: &str,
    api: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> http::Response<Bytes> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = http::Request::builder().method(method).uri(format!("http://{api}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    http::Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn json_of(answer: &http::Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
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
async fn a_page_in_a_browser_takes_no_event_and_answers_none() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({"n": 1}));
    let api = api(dir.path()).await;
    let next = format!("/{VERSION}/invocation/next");
    for header in [
        ("origin", "http://example.com"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("host", "rebound.example.com"),
    ] {
        for (method, path) in [("GET", next.as_str()), ("POST", "/2020-01-01/extension/register")] {
            let refused = send(method, &api, path, &[header], "{}").await;
            assert_eq!(refused.status(), 403, "{method} {header:?}");
        }
    }
    let taken = call("GET", &api, "invocation/next", "").await;
    assert_eq!(taken.body, json!({"n": 1}), "the function has it");
    let path = format!("/{VERSION}/invocation/{}/response", taken.request_id);
    assert_eq!(send("POST", &api, &path, &[("origin", "http://example.com")], "1").await.status(), 403);
    assert_eq!(send("POST", &api, &path, &[], "2").await.status(), 202);
    assert_eq!(invocation.await.unwrap().result, InvocationResult::Success(Bytes::from_static(b"2")));
}

const REGISTER: &str = "/2020-01-01/extension/register";
const EVENTS: &str = "/2020-01-01/extension/event/next";

/// Registers an extension for these events; its identifier.
async fn register(api: &str, name: &str, events: &[&str]) -> String {
    let body = json!({ "events": events }).to_string();
    let answer = send("POST", api, REGISTER, &[("lambda-extension-name", name)], body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.headers()["lambda-extension-identifier"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_internal_extension_registers_and_hears_of_each_invocation() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let first = begin(&fleet, json!({"n": 1}));
    let api = api(dir.path()).await;
    let features = [("lambda-extension-name", "own"), ("lambda-extension-accept-feature", "accountId")];
    let registered = send("POST", &api, REGISTER, &features, r#"{"events":["INVOKE"]}"#).await;
    assert_eq!(registered.status(), 200);
    let function = json!({"functionName": "probe", "functionVersion": "$LATEST", "handler": "bootstrap", "accountId": "000000000000"});
    assert_eq!(json_of(&registered), function);
    let id = registered.headers()["lambda-extension-identifier"].to_str().unwrap().to_owned();
    let identified = [("lambda-extension-identifier", id.as_str())];
    let next = || send("GET", &api, EVENTS, &identified, "");

    let one = call("GET", &api, "invocation/next", "").await;
    let told = next().await;
    assert!(told.headers().contains_key("lambda-extension-event-identifier"));
    let event = json_of(&told);
    assert_eq!((&event["eventType"], &event["requestId"]), (&json!("INVOKE"), &json!(one.request_id)));
    assert_eq!(event["deadlineMs"].to_string(), one.deadline);
    assert_eq!(event["invokedFunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:probe");
    assert!(event["tracing"]["value"].as_str().unwrap().starts_with("Root=1-"), "{event}");
    call("POST", &api, &format!("invocation/{}/response", one.request_id), "1").await;
    first.await.unwrap();

    // The function is there again and the extension is not: the environment is not free.
    assert_eq!(begin(&fleet, json!({})).await.unwrap().result, InvocationResult::Throttled);
    let second = in_line(&fleet, json!({"n": 2}));
    let path = "invocation/next";
    let early = tokio::time::timeout(Duration::from_millis(100), call("GET", &api, path, "")).await;
    assert!(early.is_err(), "the extension still works on the first invocation");
    let (two, told) = tokio::join!(call("GET", &api, path, ""), next());
    assert_eq!(two.body, json!({"n": 2}));
    assert_eq!(json_of(&told)["requestId"], json!(two.request_id));
    call("POST", &api, &format!("invocation/{}/response", two.request_id), "2").await;
    assert!(matches!(second.await.unwrap().result, InvocationResult::Success(_)));
    assert_eq!(fleet.status()["probe"].environments, 1);
}

/// Invokes the function and waits in line while its environment is busy.
fn in_line(fleet: &Arc<Fleet>, payload: Value) -> tokio::task::JoinHandle<Answer> {
    let fleet = Arc::clone(fleet);
    let request = Request::new(Bytes::from(payload.to_string())).patient(Duration::from_secs(30));
    tokio::spawn(async move { fleet.invoke("probe", request).await })
}

/// Takes the first invocation and answers it, while its extension is told of it. The identifier of
/// the extension.
async fn answered_with_an_extension_at_work(api: &str) -> String {
    let id = register(api, "own", &["INVOKE"]).await;
    let one = call("GET", api, "invocation/next", "").await;
    let told = send("GET", api, EVENTS, &[("lambda-extension-identifier", &id)], "").await;
    assert_eq!(json_of(&told)["requestId"], json!(one.request_id));
    call("POST", api, &format!("invocation/{}/response", one.request_id), "1").await;
    id
}

#[tokio::test]
async fn an_extension_that_does_not_come_back_ends_its_environment_at_the_functions_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let first = begin(&fleet, json!({}));
    let began = std::time::Instant::now();
    answered_with_an_extension_at_work(&api(dir.path()).await).await;
    first.await.unwrap();
    let second = in_line(&fleet, json!({"n": 2}));
    // The process is not replaced while it has time.
    let api = api(dir.path()).await;
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
    let two = call("GET", &api, "invocation/next", "").await;
    assert_eq!(two.body, json!({"n": 2}));
    call("POST", &api, &format!("invocation/{}/response", two.request_id), "2").await;
    assert!(matches!(second.await.unwrap().result, InvocationResult::Success(_)));
    let log = std::fs::read_to_string(dir.path().join("logs/probe.log")).unwrap();
    assert!(log.contains("extensions were still at work at the function's timeout"), "{log}");
}

#[tokio::test]
async fn an_extension_that_reports_its_failure_costs_no_invocation_that_comes_afterwards() {
    const EXIT: &str = "/2020-01-01/extension/exit/error";
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let first = begin(&fleet, json!({}));
    let old = api(dir.path()).await;
    let id = answered_with_an_extension_at_work(&old).await;
    first.await.unwrap();
    let headers = [
        ("lambda-extension-identifier", id.as_str()),
        ("lambda-extension-function-error-type", "Own.NoLuck"),
    ];
    assert_eq!(send("POST", &old, EXIT, &headers, "").await.status(), 202);
    // At once, while the old process still has its half second.
    let second = begin(&fleet, json!({"n": 2}));
    let api = api(dir.path()).await;
    let id = register(&api, "own", &[]).await;
    let two = call("GET", &api, "invocation/next", "").await;
    assert_eq!(two.body, json!({"n": 2}));
    // At work on one, it fails that one.
    let headers = [("lambda-extension-identifier", id.as_str()), headers[1]];
    assert_eq!(send("POST", &api, EXIT, &headers, "").await.status(), 202);
    let failed = error(second.await.unwrap());
    assert_eq!(failed["errorType"], "Extension.ExitError");
    assert_eq!(failed["errorMessage"], "extension own ends: Own.NoLuck");
}

#[tokio::test]
async fn what_lambda_refuses_an_extension_is_refused_with_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({}));
    let api = api(dir.path()).await;
    let named = [("lambda-extension-name", "own")];
    let id = register(&api, "taken", &[]).await;
    let (unknown, own) = ("00000000-0000-0000-0000-000000000000", id.as_str());
    for (method, path, headers, body, error_type) in [
        ("POST", REGISTER, &[][..], "{}", "Extension.InvalidExtensionName"),
        ("POST", REGISTER, &named, "nonsense", "InvalidRequestFormat"),
        ("POST", REGISTER, &named, r#"{"events":["SHUTDOWN"]}"#, "Extension.InvalidEventType"),
        ("POST", REGISTER, &[("lambda-extension-name", "taken")], "{}", "Extension.InvalidExtensionState"),
        ("GET", EVENTS, &[], "", "Extension.MissingExtensionIdentifier"),
        ("GET", EVENTS, &[("lambda-extension-identifier", "x")], "", "Extension.InvalidExtensionIdentifier"),
        (
            "GET",
            EVENTS,
            &[("lambda-extension-identifier", unknown)],
            "",
            "Extension.UnknownExtensionIdentifier",
        ),
        (
            "POST",
            "/2020-01-01/extension/exit/error",
            &[("lambda-extension-identifier", own)],
            "",
            "Extension.MissingHeader",
        ),
    ] {
        let refused = send(method, &api, path, headers, body).await;
        let seen = (refused.status().as_u16(), json_of(&refused)["errorType"].clone());
        assert_eq!(seen, (403, json!(error_type)), "{path} {headers:?}");
    }
    let taken = call("GET", &api, "invocation/next", "").await;
    let late = send("POST", &api, REGISTER, &named, "{}").await;
    assert_eq!(json_of(&late)["errorType"], "Extension.RegistrationClosed");
    call("POST", &api, &format!("invocation/{}/response", taken.request_id), "1").await;
    invocation.await.unwrap();
}

#[tokio::test]
async fn an_extension_that_cannot_initialise_fails_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let invocation = begin(&fleet, json!({}));
    for _ in 0..2 {
        let api = api(dir.path()).await;
        let id = register(&api, "own", &[]).await;
        let headers = [
            ("lambda-extension-identifier", id.as_str()),
            ("lambda-extension-function-error-type", "Own.NoLuck"),
        ];
        assert_eq!(send("POST", &api, "/2020-01-01/extension/init/error", &headers, "").await.status(), 202);
    }
    let failed = error(invocation.await.unwrap());
    assert_eq!(failed["errorType"], "Extension.InitError");
    assert_eq!(failed["errorMessage"], "extension own could not initialise: Own.NoLuck");
}

/// A function that registers an extension for no event, as Rust's graceful shutdown does, and
/// writes down that it was asked to end.
const GRACEFUL: &str = r#"
import json, os, signal, sys, time, urllib.request
API = "http://%s" % os.environ["AWS_LAMBDA_RUNTIME_API"]
def end(*_):
    open(os.environ["MARK"], "w").write("asked")
    time.sleep(float(os.environ["LINGER"]))
    open(os.environ["MARK"], "w").write("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
if os.environ["REGISTERS"] == "yes":
    request = urllib.request.Request(API + "/2020-01-01/extension/register", data=json.dumps({"events": []}).encode(),
                                     headers={"Lambda-Extension-Name": "no-op"}, method="POST")
    assert urllib.request.urlopen(request).headers["Lambda-Extension-Identifier"]
while True:
    with urllib.request.urlopen(API + "/2018-06-01/runtime/invocation/next") as event:
        request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
        event.read()
    urllib.request.urlopen(API + "/2018-06-01/runtime/invocation/%s/response" % request_id, data=b"null").read()
"#;

#[tokio::test]
async fn a_process_with_an_extension_is_asked_to_end_and_killed_half_a_second_later_and_others_are_killed() {
    let path = std::env::var_os("PATH").unwrap();
    let mut python = std::env::split_paths(&path).map(|dir| dir.join("python3"));
    let python = python.find(|file| file.is_file()).expect("python3");
    for (registers, linger, said) in
        [("yes", "0.1", Some("ended")), ("yes", "60", Some("asked")), ("no", "0", None)]
    {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("app.py"), GRACEFUL).unwrap();
        let mark = dir.path().join("mark");
        let mut function = spec(&python);
        (function.arguments, function.directory) = (vec!["app.py".to_owned()], Some(dir.path().to_owned()));
        let variables = [("MARK", mark.to_str().unwrap()), ("LINGER", linger), ("REGISTERS", registers)];
        function.environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let options = tidegate_local::environment::FleetOptions::new(dir.path().to_owned());
        let fleet = Arc::new(Fleet::start(vec![function], &options).unwrap());
        let answer = begin(&fleet, json!({})).await.unwrap();
        assert_eq!(answer.result, InvocationResult::Success(Bytes::from_static(b"null")), "{registers}");
        until("it is frozen", || fleet.status()["probe"].frozen == 1).await;
        let began = std::time::Instant::now();
        fleet.stop(Duration::from_secs(5)).await;
        assert_eq!(fleet.status()["probe"].environments, 0);
        assert_eq!(std::fs::read_to_string(&mark).ok().as_deref(), said, "{registers} {linger}");
        if linger == "60" {
            let took = began.elapsed();
            assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(4), "{took:?}");
        }
    }
}

/// Writes a streamed response byte by byte as given, and then hangs up.
async fn stream(api: &str, request_id: &str, body: &str) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut connection = tokio::net::TcpStream::connect(api).await.unwrap();
    let head = format!(
        "POST /{VERSION}/invocation/{request_id}/response HTTP/1.1\r\nHost: {api}\r\nTransfer-Encoding: chunked\r\n\
         Lambda-Runtime-Function-Response-Mode: streaming\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n\
         Trailer: Lambda-Runtime-Function-Error-Body\r\n\r\n{body}"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    if body.ends_with("\r\n\r\n") {
        assert_ne!(connection.read(&mut [0; 64]).await.unwrap(), 0, "there is an answer");
    }
}

#[tokio::test]
async fn a_streamed_response_that_fails_midway_is_a_failure_and_a_whole_one_is_not() {
    use base64::Engine as _;
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let mut api_is = None;
    let object = json!({"errorType": "Own", "errorMessage": "no luck"});
    let encoded = base64::engine::general_purpose::STANDARD.encode(object.to_string());
    let trailers = format!(
        "Lambda-Runtime-Function-Error-Type: Own\r\nLambda-Runtime-Function-Error-Body: {encoded}\r\n"
    );
    for (body, expected) in [
        ("5\r\n\"one\"\r\n0\r\n\r\n".to_owned(), Ok("\"one\"")),
        (format!("5\r\n\"one\"\r\n0\r\n{trailers}\r\n"), Err(("Own", "no luck"))),
        // As Rust's runtime sends it: a last part of the body.
        (format!("5\r\n\"one\"\r\n{:x}\r\n{trailers}\r\n0\r\n\r\n", trailers.len()), Err(("Own", "no luck"))),
        ("5\r\n\"one\"\r\n".to_owned(), Err(("Runtime.TruncatedResponse", "ended before it was complete"))),
        ("5\r\n\"on".to_owned(), Err(("Runtime.TruncatedResponse", "ended before it was complete"))),
    ] {
        let invocation = begin(&fleet, json!({"body": body}));
        if api_is.is_none() {
            api_is = Some(api(dir.path()).await);
        }
        let api = api_is.clone().unwrap();
        let taken = call("GET", &api, "invocation/next", "").await;
        assert_eq!(taken.body, json!({"body": body}), "a new one, not the one before again");
        stream(&api, &taken.request_id, &body).await;
        let answer = invocation.await.unwrap();
        match expected {
            Ok(whole) => {
                assert_eq!(answer.result, InvocationResult::Success(Bytes::from_static(whole.as_bytes())))
            }
            Err((error_type, message)) => {
                let failed = error(answer);
                assert_eq!(failed["errorType"], error_type, "{body}");
                assert!(failed["errorMessage"].as_str().unwrap().contains(message), "{failed}");
            }
        }
    }
    assert_eq!(fleet.status()["probe"].environments, 1, "the process lives");
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

#[tokio::test]
async fn a_source_waits_in_line_for_a_busy_function_and_is_throttled_when_it_has_waited_long_enough() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let wait = |n: u64, patience| {
        let (fleet, event) = (Arc::clone(&fleet), Bytes::from(json!({ "n": n }).to_string()));
        tokio::spawn(async move { fleet.invoke("probe", Request::new(event).patient(patience)).await })
    };
    let first = begin(&fleet, json!({"n": 1}));
    let api = api(dir.path()).await;
    let one = call("GET", &api, "invocation/next", "").await;
    let second = wait(2, Duration::MAX);
    until("it waits in line", || fleet.in_flight() == 2).await;
    let third = wait(3, Duration::from_millis(1));
    assert_eq!(third.await.unwrap().result, InvocationResult::Throttled);
    assert_eq!(begin(&fleet, json!({"n": 4})).await.unwrap().result, InvocationResult::Throttled);
    // A caller of Invoke stands in line too while sources do.
    let fifth = begin(&fleet, json!({"n": 5}));
    until("it waits in line", || fleet.in_flight() == 3).await;

    call("POST", &api, &format!("invocation/{}/response", one.request_id), "1").await;
    first.await.unwrap();
    let two = call("GET", &api, "invocation/next", "").await;
    assert_eq!(two.body, json!({"n": 2}));
    call("POST", &api, &format!("invocation/{}/response", two.request_id), "2").await;
    assert_eq!(second.await.unwrap().result, InvocationResult::Success(Bytes::from_static(b"2")));
    let five = call("GET", &api, "invocation/next", "").await;
    assert_eq!(five.body, json!({"n": 5}));
    call("POST", &api, &format!("invocation/{}/response", five.request_id), "5").await;
    assert_eq!(fifth.await.unwrap().result, InvocationResult::Success(Bytes::from_static(b"5")));
    assert_eq!(fleet.status()["probe"].throttles, 2);
}
