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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::backend::{TestBackend, ministack};
use crate::probe::{binary, fleet, invoke, spec};

async fn with_table_and_bucket() -> TestBackend {
    let backend = ministack().await;
    let Clients { dynamodb, s3, .. } = &backend.clients;
    let key =
        KeySchemaElement::builder().attribute_name("key").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder()
        .attribute_name("key")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let create =
        dynamodb.create_table().table_name("table").billing_mode(BillingMode::PayPerRequest);
    create.key_schema(key).attribute_definitions(attribute).send().await.unwrap();
    s3.create_bucket().bucket("bucket").send().await.unwrap();
    backend
}

fn count(calls: u64, ok: u64, errors: &[(&str, u64)], billed: &[(&str, f64)]) -> CallCount {
    let errors = errors.iter().map(|(code, n)| ((*code).to_owned(), *n)).collect();
    let billed =
        billed.iter().map(|(quantity, amount)| ((*quantity).to_owned(), *amount)).collect();
    CallCount { calls, ok, errors, billed }
}

#[tokio::test]
async fn calls_of_a_function_reach_the_emulator_and_are_counted_by_operation() {
    let backend = with_table_and_bucket().await;
    let callers = ["probe".to_owned(), "other".to_owned()];
    let proxy = Proxy::start(backend.emulator.endpoint(), callers, Vec::new(), TableKeys::new())
        .await
        .unwrap();
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
    let proxy =
        Proxy::start(&format!("http://{nobody}"), ["f".to_owned()], Vec::new(), TableKeys::new())
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
pub(crate) struct Refusing;

impl Hook for Refusing {
    fn before<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        let reply = Reply::new(Bytes::from_static(br#"{"TableNames":["made-up"]}"#).into());
        Box::pin(async move { (call.operation == "DynamoDB.ListTables").then_some(reply) })
    }

    fn after<'a>(&'a self, call: &'a Call, mut reply: Reply) -> BoxFuture<'a, Reply> {
        if call.operation != "DynamoDB.ListTables" {
            *reply.status_mut() = http::StatusCode::BAD_REQUEST;
            *reply.body_mut() = Bytes::from_static(br#"{"__type":"ValidationException"}"#).into();
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
        Proxy::start(backend.emulator.endpoint(), ["f".to_owned()], hooks, TableKeys::new())
            .await
            .unwrap();
    let clients = Clients::new(&proxy.endpoint("f").unwrap());
    let tables = clients.dynamodb.list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), ["made-up"]);
    let refused = clients.dynamodb.describe_table().table_name("table").send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 400);
    assert_eq!(proxy.calls()["f"]["DynamoDB.ListTables"], count(1, 1, &[], &[]));
    assert_eq!(
        proxy.calls()["f"]["DynamoDB.DescribeTable"],
        count(1, 0, &[("ValidationException", 1)], &[])
    );
}

/// Answers only when the test allows it.
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
            Some(Reply::new(Bytes::from_static(br#"{"TableNames":[]}"#).into()))
        })
    }
}

#[tokio::test]
async fn a_call_whose_caller_hung_up_is_carried_out_and_counted() {
    let slow = Arc::new(Slow::default());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hooks: Vec<Arc<dyn Hook>> = vec![Arc::<Slow>::clone(&slow)];
    let proxy =
        Proxy::start(&format!("http://{nobody}"), ["f".to_owned()], hooks, TableKeys::new())
            .await
            .unwrap();
    let endpoint = proxy.endpoint("f").unwrap();
    let mut caller = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).await.unwrap();
    let request = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Length: 2\r\n\r\n{}";
    caller.write_all(request.as_bytes()).await.unwrap();
    slow.arrived.notified().await;
    caller.shutdown().await.unwrap();
    // The proxy closes its side once it knows that the caller no longer waits.
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

/// A proxy in front of this listener, and the address of its one caller `f`.
async fn in_front_of(upstream: &TcpListener) -> (Proxy, String) {
    let endpoint = format!("http://{}", upstream.local_addr().unwrap());
    let proxy =
        Proxy::start(&endpoint, ["f".to_owned()], Vec::new(), TableKeys::new()).await.unwrap();
    let address = proxy.endpoint("f").unwrap().strip_prefix("http://").unwrap().to_owned();
    (proxy, address)
}

/// Fails if a future takes ten seconds: something then holds it back.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.expect("it is held back")
}

/// Reads until these bytes have come.
async fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.windows(end.len()).any(|part| part == end) {
        assert_ne!(
            soon(stream.read_buf(&mut read)).await.unwrap(),
            0,
            "ended: {}",
            String::from_utf8_lossy(&read)
        );
    }
    read
}

#[tokio::test]
async fn large_bodies_pass_as_they_come_in_both_directions() {
    const SIZE: usize = 20 << 20;
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (proxy, address) = in_front_of(&upstream).await;
    let mut caller = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PUT /bucket/key HTTP/1.1\r\nHost: {address}\r\nContent-Length: {SIZE}\r\n\r\nbegin"
    );
    caller.write_all(head.as_bytes()).await.unwrap();
    let (mut server, _) = soon(upstream.accept()).await.unwrap();
    // The rest has not been sent yet.
    let read = read_until(&mut server, b"begin").await;
    assert!(
        String::from_utf8_lossy(&read).contains(&format!("ength: {SIZE}")),
        "the length is passed on"
    );
    let (mut from_caller, mut to_server) = caller.split();
    let (mut from_proxy, mut to_proxy) = server.split();
    let rest = vec![b'x'; SIZE - 5];
    let (sent, received) = tokio::join!(to_server.write_all(&rest), async {
        let mut received = vec![0; SIZE - 5];
        from_proxy.read_exact(&mut received).await.unwrap();
        received
    });
    sent.unwrap();
    assert!(received == rest);

    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\nbegin");
    to_proxy.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let mut length = 0;
    while !answer[..length].ends_with(b"begin") {
        length += soon(from_caller.read(&mut answer[length..])).await.unwrap();
    }
    let (sent, received) = tokio::join!(to_proxy.write_all(&rest), async {
        let mut received = vec![0; SIZE - 5];
        from_caller.read_exact(&mut received).await.unwrap();
        received
    });
    sent.unwrap();
    assert!(received == rest);
    assert_eq!(proxy.calls()["f"]["S3.PutObject"], count(1, 1, &[], &[("s3_put_requests", 1.0)]));
}

