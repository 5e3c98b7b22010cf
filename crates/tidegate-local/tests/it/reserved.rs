//! Reserved concurrency of zero switches a function off.

use std::time::Duration;

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::types::ThrottleReason;
use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tidegate_local::engine::Engine;

use crate::engine::{DECLARED, invoke_event, options};

async fn until(client: &EngineClient, reached: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let status = client.status().await.unwrap();
        if reached(&status) {
            return status;
        }
        assert!(tokio::time::Instant::now() < deadline, "{status:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_with_no_concurrency_reserved_is_throttled_whoever_invokes_it_and_its_events_are_given_up()
 {
    let dir = tempfile::tempdir().unwrap();
    let declared = DECLARED.replace(
        "maximum_concurrency = 8",
        "maximum_concurrency = 8\n    reserved_concurrency = 0",
    );
    let engine = Engine::start(options(dir.path(), &declared))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();

    let lambda = crate::aws_sdk::client(&engine.control_url());
    let error =
        lambda.invoke().function_name("probe").send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("TooManyRequestsException"));
    let aws_sdk_lambda::operation::invoke::InvokeError::TooManyRequestsException(throttled) = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        throttled.reason,
        Some(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded)
    );

    let request_id = invoke_event(&engine, r#"{"do":"echo"}"#).await;
    let clients = engine.clients();
    let put =
        clients.kinesis.put_record().stream_name("orders").partition_key("k").data(Blob::new("{}"));
    put.send().await.unwrap();
    let url =
        clients.sqs.get_queue_url().queue_name("work").send().await.unwrap().queue_url.unwrap();
    clients.sqs.send_message().queue_url(url).message_body("{}").send().await.unwrap();

    let throttled = |status: &Value, kind: &str| {
        let mappings = status["mappings"].as_array().unwrap();
        let mapping = mappings.iter().find(|mapping| mapping["kind"] == kind).unwrap();
        mapping["throttled"].as_u64().unwrap()
    };
    let status = until(&client, |status| {
        // More often than the stream's mapping may retry.
        throttled(status, "kinesis") > 6
            && throttled(status, "sqs") > 0
            && status["dead_letters"]["total"] == 1
    })
    .await;
    for mapping in status["mappings"].as_array().unwrap() {
        assert_eq!(
            (&mapping["retries"], &mapping["discarded"]),
            (&json!(0), &json!(0)),
            "{mapping}"
        );
    }
    assert_eq!(status["functions"]["probe"]["environments"], 0);
    let events = &status["asynchronous"][0];
    assert_eq!((&events["failed"], &events["throttled"]), (&json!(1), &json!(0)));

    let url =
        clients.sqs.get_queue_url().queue_name("failures").send().await.unwrap().queue_url.unwrap();
    let letters = clients.sqs.receive_message().queue_url(url).send().await.unwrap();
    let mut record: Value = serde_json::from_str(letters.messages()[0].body().unwrap()).unwrap();
    assert!(record["timestamp"].take().is_string());
    assert_eq!(
        record,
        json!({
            "version": "1.0",
            "timestamp": null,
            "requestContext": {
                "requestId": request_id,
                "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:probe:live",
                "condition": "ZeroReservedConcurrency",
                "approximateInvokeCount": 0
            },
            "requestPayload": {"do": "echo"}
        })
    );
    engine.shutdown().await;
}
