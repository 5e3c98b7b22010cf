//! The Extensions API, called directly in place of an internal extension.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_local::environment::{Fleet, Functions};
use tidegate_local::invocation::{Answer, InvocationResult, Invoker, Request};

use crate::probe::{begin, error, spec, until};
use crate::silent::{api, call, json_of, send, silent};

const REGISTER: &str = "/2020-01-01/extension/register";
const EVENTS: &str = "/2020-01-01/extension/event/next";

/// Registers an extension for these events. Returns its identifier.
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
    let features =
        [("lambda-extension-name", "own"), ("lambda-extension-accept-feature", "accountId")];
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
    assert_eq!(
        (&event["eventType"], &event["requestId"]),
        (&json!("INVOKE"), &json!(one.request_id))
    );
    assert_eq!(event["deadlineMs"].to_string(), one.deadline);
    assert_eq!(event["invokedFunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:probe");
    assert!(event["tracing"]["value"].as_str().unwrap().starts_with("Root=1-"), "{event}");
    call("POST", &api, &format!("invocation/{}/response", one.request_id), "1").await;
    first.await.unwrap();

    // The function has come back but the extension has not: the environment is not free.
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

/// Takes the first invocation and answers it while its extension works on it. Returns the
/// extension's identifier.
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
    // The extension fails during an invocation, which then fails too.
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
        (
            "POST",
            REGISTER,
            &[("lambda-extension-name", "taken")],
            "{}",
            "Extension.InvalidExtensionState",
        ),
        ("GET", EVENTS, &[], "", "Extension.MissingExtensionIdentifier"),
        (
            "GET",
            EVENTS,
            &[("lambda-extension-identifier", "x")],
            "",
            "Extension.InvalidExtensionIdentifier",
        ),
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
        assert_eq!(
            send("POST", &api, "/2020-01-01/extension/init/error", &headers, "").await.status(),
            202
        );
    }
    let failed = error(invocation.await.unwrap());
    assert_eq!(failed["errorType"], "Extension.InitError");
    assert_eq!(failed["errorMessage"], "extension own could not initialise: Own.NoLuck");
}

/// A function that registers an extension for no event, as Rust's graceful shutdown does, and
/// records that it was asked to end.
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
async fn a_process_with_an_extension_is_asked_to_end_and_killed_half_a_second_later_and_others_are_killed()
 {
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
        (function.arguments, function.directory) =
            (vec!["app.py".to_owned()], Some(dir.path().to_owned()));
        let variables =
            [("MARK", mark.to_str().unwrap()), ("LINGER", linger), ("REGISTERS", registers)];
        function
            .environment
            .extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let options = tidegate_local::environment::FleetOptions::new(dir.path().to_owned());
        let fleet = Arc::new(Fleet::start(vec![function], &options).unwrap());
        let answer = begin(&fleet, json!({})).await.unwrap();
        assert_eq!(
            answer.result,
            InvocationResult::Success(Bytes::from_static(b"null")),
            "{registers}"
        );
        until("it is frozen", || fleet.status()["probe"].frozen == 1).await;
        let began = std::time::Instant::now();
        fleet.stop(Duration::from_secs(5)).await;
        assert_eq!(fleet.status()["probe"].environments, 0);
        assert_eq!(std::fs::read_to_string(&mark).ok().as_deref(), said, "{registers} {linger}");
        if linger == "60" {
            let took = began.elapsed();
            assert!(
                took >= Duration::from_millis(500) && took < Duration::from_secs(4),
                "{took:?}"
            );
        }
    }
}