#[tokio::test]
async fn an_answer_of_dynamodb_above_16_mib_arrives_and_is_billed() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (proxy, address) = in_front_of(&upstream).await;
    let mut caller = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    caller.write_all(request.as_bytes()).await.unwrap();
    let (mut server, _) = soon(upstream.accept()).await.unwrap();
    read_until(&mut server, b"\r\n\r\n{}").await;
    let body = format!(r#"{{"Item":{{"key":{{"S":"{}"}}}}}}"#, "x".repeat(17 << 20));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut answer = Vec::new();
    let (sent, read) = tokio::join!(
        async {
            server.write_all(head.as_bytes()).await?;
            server.write_all(body.as_bytes()).await
        },
        caller.read_to_end(&mut answer)
    );
    sent.unwrap();
    read.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK") && answer.ends_with(body.as_bytes()));
    let read = &proxy.calls()["f"]["DynamoDB.GetItem"];
    assert!(read.ok == 1 && read.billed["dynamodb_read_units"] > 1000.0, "{read:?}");
}

#[tokio::test]
async fn an_upload_that_is_broken_off_is_no_upload() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (proxy, address) = in_front_of(&upstream).await;
    let mut caller = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PUT /bucket/key HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"
    );
    caller.write_all(head.as_bytes()).await.unwrap();
    let (mut server, _) = soon(upstream.accept()).await.unwrap();
    read_until(&mut server, b"begin\r\n").await;
    drop(caller);
    let mut rest = Vec::new();
    // In whatever way the connection ends, the last chunk is missing.
    let _ = soon(server.read_to_end(&mut rest)).await;
    assert_eq!(String::from_utf8_lossy(&rest), "");
    crate::probe::until("it is counted", || !proxy.calls().is_empty()).await;
    assert_eq!(proxy.calls()["f"]["S3.PutObject"].ok, 0);
}

#[tokio::test]
async fn a_page_in_a_browser_reaches_nothing_through_the_proxy() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (proxy, address) = in_front_of(&upstream).await;
    let host = format!("Host: {address}\r\n");
    for headers in [
        format!("{host}Origin: http://example.com\r\n"),
        format!("{host}Origin: null\r\n"),
        format!("{host}Sec-Fetch-Site: cross-site\r\n"),
        "Host: rebound.example.com\r\n".to_owned(),
    ] {
        for request in
            ["GET /bucket/key", "GET /?Action=Publish", "OPTIONS /bucket/key", "PUT /bucket/key"]
        {
            let mut page = TcpStream::connect(&address).await.unwrap();
            let request = format!("{request} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
            page.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            soon(page.read_to_string(&mut answer)).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 "), "{request}: {answer}");
            assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        }
    }
    assert!(proxy.calls().is_empty(), "nothing was called");
    let connected = tokio::time::timeout(Duration::from_millis(50), upstream.accept()).await;
    assert!(connected.is_err(), "nothing was passed on");

    // A program's request with the bucket in the host name passes.
    let mut program = TcpStream::connect(&address).await.unwrap();
    program.write_all(b"GET /key HTTP/1.1\r\nHost: bucket.localhost\r\n\r\n").await.unwrap();
    let (mut server, _) = soon(upstream.accept()).await.unwrap();
    let read = read_until(&mut server, b"\r\n\r\n").await;
    assert!(String::from_utf8_lossy(&read).to_lowercase().contains("host: bucket.localhost"));
}

/// Answers every call itself.
#[derive(Debug)]
struct Denying;

impl Hook for Denying {
    fn before<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Option<Reply>> {
        let mut reply =
            Reply::new(Bytes::from_static(b"<Error><Code>AccessDenied</Code></Error>").into());
        *reply.status_mut() = http::StatusCode::FORBIDDEN;
        Box::pin(async { Some(reply) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_a_large_body_hears_what_a_hook_answers() {
    let hooks: Vec<Arc<dyn Hook>> = vec![Arc::new(Denying)];
    let proxy = Proxy::start("http://127.0.0.1:9", ["f".to_owned()], hooks, TableKeys::new())
        .await
        .unwrap();
    let address = proxy.endpoint("f").unwrap().strip_prefix("http://").unwrap().to_owned();
    let mut caller = TcpStream::connect(&address).await.unwrap();
    let size = 20 << 20;
    let head = format!(
        "PUT /bucket/key HTTP/1.1\r\nHost: {address}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    );
    caller.write_all(head.as_bytes()).await.unwrap();
    caller.write_all(&vec![b'x'; size]).await.expect("it is cut off while it writes");
    let mut answer = String::new();
    soon(caller.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("</Error>"), "{answer}");
    assert_eq!(proxy.calls()["f"]["S3.PutObject"], count(1, 0, &[("AccessDenied", 1)], &[]));
}
