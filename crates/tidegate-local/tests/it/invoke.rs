//! Lambda's API over plain HTTP, with one fact per test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::time::Duration;
use tidegate_local::control::ControlApi;
use tidegate_local::environment::Functions;

use crate::control::{Running, running};
use crate::probe::{begin, until};

const TAIL: (&str, &str) = ("x-amz-log-type", "Tail");
const EVENT: (&str, &str) = ("x-amz-invocation-type", "Event");
const DRY_RUN: (&str, &str) = ("x-amz-invocation-type", "DryRun");
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:probe";

async fn call(
    api: &ControlApi,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("{}/2015-03-31/functions{path}", api.url());
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

async fn post(
    api: &ControlApi,
    name: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let (name, query) = name.split_once('?').unwrap_or((name, ""));
    call(api, "POST", &format!("/{name}/invocations?{query}"), headers, body).await
}

fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn log(response: &Response<Bytes>) -> String {
    let log = header(response, "x-amz-log-result").expect("a log");
    String::from_utf8(STANDARD.decode(log).unwrap()).unwrap()
}

/// Runs with this timeout in seconds. It is short only in tests in which it must expire, because
/// the machine may be busy.
async fn within(seconds: u64) -> Running {
    running(|function| function.timeout = Duration::from_secs(seconds)).await
}

fn print(lines: &[&str]) -> String {
    json!({ "do": "print", "lines": lines }).to_string()
}

#[tokio::test]
async fn a_synchronous_invocation_is_answered_with_what_the_function_answered() {
    let running = running(|_| {}).await;
    let before = running.activity.now();
    for kind in [&[][..], &[("x-amz-invocation-type", "RequestResponse")]] {
        let answer = post(&running.api, "probe", kind, r#"{"n":1}"#).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "x-amz-executed-version"), Some("$LATEST"));
        assert_eq!(header(&answer, "x-amz-function-error"), None);
        assert_eq!(header(&answer, "x-amz-log-result"), None);
        let seen = body(&answer);
        assert_eq!(seen["event"], json!({"n": 1}));
        assert_eq!(seen["request_id"].as_str(), header(&answer, "x-amzn-requestid"));
    }
    assert_ne!(running.activity.now(), before, "whoever waits for idleness must look again");
}

#[tokio::test]
async fn a_function_is_told_its_arn_as_it_was_asked_for() {
    let running = running(|_| {}).await;
    for (name, arn) in [
        ("probe", ARN.to_owned()),
        ("probe:live", format!("{ARN}:live")),
        ("probe?Qualifier=live", format!("{ARN}:live")),
        ("probe?Qualifier=%24LATEST", format!("{ARN}:$LATEST")),
        ("000000000000%3Afunction%3Aprobe", ARN.to_owned()),
        ("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aprobe", ARN.to_owned()),
    ] {
        let answer = post(&running.api, name, &[], "").await;
        assert_eq!(answer.status(), 200, "{name}: {answer:?}");
        assert_eq!(body(&answer)["arn"], arn, "{name}");
        assert_eq!(body(&answer)["event"], json!({}), "no payload is an empty object");
    }
}

#[tokio::test]
async fn a_failed_invocation_is_200_with_a_function_error_and_an_error_object() {
    let (error, timeout, exit) = (
        r#"{"do":"error","message":"no luck"}"#,
        r#"{"do":"hang"}"#,
        r#"{"do":"exit","status":3}"#,
    );
    for (payload, error_type, message) in [
        (error, None, "no luck"),
        (r#"{"do":"panic"}"#, None, "asked to panic"),
        (timeout, Some("Sandbox.Timedout"), "Task timed out after 1.00 seconds"),
        (exit, Some("Runtime.ExitError"), "Runtime exited with error: exit status 3"),
    ] {
        let running = within(if payload == timeout { 1 } else { 20 }).await;
        let answer = post(&running.api, "probe", &[], payload).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "x-amz-function-error"), Some("Unhandled"));
        assert_eq!(header(&answer, "x-amz-executed-version"), Some("$LATEST"));
        let object = body(&answer);
        assert!(object["errorMessage"].as_str().unwrap().contains(message), "{payload}: {object}");
        assert!(
            object["errorType"].is_string()
                && error_type.is_none_or(|word| object["errorType"] == word)
        );
    }
}

#[tokio::test]
async fn the_client_context_is_decoded_and_handed_on() {
    let running = running(|_| {}).await;
    let context = STANDARD.encode(r#"{"custom":{"replay":"1"}}"#);
    let answer = post(&running.api, "probe", &[("x-amz-client-context", &context)], "{}").await;
    assert_eq!(body(&answer)["custom"], json!({"replay": "1"}));
}

#[tokio::test]
async fn a_client_context_has_at_most_3583_bytes_of_base64() {
    let running = running(|_| {}).await;
    // 2,685 bytes are 3,580 of base64, which comes in fours.
    for (bytes, status) in [(2685, 200), (2688, 400)] {
        let object = format!(
            r#"{{"custom":{{"a":"{}"}}}}"#,
            "x".repeat(bytes - r#"{"custom":{"a":""}}"#.len())
        );
        let context = STANDARD.encode(object);
        let answer = post(&running.api, "probe", &[("x-amz-client-context", &context)], "{}").await;
        assert_eq!(answer.status(), status, "{} bytes", context.len());
    }
}

#[tokio::test]
async fn what_lambda_refuses_is_refused_with_its_codes_and_words() {
    let running = running(|_| {}).await;
    let not_json = "Could not parse request body into json: ";
    let context = "Client context must be a valid Base64-encoded JSON object";
    let kind = "1 validation error detected: Value 'dry_run' at 'invocationType' failed to satisfy constraint: Member must satisfy enum \
                value set: [DryRun, RequestResponse, Event]";
    for (name, headers, payload, status, code, message) in [
        (
            "nobody",
            &[][..],
            "{}",
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody",
        ),
        ("nobody", &[EVENT], "{}", 404, "ResourceNotFoundException", "Function not found: "),
        ("nobody", &[DRY_RUN], "{}", 404, "ResourceNotFoundException", "Function not found: "),
        (
            "probe:7",
            &[],
            "{}",
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:probe:7",
        ),
        (
            "probe?Qualifier=next",
            &[],
            "{}",
            404,
            "ResourceNotFoundException",
            "Function not found: ",
        ),
        (
            "probe:live?Qualifier=%24LATEST",
            &[],
            "{}",
            400,
            "InvalidParameterValueException",
            "The derived qualifier",
        ),
        (
            "a%20b",
            &[],
            "{}",
            400,
            "ValidationException",
            "1 validation error detected: Value 'a b' at 'functionName'",
        ),
        ("probe", &[("x-amz-invocation-type", "dry_run")], "{}", 400, "ValidationException", kind),
        (
            "probe",
            &[("x-amz-log-type", "All")],
            "{}",
            400,
            "ValidationException",
            "1 validation error detected: Value 'All' at 'logType'",
        ),
        (
            "probe",
            &[("x-amz-client-context", "?")],
            "{}",
            400,
            "InvalidRequestContentException",
            context,
        ),
        ("probe", &[], "{", 400, "InvalidRequestContentException", not_json),
        ("probe", &[EVENT], "{", 400, "InvalidRequestContentException", not_json),
        ("probe", &[DRY_RUN], "{", 400, "InvalidRequestContentException", not_json),
    ] {
        let answer = post(&running.api, name, headers, payload).await;
        let what = format!("{name} {headers:?} {payload}");
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "x-amzn-errortype")),
            (status, Some(code)),
            "{what}"
        );
        assert!(header(&answer, "x-amzn-requestid").is_some(), "{what}");
        let body = body(&answer);
        let said = body["message"].as_str().or(body["Message"].as_str()).unwrap();
        assert!(said.starts_with(message), "{what}: {said}");
        assert!(code == "ValidationException" || body["Type"] == "User", "{what}: {body}");
    }
    assert_eq!(running.fleet.status()["probe"].invocations, 0);
    assert!(running.events.events.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_caller_beyond_the_concurrency_is_throttled_and_told_when_to_come_back() {
    let busy = running(|_| {}).await;
    let hanging = begin(&busy.fleet, json!({"do": "hang"}));
    until("the only environment is busy", || busy.fleet.in_flight() == 1).await;
    let none = running(|function| function.maximum_concurrency = 0).await;
    for api in [&busy.api, &none.api] {
        let answer = post(api, "probe", &[], "{}").await;
        assert_eq!(answer.status(), 429);
        assert_eq!(header(&answer, "x-amzn-errortype"), Some("TooManyRequestsException"));
        assert_eq!(header(&answer, "retry-after"), Some("1"));
        let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
        assert_eq!(
            body(&answer),
            json!({"Reason": reason, "Type": "User", "message": "Rate Exceeded."})
        );
    }
    hanging.abort();
}

#[tokio::test]
async fn a_payload_beyond_the_limit_is_refused_and_the_caller_hears_why() {
    let running = running(|_| {}).await;
    let text = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
    let limit = 6_291_456;
    assert_eq!(post(&running.api, "probe", &[DRY_RUN], text(limit)).await.status(), 204);
    for (headers, size, message) in [
        (
            &[][..],
            limit + 1,
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        ),
        (
            &[],
            20 << 20,
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        ),
        (
            &[EVENT],
            (1 << 20) + 1,
            "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
        ),
    ] {
        let answer = post(&running.api, "probe", headers, text(size)).await;
        assert_eq!(answer.status(), 413);
        assert_eq!(header(&answer, "x-amzn-errortype"), Some("RequestEntityTooLargeException"));
        assert_eq!(body(&answer)["message"], message);
    }
    assert_eq!(post(&running.api, "probe", &[EVENT], text(1 << 20)).await.status(), 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_writes_all_before_it_reads_hears_that_it_was_too_much() {
    use std::io::{Read as _, Write as _};
    let running = running(|_| {}).await;
    let address = running.api.url().strip_prefix("http://").unwrap().to_owned();
    let size = 50 << 20;
    let head = format!(
        "POST /2015-03-31/functions/probe/invocations HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    );
    let call = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b' '; size]).expect("it is cut off while it writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = call.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_dry_run_is_204_and_runs_nothing() {
    let running = running(|_| {}).await;
    let answer = post(&running.api, "probe", &[DRY_RUN], "{}").await;
    assert_eq!(answer.status(), 204);
    assert!(answer.body().is_empty());
    let status = &running.fleet.status()["probe"];
    assert_eq!((status.invocations, status.environments), (0, 0));
}

#[tokio::test]
async fn an_event_is_202_with_the_request_id_of_its_attempts_and_runs_later() {
    let running = running(|_| {}).await;
    let answer = post(&running.api, "probe:live", &[EVENT, TAIL], r#"{"n": 1}"#).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "x-amzn-requestid")), (202, Some("e-1")));
    assert!(answer.body().is_empty());
    assert_eq!(header(&answer, "x-amz-log-result"), None);
    let taken = running.events.events.lock().unwrap().clone();
    assert_eq!(taken, [("probe:live".to_owned(), r#"{"n": 1}"#.to_owned())]);
    assert_eq!(running.fleet.status()["probe"].invocations, 0);

    running.events.refuse.store(true, std::sync::atomic::Ordering::Relaxed);
    let answer = post(&running.api, "probe", &[EVENT], "{}").await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "x-amzn-errortype")),
        (500, Some("ServiceException"))
    );
    assert_eq!(body(&answer)["Message"], "The event could not be queued: no queue");
}

/// Output that is printed faster than it is read.
fn much(last: &str) -> String {
    much_then(last, "answer")
}

fn much_then(last: &str, then: &str) -> String {
    let line = "x".repeat(90);
    let mut lines = vec![line.as_str(); 600];
    lines.push(last);
    json!({ "do": "print", "lines": lines, "then": then }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tail_ends_with_what_was_printed_last() {
    let running = running(|_| {}).await;
    for n in 0..20 {
        let log = log(&post(&running.api, "probe", &[TAIL], much(&format!("last {n}."))).await);
        assert!(log.contains(&format!("\nlast {n}.\nEND RequestId: ")), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tail_is_of_this_request_alone() {
    let running = running(|_| {}).await;
    for n in 0..20 {
        let (earlier, own) = (format!("earlier {n}."), format!("own {n}."));
        post(&running.api, "probe", &[], much(&earlier)).await;
        let answer = post(&running.api, "probe", &[TAIL], print(&[&own])).await;
        let id = header(&answer, "x-amzn-requestid").unwrap();
        let log = log(&answer);
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(
            lines[..2],
            [format!("START RequestId: {id} Version: $LATEST"), own.clone()],
            "{log}"
        );
        assert_eq!(lines[2], format!("END RequestId: {id}"), "{log}");
        assert!(lines[3].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{log}");
        assert!(lines[3].contains("\tMemory Size: 256 MB\t"), "{log}");
        assert_eq!(lines.len(), 4, "{log}");
        let used = lines[3].split("Max Memory Used: ").nth(1).unwrap().trim_end_matches(" MB\t");
        assert!((1..256).contains(&used.parse::<u32>().unwrap()), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tail_is_there_when_the_function_fails() {
    for then in ["error", "exit", "hang"] {
        let running = within(if then == "hang" { 3 } else { 20 }).await;
        let answer = post(&running.api, "probe", &[TAIL], much_then("last words", then)).await;
        assert_eq!(header(&answer, "x-amz-function-error"), Some("Unhandled"), "{then}");
        let log = log(&answer);
        assert!(log.contains("\nlast words\n"), "{then}: {log}");
        assert!(log.lines().last().unwrap().starts_with("REPORT "), "{then}: {log}");
    }
}

#[tokio::test]
async fn the_log_tail_is_the_last_4_kb() {
    let running = running(|_| {}).await;
    let lines: Vec<_> = (0..200).map(|n| format!("{n:050}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let log = log(&post(&running.api, "probe", &[TAIL], print(&lines)).await);
    assert_eq!(log.len(), 4096);
    assert!(log.contains(lines[199]) && !log.contains(lines[100]), "{log}");
}

#[tokio::test]
async fn a_wrong_method_is_405() {
    let running = running(|_| {}).await;
    for (method, path) in
        [("GET", "/probe/invocations"), ("PUT", "/probe/invocations"), ("POST", "/probe")]
    {
        let answer = call(&running.api, method, path, &[], "").await;
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(header(&answer, "x-amzn-errortype"), Some("MethodNotAllowedException"));
    }
}

#[tokio::test]
async fn functions_are_listed_and_described() {
    let running = running(|_| {}).await;
    for path in ["", "/"] {
        let answer = call(&running.api, "GET", path, &[], "").await;
        assert_eq!(answer.status(), 200, "{path:?}");
        let listed = body(&answer);
        assert_eq!(listed["Functions"].as_array().unwrap().len(), 1);
        assert_eq!(listed["Functions"][0]["FunctionArn"], ARN);
    }
    let found = body(&call(&running.api, "GET", "/probe:live", &[], "").await);
    assert_eq!(found["Configuration"]["MemorySize"], 256);
    assert_eq!(found["Configuration"]["Timeout"], 20);
    assert_eq!(found["Configuration"]["Environment"]["Variables"]["DECLARED"], "yes");
    assert!(found["Configuration"]["CodeSize"].as_u64().unwrap() > 1 << 20);
    assert_eq!(found["Concurrency"]["ReservedConcurrentExecutions"], 1);
    for path in ["/nobody", "/probe?Qualifier=7"] {
        let missing = call(&running.api, "GET", path, &[], "").await;
        assert_eq!(missing.status(), 404, "{path}");
        assert_eq!(header(&missing, "x-amzn-errortype"), Some("ResourceNotFoundException"));
    }
}
