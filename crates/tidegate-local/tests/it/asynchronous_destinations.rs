//! Tests of destinations of asynchronous invocations in a whole engine, functions among them.

use std::path::Path;

use bytes::Bytes;
use engine_client::client::EngineClient;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tidegate_local::engine::{Engine, Options};

use crate::engine::{idle, invoke_event, options};

/// `keeper` is the on-failure destination of `probe`. The records of both their successes go to
/// queues.
const DECLARED: &str = r#"
queues = {
  done     = {}
  kept     = {}
  failures = { retention_seconds = 1209600 }
}
functions = {
  probe = {
    timeout_seconds = 10
    asynchronous = {
      maximum_retry_attempts = 1
      on_failure             = { function = "keeper" }
      on_success             = { queue = "done" }
    }
  }
  keeper = {
    timeout_seconds = 10
    asynchronous = {
      on_failure = { queue = "failures" }
      on_success = { queue = "kept" }
    }
  }
}
"#;

fn both(dir: &Path, declared: &str) -> Options {
    let options = options(dir, declared);
    std::os::unix::fs::symlink(crate::probe::binary(), dir.join("bin/keeper")).unwrap();
    options
}

/// Returns the state that the console shows.
async fn console(engine: &Engine) -> Value {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("{}/console/state", engine.control_url()).parse().unwrap();
    let answer = client.get(uri).await.unwrap().into_body().collect().await.unwrap();
    serde_json::from_slice(&answer.to_bytes()).unwrap()
}

