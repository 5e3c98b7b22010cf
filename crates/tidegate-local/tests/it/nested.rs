//! Functions that invoke functions, at the same address as all other AWS services.

use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tidegate_local::engine::Engine;

use crate::engine::{idle, options};
use crate::probe::{binary, invoke};

const DECLARED: &str = r#"
event_bytes_limit = 262144
tables = { things = { partition_key = { name = "stream", type = "S" } } }
functions = {
  probe = { memory_mb = 128, timeout_seconds = 20, maximum_concurrency = 1 }
  other = { memory_mb = 128, timeout_seconds = 20, maximum_concurrency = 1 }
}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_invokes_others_and_itself_through_the_address_it_has_for_aws() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), DECLARED);
    std::os::unix::fs::symlink(binary(), dir.path().join("bin/other")).unwrap();
    let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let call = async |mut what: Value| {
        what["do"] = json!("invoke");
        invoke(engine.functions(), what).await
    };

    let answered = call(json!({"function": "other", "payload": {"n": 1}})).await;
    let seen = (&answered["status"], &answered["payload"]["event"]);
    assert_eq!(seen, (&json!(200), &json!({"n": 1})), "{answered}");
    let failed =
        call(json!({"function": "other:live", "payload": {"do": "error", "message": "no luck"}}))
            .await;
    assert_eq!(
        (&failed["failed"], &failed["payload"]["errorMessage"]),
        (&json!("Unhandled"), &json!("no luck"))
    );
    // The other way round, with another service at the same address.
    let put = json!({"do": "put", "table": "things", "keys": ["a"]});
    assert_eq!(call(json!({"function": "other", "payload": put})).await["payload"], Value::Null);
    let dry = call(json!({"function": "other", "type": "DryRun", "payload": {}})).await;
    assert_eq!(dry["status"], 204);
    let event = json!({"do": "print", "lines": ["ran as an event"]});
    assert_eq!(
        call(json!({"function": "other", "type": "Event", "payload": event})).await["status"],
        202
    );
    // The caller occupies the only environment.
    let itself = call(json!({"function": "probe", "payload": {}})).await;
    assert_eq!(itself, json!({"refused": "TooManyRequestsException"}));
    let nobody = call(json!({"function": "nobody", "payload": {}})).await;
    assert_eq!(nobody, json!({"refused": "ResourceNotFoundException"}));

    // The other operations of Invoke reach the engine at the same address.
    let variables = std::fs::read_to_string(dir.path().join("state/functions/other.env")).unwrap();
    let address =
        variables.lines().find_map(|line| line.strip_prefix("AWS_ENDPOINT_URL=")).unwrap();
    let sdk = crate::aws_sdk::client(address);
    let mut streamed =
        sdk.invoke_with_response_stream().function_name("other").send().await.unwrap();
    assert!(streamed.event_stream.recv().await.unwrap().unwrap().is_payload_chunk());

    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let ran = |status: &Value| status["functions"]["other"]["invocations"] == 5;
    let status = idle(&client, "was the event delivered", ran).await;
    let calls = &status["calls"];
    let errors = json!({"TooManyRequestsException": 1, "ResourceNotFoundException": 1});
    let counted = json!({"calls": 7, "ok": 5, "errors": errors, "billed": {}});
    assert_eq!(calls["probe"]["Lambda.Invoke"], counted);
    assert_eq!(calls["other"]["DynamoDB.PutItem"]["ok"], 1);
    engine.shutdown().await;
}
