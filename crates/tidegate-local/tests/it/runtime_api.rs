//! The Runtime API, called directly: the function is a script that only records the API's address.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tidegate_local::environment::Functions;
use tidegate_local::invocation::{InvocationResult, Invoker, Request};

use crate::probe::{begin, error, until};
use crate::silent::{VERSION, api, call, send, silent};

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
    let hung_up =
        tokio::time::timeout(Duration::from_millis(100), call("GET", &api, path, "")).await;
    assert!(hung_up.is_err(), "there is nothing to hand out yet");
    let second = begin(&fleet, json!({"n": 2}));
    until("it is accepted", || fleet.in_flight() == 1).await;
    let two = call("GET", &api, path, "").await;
    assert_eq!(two.body, json!({"n": 2}));
    let accepted =
        call("POST", &api, &format!("invocation/{}/response", two.request_id), r#"{"ok":true}"#)
            .await;
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
    assert_eq!(
        (refused.status, &refused.body["errorType"]),
        (413, &json!("RequestEntityTooLarge"))
    );
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
    assert_eq!(
        send("POST", &api, &path, &[("origin", "http://example.com")], "1").await.status(),
        403
    );
    assert_eq!(send("POST", &api, &path, &[], "2").await.status(), 202);
    assert_eq!(
        invocation.await.unwrap().result,
        InvocationResult::Success(Bytes::from_static(b"2"))
    );
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
        // As Rust's runtime sends it: as the last part of the body.
        (
            format!("5\r\n\"one\"\r\n{:x}\r\n{trailers}\r\n0\r\n\r\n", trailers.len()),
            Err(("Own", "no luck")),
        ),
        (
            "5\r\n\"one\"\r\n".to_owned(),
            Err(("Runtime.TruncatedResponse", "ended before it was complete")),
        ),
        (
            "5\r\n\"on".to_owned(),
            Err(("Runtime.TruncatedResponse", "ended before it was complete")),
        ),
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
                assert_eq!(
                    answer.result,
                    InvocationResult::Success(Bytes::from_static(whole.as_bytes()))
                )
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
    let next = client
        .get(format!("http://{api}/{VERSION}/invocation/next").parse().unwrap())
        .await
        .unwrap();
    let headers = next.headers();
    let mut names: Vec<&str> = headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("lambda-"))
        .collect();
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
async fn a_source_waits_in_line_for_a_busy_function_and_is_throttled_when_it_has_waited_long_enough()
 {
    let dir = tempfile::tempdir().unwrap();
    let fleet = silent(dir.path());
    let wait = |n: u64, patience| {
        let (fleet, event) = (Arc::clone(&fleet), Bytes::from(json!({ "n": n }).to_string()));
        tokio::spawn(
            async move { fleet.invoke("probe", Request::new(event).patient(patience)).await },
        )
    };
    let first = begin(&fleet, json!({"n": 1}));
    let api = api(dir.path()).await;
    let one = call("GET", &api, "invocation/next", "").await;
    let second = wait(2, Duration::MAX);
    until("it waits in line", || fleet.in_flight() == 2).await;
    let third = wait(3, Duration::from_millis(1));
    assert_eq!(third.await.unwrap().result, InvocationResult::Throttled);
    assert_eq!(begin(&fleet, json!({"n": 4})).await.unwrap().result, InvocationResult::Throttled);
    // A caller of Invoke also stands in line while sources do.
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
