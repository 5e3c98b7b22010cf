//! The whole engine: a topology, MiniStack, and the probe function behind every kind of source.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_kinesis::primitives::Blob;
use bytes::Bytes;
use engine_client::client::EngineClient;
use engine_client::engine_file::EngineFile;
use engine_client::process;
use serde_json::{Value, json};
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Options, StartError};
use tidegate_local::status::Status;

pub(crate) const DECLARED: &str = r#"
event_bytes_limit = 262144
streams = { orders = { shards = 1, retention_hours = 24 } }
tables = {
  events = {
    partition_key = { name = "stream", type = "S" }
    stream_view   = "NEW_IMAGE"
  }
}
queues = {
  work     = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "letters", maximum_receives = 5 } }
  letters  = { retention_seconds = 1209600 }
  failures = { retention_seconds = 1209600 }
}
buses = { shop = {} }
rules = {
  placed = {
    bus     = "shop"
    pattern = { source = ["shop.orders"] }
    target  = { function = "probe", dead_letter_queue = "failures", maximum_retry_attempts = 1, maximum_event_age_seconds = 60 }
  }
}
functions = {
  probe = {
    memory_mb           = 128
    timeout_seconds     = 10
    maximum_concurrency = 8
    uses = { EVENTS_TABLE = { table = "events", access = "read" } }
    asynchronous = {
      maximum_retry_attempts    = 1
      maximum_event_age_seconds = 21600
      on_failure                = { queue = "failures" }
    }
    sources = {
      orders = {
        stream = "orders", starting_position = "TRIM_HORIZON", batch_size = 10, report_batch_item_failures = true
        maximum_retry_attempts = 5, maximum_record_age_seconds = 3600, dead_letter_after_seconds = 1800
        bisect_on_error = true, on_failure = { queue = "failures" }
      }
      events = {
        table = "events", starting_position = "TRIM_HORIZON", batch_size = 10, report_batch_item_failures = true
        maximum_retry_attempts = 5, maximum_record_age_seconds = 3600, dead_letter_after_seconds = 1800
        bisect_on_error = true, on_failure = { queue = "failures" }
      }
      work = { queue = "work", batch_size = 5, report_batch_item_failures = true, maximum_concurrency = 2 }
    }
  }
}
"#;

/// A directory with the topology and the probe's binary in `bin/`.
pub(crate) fn options(dir: &Path, declared: &str) -> Options {
    let topology = dir.join("topology.auto.tfvars");
    std::fs::write(&topology, declared).unwrap();
    let bin = dir.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(crate::probe::binary(), bin.join("probe")).unwrap();
    let mut options = Options::new(topology, Backend::MiniStack, dir.join("state"));
    (options.bin_dir, options.time_scale) = (Some(bin), 60.0);
    options
}

