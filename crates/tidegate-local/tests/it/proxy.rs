//! The proxy between real functions and a live emulator.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::json;
use tidegate_local::clients::Clients;
use tidegate_local::proxy::billed::TableKeys;
use tidegate_local::proxy::{Call, CallCount, Hook, Proxy, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::backend::{TestBackend, ministack};
use crate::probe::{binary, fleet, invoke, spec};

async fn with_table_and_bucket() -> TestBackend {
    let backend = ministack().await;
    let Clients { dynamodb, s3, .. } = &backend.clients;
    let key = KeySchemaElement::builder().attribute_name("key").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder()
        .attribute_name("key")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let create = dynamodb.create_table().table_name("table").billing_mode(BillingMode::PayPerRequest);
    create.key_schema(key).attribute_definitions(attribute).send().await.unwrap();
    s3.create_bucket().bucket("bucket").send().await.unwrap();
    backend
}

fn count(calls: u64, ok: u64, errors: &[(&str, u64)], billed: &[(&str, f64)]) -> CallCount {
    let errors = errors.iter().map(|(code, n)| ((*code).to_owned(), *n)).collect();
    let billed = billed.iter().map(|(quantity, amount)| ((*quantity).to_owned(), *amount)).collect();
    CallCount { calls, ok, errors, billed }
}

#[tokio::test]
async fn calls_of_a_function_reach_the_emulator_and_are_counted_by_operation() {
    let backend = with_table_and_bucket().await;
    let callers = ["probe".to_owned(), "other".to_owned()];
    let proxy =
        Proxy::start(backend.emulator.endpoint(), callers, Vec::new(), TableKeys::new()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut function = spec(&binary());
    function.timeout = std::time::Duration::from_secs(20);
    function.endpoint = proxy.endpoint("probe").unwrap();
    let fleet = fleet(dir.path(), function);
    let answer = invoke(&fleet, json!({"do": "call", "table": "table", "bucket": "bucket"})).await;
    assert_eq!(answer, json!({"puts": [true, false], "object": 2 << 20}));

    let calls = proxy.calls();
    assert!(!calls.contains_key("other"), "{calls:?}");
    let probe = &calls["probe"];
    assert_eq!(
        probe["DynamoDB.PutItem"],
        count(2, 1, &[("ConditionalCheckFailedException", 1)], &[("dynamodb_write_units", 2.0)])
    );
    assert_eq!(probe["S3.PutObject"], count(1, 1, &[], &[("s3_put_requests", 1.0)]));
    assert_eq!(probe["S3.GetObject"], count(1, 1, &[], &[("s3_get_requests", 1.0)]));
    assert_eq!(probe["SES.VerifyEmailIdentity"], count(1, 1, &[], &[]));
    assert_eq!(probe["EventBridge.ListEventBuses"], count(1, 1, &[], &[]));
    assert_eq!(probe.len(), 5, "{probe:?}");
}

#[tokio::test]
async fn an_emulator_that_does_not_answer_is_a_counted_failure() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&format!("http://{nobody}"), ["f".to_owned()], Vec::new(), TableKeys::new())
        .await
        .unwrap();
    let clients = Clients::new(&proxy.endpoint("f").unwrap());
    let failed = clients.dynamodb.list_tables().send().await.unwrap_err();
    assert_eq!(failed.raw_response().unwrap().status().as_u16(), 502);
    let count = &proxy.calls()["f"]["DynamoDB.ListTables"];
    assert!(count.calls >= 1 && count.ok == 0, "{count:?}");
    assert_eq!(count.errors.get("ServiceUnavailable"), Some(&count.calls));
}

/// Answers every `ListTables` itself and turns every other answer into an error.
#[derive(Debug)]
struct Refusing;

impl Hook for Refusing {
    fn before<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        let reply = Reply::new(Bytes::from_static(br#"{"TableNames":["made-up"]}"#));
        Box::pin(async move { (call.operation == "DynamoDB.ListTables").then_some(reply) })
    }

    fn after<'a>(&'a self, call: &'a Call, mut reply: Reply) -> BoxFuture<'a, Reply> {
        if call.operation != "DynamoDB.ListTables" {
            *reply.status_mut() = http::StatusCode::BAD_REQUEST;
            *reply.body_mut() = Bytes::from_static(br#"{"__type":"ValidationException"}"#);
            reply.headers_mut().remove("content-length");
            reply.headers_mut().remove("x-amz-crc32");
        }
        Box::pin(async { reply })
    }
}

#[tokio::test]
async fn a_hook_can_answer_before_and_replace_after_and_both_are_counted() {
    let backend = with_table_and_bucket().await;
    let hooks: Vec<Arc<dyn Hook>> = vec![Arc::new(Refusing)];
    let proxy =
        Proxy::start(backend.emulator.endpoint(), ["f".to_owned()], hooks, TableKeys::new()).await.unwrap();
    let clients = Clients::new(&proxy.endpoint("f").unwrap());
    let tables = clients.dynamodb.list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), ["made-up"]);
    let refused = clients.dynamodb.describe_table().table_name("table").send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 400);
    assert_eq!(proxy.calls()["f"]["DynamoDB.ListTables"], count(1, 1, &[], &[]));
    assert_eq!(proxy.calls()["f"]["DynamoDB.DescribeTable"], count(1, 0, &[("ValidationException", 1)], &[]));
}

/// Takes its time with an answer.
#[derive(Debug, Default)]
struct Slow {
    arrived: Notify,
    go: Notify,
}

impl Hook for Slow {
    fn before<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        Box::pin(async {
            self.arrived.notify_one();
            self.go.notified().await;
            Some(Reply::new(Bytes::from_static(br#"{"TableNames":[]}"#)))
        })
    }
}

#[tokio::test]
async fn a_call_whose_caller_hung_up_is_carried_out_and_counted() {
    let slow = Arc::new(Slow::default());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hooks: Vec<Arc<dyn Hook>> = vec![slow.clone()];
    let proxy =
        Proxy::start(&format!("http://{nobody}"), ["f".to_owned()], hooks, TableKeys::new()).await.unwrap();
    let endpoint = proxy.endpoint("f").unwrap();
    let mut caller = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).await.unwrap();
    let request = "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Length: 2\r\n\r\n{}";
    caller.write_all(request.as_bytes()).await.unwrap();
    slow.arrived.notified().await;
    caller.shutdown().await.unwrap();
    // The proxy closes its side once it knows that nobody waits.
    assert_eq!(caller.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(proxy.calls().is_empty());
    slow.go.notify_one();
    let counted = async {
        while proxy.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), counted).await.expect("the call is counted");
    assert_eq!(proxy.calls()["f"]["DynamoDB.ListTables"], count(1, 1, &[], &[]));
}
