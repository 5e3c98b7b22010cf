//! The AWS SDK for Rust as a client.

use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType, ThrottleReason};
use aws_sdk_lambda::{Client, Config};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::control::running;
use crate::probe::{begin, until};

/// A client that calls once.
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

#[tokio::test]
async fn the_sdk_invokes_and_understands_what_it_is_answered() {
    let running = running(|_| {}).await;
    let client = client(&running.api.url());
    let probe = || client.invoke().function_name("probe");

    let print = Blob::new(json!({"do": "print", "lines": ["hello"]}).to_string());
    let answer = probe().qualifier("live").log_type(LogType::Tail).payload(print).send().await.unwrap();
    assert_eq!((answer.status_code(), answer.executed_version()), (200, Some("$LATEST")));
    assert_eq!((json(answer.payload()), answer.function_error()), (Value::Null, None));
    let log = String::from_utf8(STANDARD.decode(answer.log_result().unwrap()).unwrap()).unwrap();
    assert!(log.contains("\nhello\nEND RequestId: "), "{log}");

    let fail = Blob::new(r#"{"do":"error","message":"no luck"}"#);
    let failed = probe().payload(fail).send().await.unwrap();
    assert_eq!(failed.function_error(), Some("Unhandled"));
    assert_eq!(json(failed.payload())["errorMessage"], "no luck");

    let event = probe().invocation_type(InvocationType::Event).payload(Blob::new("{}")).send().await.unwrap();
    assert_eq!(event.status_code(), 202);
    let dry = probe().invocation_type(InvocationType::DryRun).send().await.unwrap();
    assert_eq!(dry.status_code(), 204);

    let unknown = refused(client.invoke().function_name("nobody").send().await);
    assert!(unknown.is_resource_not_found_exception(), "{unknown:?}");
    assert!(unknown.message().unwrap().starts_with("Function not found: arn:aws:lambda:"), "{unknown:?}");
    let malformed = refused(probe().payload(Blob::new("{")).send().await);
    assert!(malformed.is_invalid_request_content_exception(), "{malformed:?}");

    let hanging = begin(&running.fleet, json!({"do": "hang"}));
    until("the only environment is busy", || running.fleet.in_flight() == 1).await;
    let InvokeError::TooManyRequestsException(throttled) = refused(probe().send().await) else {
        panic!("not throttled")
    };
    assert_eq!(throttled.reason(), Some(&ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded));
    assert_eq!(throttled.retry_after_seconds(), Some("1"));
    hanging.abort();

    let listed = client.list_functions().send().await.unwrap();
    assert_eq!(listed.functions()[0].function_name(), Some("probe"));
    let found = client.get_function().function_name("probe").send().await.unwrap();
    assert_eq!(found.configuration().unwrap().memory_size(), Some(256));
}
