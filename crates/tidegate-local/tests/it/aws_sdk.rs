//! The AWS SDK for Rust as a client.

use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    InvocationType, InvokeWithResponseStreamCompleteEvent,
    InvokeWithResponseStreamResponseEvent as Event, LogType, ThrottleReason,
};
use aws_sdk_lambda::{Client, Config};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tidegate_local::environment::Functions;

use crate::control::running;
use crate::probe::{begin, until};

/// A client without retries.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(aws_sdk_lambda::config::retry::RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

fn json(payload: Option<&Blob>) -> Value {
    serde_json::from_slice(payload.unwrap().as_ref()).unwrap()
}

fn refused(result: Result<InvokeOutput, SdkError<InvokeError>>) -> InvokeError {
    result.unwrap_err().into_service_error()
}

/// Calls InvokeWithResponseStream. Returns the payload, and how the stream ended.
async fn streamed(
    client: &Client,
    payload: &Value,
) -> (Vec<u8>, InvokeWithResponseStreamCompleteEvent) {
    let invoke =
        client.invoke_with_response_stream().function_name("probe").log_type(LogType::Tail);
    let answer = invoke.payload(Blob::new(payload.to_string())).send().await.unwrap();
    assert_eq!((answer.status_code(), answer.executed_version()), (200, Some("$LATEST")));
    let (mut stream, mut chunks) = (answer.event_stream, Vec::new());
    loop {
        match stream.recv().await.unwrap() {
            Some(Event::PayloadChunk(chunk)) => chunks.extend(chunk.payload.unwrap().into_inner()),
            Some(Event::InvokeComplete(end)) => {
                assert!(stream.recv().await.unwrap().is_none(), "something follows the end");
                return (chunks, end);
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn streams_are_understood(client: &Client) {
    // More than one chunk.
    let long = json!({"text": "x".repeat(200_000)});
    let (payload, end) = streamed(client, &long).await;
    let answer: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((&answer["event"], end.error_code()), (&long, None));
    let log = String::from_utf8(STANDARD.decode(end.log_result().unwrap()).unwrap()).unwrap();
    assert!(log.contains("END RequestId: "), "{log}");

    let (payload, end) = streamed(client, &json!({"do": "error", "message": "no luck"})).await;
    assert!(payload.is_empty(), "{payload:?}");
    assert_eq!(end.error_code(), Some("Unhandled"));
    let details: Value = serde_json::from_str(end.error_details().unwrap()).unwrap();
    assert_eq!(details["errorMessage"], "no luck");

    let unknown = client.invoke_with_response_stream().function_name("nobody").send().await;
    let unknown = unknown.err().unwrap().into_service_error();
    assert!(unknown.is_resource_not_found_exception(), "{unknown:?}");
}

/// The request that boto3's `invoke_async` sends.
#[allow(deprecated, reason = "InvokeAsync is deprecated, and answered all the same")]
#[tokio::test]
async fn an_event_by_the_deprecated_operation_is_taken_like_one_by_invoke() {
    let running = running(|_| {}).await;
    let client = client(&running.api.url());
    let event = || aws_sdk_lambda::primitives::ByteStream::from_static(b"{}");
    let taken =
        client.invoke_async().function_name("probe").invoke_args(event()).send().await.unwrap();
    assert_eq!(taken.status(), 202);
    let unknown = client.invoke_async().function_name("nobody").invoke_args(event()).send().await;
    let unknown = unknown.err().unwrap().into_service_error();
    assert!(unknown.is_resource_not_found_exception(), "{unknown:?}");
}

#[tokio::test]
async fn the_sdk_invokes_and_understands_what_it_is_answered() {
    let running = running(|_| {}).await;
    let client = client(&running.api.url());
    let probe = || client.invoke().function_name("probe");

    let print = Blob::new(json!({"do": "print", "lines": ["hello"]}).to_string());
    let answer =
        probe().qualifier("live").log_type(LogType::Tail).payload(print).send().await.unwrap();
    assert_eq!((answer.status_code(), answer.executed_version()), (200, Some("$LATEST")));
    assert_eq!((json(answer.payload()), answer.function_error()), (Value::Null, None));
    let log = String::from_utf8(STANDARD.decode(answer.log_result().unwrap()).unwrap()).unwrap();
    assert!(log.contains("\nhello\nEND RequestId: "), "{log}");

    let fail = Blob::new(r#"{"do":"error","message":"no luck"}"#);
    let failed = probe().payload(fail).send().await.unwrap();
    assert_eq!(failed.function_error(), Some("Unhandled"));
    assert_eq!(json(failed.payload())["errorMessage"], "no luck");

    streams_are_understood(&client).await;

    let event = probe()
        .invocation_type(InvocationType::Event)
        .payload(Blob::new("{}"))
        .send()
        .await
        .unwrap();
    assert_eq!(event.status_code(), 202);
    let dry = probe().invocation_type(InvocationType::DryRun).send().await.unwrap();
    assert_eq!(dry.status_code(), 204);

    let unknown = refused(client.invoke().function_name("nobody").send().await);
    assert!(unknown.is_resource_not_found_exception(), "{unknown:?}");
    assert!(
        unknown.message().unwrap().starts_with("Function not found: arn:aws:lambda:"),
        "{unknown:?}"
    );
    let malformed = refused(probe().payload(Blob::new("{")).send().await);
    assert!(malformed.is_invalid_request_content_exception(), "{malformed:?}");

    let hanging = begin(&running.fleet, json!({"do": "hang"}));
    until("the only environment is busy", || running.fleet.in_flight() == 1).await;
    let InvokeError::TooManyRequestsException(throttled) = refused(probe().send().await) else {
        panic!("not throttled")
    };
    assert_eq!(
        throttled.reason(),
        Some(&ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded)
    );
    assert_eq!(throttled.retry_after_seconds(), Some("1"));
    hanging.abort();

    let listed = client.list_functions().send().await.unwrap();
    assert_eq!(listed.functions()[0].function_name(), Some("probe"));
    let found = client.get_function().function_name("probe").send().await.unwrap();
    assert_eq!(found.configuration().unwrap().memory_size(), Some(256));
}
