//! The endpoint: one address for AWS and Lambda, for everything but functions.

use std::sync::Arc;

use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tidegate_local::clients::Clients;
use tidegate_local::engine::Engine;
use tidegate_local::proxy::{Hook, Proxy};

use crate::backend::ministack;
use crate::engine::{idle, options};
use crate::proxy::Refusing;
use crate::silent::send;

const DECLARED: &str = r#"
tables = { things = { partition_key = { name = "stream", type = "S" } } }
functions = {
  probe = {
    memory_mb = 128, timeout_seconds = 20, maximum_concurrency = 1
    uses = { THINGS = { table = "things", access = "read-write" } }
  }
}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_and_lambda_answer_at_one_address_and_no_function_pays_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let endpoint = engine.file().endpoint.clone();
    assert_ne!(endpoint, engine.file().emulator_url);

    let lambda = crate::aws_sdk::client(&endpoint);
    let invoke = |payload: Value| {
        lambda.invoke().function_name("probe").payload(Blob::new(payload.to_string())).send()
    };
    let answered = invoke(json!({"n": 1})).await.unwrap();
    let payload: Value = serde_json::from_slice(answered.payload().unwrap().as_ref()).unwrap();
    assert_eq!(payload["event"], json!({"n": 1}));
    let tables = Clients::new(&endpoint).dynamodb.list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), ["things"]);

    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let status = idle(&client, "idle", |_| true).await;
    assert_eq!(status["calls"], json!({}), "calls of programs belong to no function");
    invoke(json!({"do": "put", "table": "things", "keys": ["a"]})).await.unwrap();
    let status = idle(&client, "idle", |_| true).await;
    assert_eq!(status["calls"]["probe"]["DynamoDB.PutItem"]["ok"], 1);

    // The emulator has a Lambda of its own, whose mappings would run beside the engine's.
    let mapping = lambda.create_event_source_mapping().function_name("probe").send().await;
    let refused = mapping.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("UnknownOperationException"));
    assert!(refused.message().unwrap().contains("in the topology"), "{refused:?}");
    engine.shutdown().await;
}

#[tokio::test]
async fn faults_of_functions_do_not_reach_calls_of_programs_and_nobody_counts_them() {
    let backend = ministack().await;
    let hooks: Vec<Arc<dyn Hook>> = vec![Arc::new(Refusing)];
    let emulator = backend.emulator.endpoint();
    let proxy = Proxy::start(emulator, ["f".to_owned()], hooks, Default::default()).await.unwrap();
    let tables = async |endpoint: String| {
        let listed = Clients::new(&endpoint).dynamodb.list_tables().send().await;
        listed.unwrap().table_names().to_vec()
    };
    assert_eq!(tables(proxy.endpoint("f").unwrap()).await, ["made-up"], "the hook answers");
    assert!(tables(proxy.programs_endpoint()).await.is_empty());
    let calls = proxy.calls();
    assert_eq!((calls.len(), calls["f"]["DynamoDB.ListTables"].calls), (1, 1), "{calls:?}");
}

#[tokio::test]
async fn a_page_in_a_browser_gets_nothing_and_a_program_gets_what_is_there() {
    let backend = ministack().await;
    let emulator = backend.emulator.endpoint();
    let proxy = Proxy::start(emulator, [], Vec::new(), Default::default()).await.unwrap();
    let endpoint = proxy.programs_endpoint();
    let address = endpoint.strip_prefix("http://").unwrap();
    let list = ("x-amz-target", "DynamoDB_20120810.ListTables");
    for (header, status) in [
        (("origin", "http://example.com"), 403),
        (("origin", "null"), 403),
        (("host", "example.com"), 403),
        (("sec-fetch-site", "cross-site"), 403),
        (("accept", "*/*"), 200),
    ] {
        let answer = send("POST", address, "/", &[list, header], "{}").await;
        assert_eq!(answer.status(), status, "{header:?}");
    }
    let nothing = send("POST", address, "/", &[], "{}").await;
    let says = String::from_utf8(nothing.body().to_vec()).unwrap();
    assert!(nothing.status() == 404 && says.contains("names no AWS service"), "{says}");
}