async fn received(engine: &Engine, queue: &str) -> Value {
    let sqs = &engine.clients().sqs;
    let url = sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap();
    let received = sqs.receive_message().queue_url(url).wait_time_seconds(10).send().await.unwrap();
    serde_json::from_str(received.messages().first().unwrap().body().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_is_invoked_with_the_record_of_what_another_gave_up_and_a_success_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let started = Engine::start(both(dir.path(), DECLARED)).await;
    let engine = started.unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let poison = json!({"do": "error", "message": "no luck"});
    let given_up = invoke_event(&engine, &poison.to_string()).await;
    let of = |status: &Value, function: &str, count: &str| {
        let mut queues = status["asynchronous"].as_array().unwrap().iter();
        queues
            .find(|queue| queue["function"] == function)
            .map_or(json!(0), |queue| queue[count].clone())
    };
    let status = idle(&client, "kept", |status| of(status, "keeper", "told") == 1).await;
    assert_eq!(
        (of(&status, "probe", "failed"), of(&status, "probe", "told")),
        (json!(1), json!(0))
    );
    assert_eq!(
        (of(&status, "keeper", "delivered"), of(&status, "keeper", "failed")),
        (json!(1), json!(0))
    );

    let kept = received(&engine, "kept").await;
    let context = &kept["requestContext"];
    assert_eq!(
        (&context["condition"], &context["approximateInvokeCount"]),
        (&json!("Success"), &json!(1))
    );
    let arn = "arn:aws:lambda:us-east-1:000000000000:function";
    assert_eq!(context["functionArn"], format!("{arn}:keeper:$LATEST"));
    assert_eq!(kept["responseContext"], json!({"statusCode": 200, "executedVersion": "$LATEST"}));
    let record = &kept["requestPayload"];
    assert_eq!(record["requestContext"]["requestId"], given_up);
    assert_eq!(record["requestContext"]["functionArn"], format!("{arn}:probe:live"));
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(record["requestPayload"], poison);
    // The function itself saw this very record, in an invocation of its own.
    let seen = &kept["responsePayload"];
    assert_eq!((&seen["event"], &seen["request_id"]), (record, &context["requestId"]));
    assert_ne!(seen["request_id"], given_up);

    let edges = console(&engine).await["edges"].clone();
    assert_eq!(edges["keeper → kept (succeeds)"], json!({"count": 1}), "{edges:#}");
    assert_eq!(edges["probe → done (succeeds)"], json!({"count": 0}), "{edges:#}");
    assert_eq!(edges["probe → keeper (gives up)"], json!({"count": 1}), "{edges:#}");
    let to = json!({"kind": "function", "name": "keeper"});
    assert_eq!(status["given_up"], json!([{"function": "probe", "to": to, "count": 1}]));

    let fine = invoke_event(&engine, r#"{"n":1}"#).await;
    idle(&client, "told", |status| of(status, "probe", "told") == 1).await;
    let done = received(&engine, "done").await;
    assert_eq!(done["requestContext"]["requestId"], fine);
    assert_eq!(done["requestContext"]["condition"], "Success");
    assert_eq!(
        (&done["requestPayload"], &done["responsePayload"]["event"]),
        (&json!({"n": 1}), &json!({"n": 1}))
    );
    assert_eq!(client.status().await.unwrap()["dead_letters"], json!({"failures": 0, "total": 0}));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_whose_success_is_told_to_another_invokes_it() {
    let dir = tempfile::tempdir().unwrap();
    let declared = DECLARED.replace(
        "on_success             = { queue = \"done\" }",
        "on_success = { function = \"keeper\" }",
    );
    let started = Engine::start(both(dir.path(), &declared)).await;
    let engine = started.unwrap_or_else(|error| panic!("{error}"));
    invoke_event(&engine, r#"{"n":1}"#).await;
    let kept = received(&engine, "kept").await;
    assert_eq!(kept["requestPayload"]["requestContext"]["condition"], "Success");
    assert_eq!(kept["requestPayload"]["requestPayload"], json!({"n": 1}));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_given_up_without_a_destination_is_counted_and_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let declared =
        DECLARED.replace("      on_failure             = { function = \"keeper\" }\n", "");
    let started = Engine::start(both(dir.path(), &declared)).await;
    let engine = started.unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    invoke_event(&engine, r#"{"do":"error","message":"no luck"}"#).await;
    let dropped = |status: &Value| {
        let mut queues = status["asynchronous"].as_array().unwrap().iter();
        queues.any(|queue| {
            queue["function"] == "probe" && queue["failed"] == 1 && queue["retries"] == 1
        })
    };
    let status = idle(&client, "dropped", dropped).await;
    assert_eq!((&status["lag"], &status["dead_letters"]["total"]), (&json!(0), &json!(0)));
    engine.shutdown().await;
}

/// A bus with a rule for each kind of target.
const ROUTED: &str = r#"
buses = { shop = {} }
queues = {
  work     = {}
  failures = { retention_seconds = 1209600 }
}
rules = {
  to-queue = {
    bus     = "shop"
    pattern = { source = ["shop"] }
    target  = { queue = "work", dead_letter_queue = "failures" }
  }
  to-function = {
    bus     = "shop"
    pattern = { source = ["shop"] }
    target  = { function = "probe", dead_letter_queue = "failures" }
  }
}
functions = { probe = { timeout_seconds = 10 } }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_cannot_hand_over_stands_in_the_status_and_on_its_edge() {
    let dir = tempfile::tempdir().unwrap();
    let started = Engine::start(options(dir.path(), ROUTED)).await;
    let engine = started.unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let clients = engine.clients();
    let url =
        clients.sqs.get_queue_url().queue_name("work").send().await.unwrap().queue_url.unwrap();
    clients.sqs.delete_queue().queue_url(url).send().await.unwrap();
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder().event_bus_name("shop");
    let entry = entry.source("shop").detail_type("t").detail("{}").build();
    clients.events.put_events().entries(entry).send().await.unwrap();
    let rule = |status: &Value, rule: &str| status["buses"][0]["rules"][rule].clone();
    let status = idle(&client, "given up", |status| rule(status, "to-queue")["failed"] == 1).await;
    let failed = rule(&status, "to-queue");
    assert_eq!((&failed["handed_over"], &failed["waiting"]), (&json!(0), &json!(0)), "{failed:#}");
    assert!(failed["last_error"].as_str().unwrap().contains("does not exist"), "{failed:#}");
    assert_eq!(rule(&status, "to-function")["handed_over"], 1);
    assert_eq!(rule(&status, "to-function")["last_error"], Value::Null);
    assert_eq!(status["dead_letters"]["failures"], 1);
    let edges = console(&engine).await["edges"].clone();
    assert_eq!(edges["shop → failures (undelivered)"], json!({"count": 1}), "{edges:#}");
    assert_eq!(
        edges["shop → work (sends)"],
        json!({"count": 0, "waiting": 0, "failures": 1}),
        "{edges:#}"
    );
    assert_eq!(edges["shop → probe (events)"]["count"], 1, "{edges:#}");
    engine.shutdown().await;
}