pub(crate) async fn idle(
    client: &EngineClient,
    what: &str,
    reached: impl Fn(&Value) -> bool,
) -> Value {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let status = client.status().await.unwrap();
        if status["idle"] == true && reached(&status) {
            return status;
        }
        assert!(tokio::time::Instant::now() < deadline, "never {what}: {status:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn delivered(status: &Value, kind: &str) -> u64 {
    let mappings = status["mappings"].as_array().unwrap();
    mappings.iter().find(|mapping| mapping["kind"] == kind).unwrap()["records_delivered"]
        .as_u64()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_system_delivers_from_every_kind_of_source_and_ends_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let state: PathBuf = dir.path().join("state");
    let client = EngineClient::from_state_dir(&state).unwrap();
    assert_eq!(client.engine(), engine.file());
    assert_eq!(client.engine().backend, "ministack");

    let clients = engine.clients();
    for n in 0..7 {
        let put = clients.kinesis.put_record().stream_name("orders").partition_key(format!("k{n}"));
        put.data(Blob::new(format!("{{\"n\":{n}}}"))).send().await.unwrap();
    }
    let item = aws_sdk_dynamodb::types::AttributeValue::S("order#1".to_owned());
    clients.dynamodb.put_item().table_name("events").item("stream", item).send().await.unwrap();
    let url =
        clients.sqs.get_queue_url().queue_name("work").send().await.unwrap().queue_url.unwrap();
    clients.sqs.send_message().queue_url(url).message_body("{}").send().await.unwrap();
    let event = PutEventsRequestEntry::builder()
        .event_bus_name("shop")
        .source("shop.orders")
        .detail_type("Placed");
    clients.events.put_events().entries(event.detail("{}").build()).send().await.unwrap();

    let status = idle(&client, "all delivered", |status| {
        delivered(status, "kinesis") == 7
            && delivered(status, "dynamodb") == 1
            && delivered(status, "sqs") == 1
            && status["asynchronous"][0]["delivered"] == 1
    })
    .await;
    let placed = &status["buses"][0]["rules"]["placed"];
    let counts = ["matched", "handed_over", "waiting", "failing", "retries", "failed"];
    assert_eq!(counts.map(|count| &placed[count]), [1, 1, 0, 0, 0, 0].map(Value::from).each_ref());
    assert_eq!((&status["in_flight"], &status["lag"]), (&json!(0), &json!(0)));
    assert_eq!(status["dead_letters"], json!({"failures": 0, "letters": 0, "total": 0}));
    assert_eq!(status["functions"]["probe"]["errors"], 0);
    assert!(status["emulator"]["cpu_seconds"].as_f64().unwrap() > 0.0);

    // No function works on it and no poll finds it, but it will come.
    let mut left = 0;
    for queue in ["work", "tidegate-bus-shop"] {
        let url =
            clients.sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap();
        let send = clients.sqs.send_message().queue_url(url).message_body("{}").delay_seconds(600);
        send.send().await.unwrap();
        left += 1;
        let status = client.status().await.unwrap();
        assert_eq!(
            (&status["in_flight"], &status["idle"], &status["lag"]),
            (&json!(0), &json!(false), &json!(left))
        );
    }

    let invoked =
        client.invoke("probe", Bytes::from_static(br#"{"do":"echo"}"#), None).await.unwrap();
    let seen: Value = serde_json::from_slice(&invoked.payload).unwrap();
    assert_eq!(seen["environment"]["EVENTS_TABLE"], "events");
    let endpoint = &seen["environment"]["AWS_ENDPOINT_URL"];
    assert_ne!(
        endpoint.as_str().unwrap(),
        engine.file().endpoint,
        "functions see AWS through the proxy"
    );

    let second =
        Options::new(dir.path().join("topology.auto.tfvars"), Backend::MiniStack, state.clone());
    assert!(matches!(Engine::start(second).await, Err(StartError::Running { .. })));

    let pids: Vec<i32> = serde_json::from_value(
        client.status().await.unwrap()["functions"]["probe"]["pids"].clone(),
    )
    .unwrap();
    assert!(!pids.is_empty());
    assert_eq!(ask_to_end(&engine.control_url()).await, 202);
    engine.wait_for_shutdown().await.unwrap();
    engine.shutdown().await;
    assert!(pids.iter().all(|pid| !process::is_running(*pid)), "{pids:?}");
    assert!(!EngineFile::path(&state).exists());
}

/// Returns the request id in the answer of Invoke with the type `Event`.
pub(crate) async fn invoke_event(engine: &Engine, payload: &str) -> String {
    use aws_sdk_lambda::operation::RequestId as _;
    let invoke = crate::aws_sdk::client(&engine.control_url()).invoke().function_name("probe:live");
    let invoke = invoke.invocation_type(aws_sdk_lambda::types::InvocationType::Event);
    let accepted =
        invoke.payload(aws_sdk_lambda::primitives::Blob::new(payload)).send().await.unwrap();
    assert_eq!(accepted.status_code(), 202);
    accepted.request_id().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_given_to_invoke_is_retried_and_handed_to_the_functions_destination() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let mark = dir.path().join("mark");
    let fine = json!({"do": "print", "lines": ["an event"]}).to_string();
    invoke_event(&engine, &fine).await;
    let poison = r#"{"do":"error","message":"no luck"}"#;
    let request_id = invoke_event(&engine, poison).await;
    let status = idle(&client, "both over", |status| {
        let invoked = &status["asynchronous"][0];
        invoked["delivered"] == 1 && invoked["failed"] == 1
    })
    .await;
    assert_eq!(status["asynchronous"][0]["rules"], json!(["placed"]));
    assert_eq!(status["asynchronous"][0]["retries"], 1);
    assert_eq!(status["dead_letters"], json!({"failures": 1, "letters": 0, "total": 1}));
    let sqs = &engine.clients().sqs;
    let url = sqs.get_queue_url().queue_name("failures").send().await.unwrap().queue_url.unwrap();
    let letters = sqs.receive_message().queue_url(url).send().await.unwrap();
    let record: Value = serde_json::from_str(letters.messages()[0].body().unwrap()).unwrap();
    assert_eq!(record["requestContext"]["requestId"], request_id, "{record}");
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:probe:live";
    assert_eq!(record["requestContext"]["functionArn"], arn);
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(record["requestPayload"], serde_json::from_str::<Value>(poison).unwrap());
    assert_eq!(record["responsePayload"]["errorMessage"], "no luck");

    // No function works on it and no poll finds it, but it will come.
    let url = sqs
        .get_queue_url()
        .queue_name("tidegate-invoke-probe")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    sqs.send_message().queue_url(&url).message_body("{}").delay_seconds(600).send().await.unwrap();
    let status = client.status().await.unwrap();
    assert_eq!(
        (&status["in_flight"], &status["idle"], &status["lag"]),
        (&json!(0), &json!(false), &json!(1))
    );

    // An event that is in flight counts until it is done.
    invoke_event(&engine, &json!({"do": "hang", "mark": mark}).to_string()).await;
    crate::probe::until("it runs", || mark.is_file()).await;
    let status = client.status().await.unwrap();
    assert_eq!((&status["idle"], &status["lag"]), (&json!(false), &json!(1)));
    engine.shutdown().await;
}

#[tokio::test]
async fn an_event_that_an_engine_before_has_taken_is_delivered() {
    let backend = crate::backend::ministack().await;
    let sqs = &backend.clients.sqs;
    for function in ["probe", "removed"] {
        let name = format!("tidegate-invoke-{function}");
        let url = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        sqs.send_message().queue_url(&url).message_body("{}").send().await.unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), DECLARED);
    options.backend = Backend::External(backend.emulator.endpoint().to_owned());
    let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    idle(&client, "delivered", |status| status["asynchronous"][0]["delivered"] == 1).await;
    engine.shutdown().await;
}

async fn ask_to_end(control: &str) -> u16 {
    use hyper_util::client::legacy::Client;
    let client: Client<_, http_body_util::Full<Bytes>> =
        Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = http::Request::post(format!("{control}/shutdown"))
        .body(http_body_util::Full::default())
        .unwrap();
    client.request(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_missing_binary_is_named_and_nothing_is_left_running() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(
        dir.path(),
        &DECLARED
            .replace("  probe = {", "  other = {")
            .replace("function = \"probe\"", "function = \"other\""),
    );
    let error = Engine::start(options).await.unwrap_err().to_string();
    assert!(
        error.contains("topology.auto.tfvars:24:3: functions.other has no binary in "),
        "{error}"
    );
    assert!(!EngineFile::path(&dir.path().join("state")).exists());
}

#[tokio::test]
async fn a_message_that_an_engine_before_has_left_hidden_is_lag() {
    let backend = crate::backend::ministack().await;
    let sqs = &backend.clients.sqs;
    let url =
        sqs.create_queue().queue_name("tidegate-bus-shop").send().await.unwrap().queue_url.unwrap();
    sqs.send_message().queue_url(&url).message_body("{}").send().await.unwrap();
    let taken = sqs.receive_message().queue_url(&url).visibility_timeout(600).send().await.unwrap();
    assert_eq!(taken.messages().len(), 1);
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), DECLARED);
    options.backend = Backend::External(backend.emulator.endpoint().to_owned());
    let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let looked = |status: &Status| {
        let mut since = status.mappings.iter().map(|mapping| mapping.idle_since);
        status.in_flight == 0 && since.all(|since| since.is_some())
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let mut status = engine.status().await;
    while !looked(&status) {
        assert!(tokio::time::Instant::now() < deadline, "{status:?}");
        status = engine.status().await;
    }
    assert_eq!((status.idle, status.lag), (false, 1));
    let receipt = taken.messages()[0].receipt_handle().unwrap();
    sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await.unwrap();
    status = engine.status().await;
    assert_eq!((status.idle, status.lag), (true, 0));
    engine.shutdown().await;
}

#[tokio::test]
async fn of_two_starts_at_once_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    // It accepts connections and never answers, so the first start lasts until its time limit.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = options(dir.path(), DECLARED);
    options.backend = Backend::External(format!("http://{}", silent.local_addr().unwrap()));
    let (one, other) = tokio::join!(Engine::start(options.clone()), Engine::start(options.clone()));
    let (one, other) = (one.unwrap_err(), other.unwrap_err());
    assert!(matches!(one, StartError::Emulator(_)), "{one}");
    assert!(matches!(other, StartError::Locked(_)), "{other}");
    let again = Engine::start(options).await.unwrap_err();
    assert!(matches!(again, StartError::Emulator(_)), "the directory was not given back: {again}");
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut options = options(dir.path(), DECLARED);
    options.backend = Backend::External(format!("http://{nobody}"));
    let error = Engine::start(options).await.unwrap_err().to_string();
    assert!(error.contains(&nobody.to_string()), "{error}");
}
