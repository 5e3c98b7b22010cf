//! Everything that a topology declares exists after provisioning, and works.

use std::io::Write;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{StreamViewType, TimeToLiveStatus};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::QueueAttributeName;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;
use tidegate_local::provision::{Provisioned, provision};
use topology::Topology;

use crate::backend::{TestBackend, ministack, started};
use crate::emulator::mail_is_listed;

const DECLARED: &str = r#"
event_bytes_limit = 262144
streams = {
  orders = { shards = 2, retention_hours = 48 }
}
tables = {
  events = {
    partition_key = { name = "stream", type = "S" }
    sort_key      = { name = "version", type = "N" }
    stream_view   = "NEW_AND_OLD_IMAGES"
    ttl_attribute = "expires_at"
  }
  plain = { partition_key = { name = "key", type = "B" } }
}
queues = {
  work       = { retention_seconds = 345600, visibility_timeout_seconds = 60, redrive = { queue = "work-dead", maximum_receives = 5 } }
  work-dead  = { retention_seconds = 700000, redrive = { queue = "last", maximum_receives = 7 } }
  last       = { retention_seconds = 1209600 }
  steps      = { retention_seconds = 345600, fifo = true, redrive = { queue = "steps-dead", maximum_receives = 5 } }
  steps-dead = { retention_seconds = 1209600, fifo = true }
}
buckets = {
  letters = { expiration_days = 14 }
}
buses = {
  shop = {}
}
rules = {
  placed = {
    bus     = "shop"
    pattern = { source = ["shop.orders"], detail-type = ["OrderPlaced"] }
    target  = { function = "mailer", dead_letter_queue = "last", maximum_retry_attempts = 1, maximum_event_age_seconds = 60 }
  }
  stock = {
    bus     = "shop"
    pattern = { source = ["shop.stock"] }
    target  = { queue = "work", dead_letter_queue = "last", maximum_retry_attempts = 1, maximum_event_age_seconds = 60 }
  }
}
functions = {
  mailer = {
    memory_mb           = 128
    timeout_seconds     = 10
    maximum_concurrency = 1
    uses         = { SENDER = { email = "mailer@example.com", access = "write" } }
    asynchronous = { maximum_retry_attempts = 2, maximum_event_age_seconds = 60, on_failure = { queue = "last" } }
  }
}
"#;

fn declared() -> Topology {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(DECLARED.as_bytes()).expect("written");
    topology::load(file.path()).unwrap_or_else(|error| panic!("{error}"))
}

async fn attributes(
    clients: &Clients,
    url: &str,
) -> std::collections::HashMap<QueueAttributeName, String> {
    let call =
        clients.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
    call.send().await.expect("the queue exists").attributes.expect("it has attributes")
}

/// Returns the next message of a queue.
async fn receive(clients: &Clients, url: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let call = clients.sqs.receive_message().queue_url(url).wait_time_seconds(1);
        let messages = call.send().await.expect("the queue answers").messages.unwrap_or_default();
        if let Some(body) = messages.into_iter().find_map(|message| message.body) {
            return body;
        }
        assert!(Instant::now() < deadline, "no message in {url}");
    }
}

async fn everything_is_there(clients: &Clients, made: &Provisioned) {
    let stream = clients
        .kinesis
        .describe_stream_summary()
        .stream_name("orders")
        .send()
        .await
        .expect("it exists");
    let stream = stream.stream_description_summary.expect("it is described");
    assert_eq!((stream.open_shard_count, stream.retention_period_hours), (2, 48));
    assert_eq!(made.streams["orders"], stream.stream_arn);

    let table =
        clients.dynamodb.describe_table().table_name("events").send().await.expect("it exists");
    let table = table.table.expect("it is described");
    assert_eq!(Some(&made.tables["events"].arn), table.table_arn.as_ref());
    assert_eq!(made.tables["events"].stream_arn, table.latest_stream_arn);
    assert!(made.tables["events"].stream_arn.is_some());
    assert_eq!(made.tables["plain"].stream_arn, None);
    let view = table.stream_specification.and_then(|stream| stream.stream_view_type);
    assert_eq!(view, Some(StreamViewType::NewAndOldImages));
    let names: Vec<_> =
        table.key_schema.expect("it has keys").into_iter().map(|key| key.attribute_name).collect();
    assert_eq!(names, ["stream", "version"]);
    let ttl = clients
        .dynamodb
        .describe_time_to_live()
        .table_name("events")
        .send()
        .await
        .expect("it exists");
    let ttl = ttl.time_to_live_description.expect("it is described");
    assert_eq!(ttl.attribute_name.as_deref(), Some("expires_at"));
    assert_eq!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled));

    let work = attributes(clients, &made.queues["work"].url).await;
    assert_eq!(work[&QueueAttributeName::VisibilityTimeout], "60");
    assert_eq!(work[&QueueAttributeName::MessageRetentionPeriod], "345600");
    let policy: serde_json::Value =
        serde_json::from_str(&work[&QueueAttributeName::RedrivePolicy]).expect("a policy in JSON");
    assert_eq!(policy["deadLetterTargetArn"], made.queues["work-dead"].arn);
    assert_eq!(policy["maxReceiveCount"].to_string().trim_matches('"'), "5");
    assert!(made.queues["steps"].url.ends_with("/steps.fifo"));
    assert_eq!(
        attributes(clients, &made.queues["steps"].url).await[&QueueAttributeName::FifoQueue],
        "true"
    );

    clients
        .s3
        .put_object()
        .bucket("letters")
        .key("a/b")
        .body(b"x".to_vec().into())
        .send()
        .await
        .expect("stored");
    let identities = clients.ses.list_identities().send().await.expect("it answers").identities;
    assert!(identities.contains(&"mailer@example.com".to_owned()), "{identities:?}");
}

async fn every_event_reaches_the_engine(clients: &Clients, made: &Provisioned) {
    let event = |source: &str, kind: &str, detail: &str| {
        let entry = PutEventsRequestEntry::builder().event_bus_name("shop").source(source);
        entry.detail_type(kind).detail(detail).build()
    };
    let call = clients.events.put_events();
    let call = call.entries(event("shop.orders", "OrderRejected", r#"{"n": 1}"#));
    let call = call.entries(event("shop.orders", "OrderPlaced", r#"{"n": 2}"#));
    let call = call.entries(event("shop.stock", "Any", r#"{"n": 3}"#));
    assert_eq!(call.send().await.expect("put").failed_entry_count, 0);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let body = receive(clients, &made.bus_queues["shop"].url).await;
        let body: serde_json::Value = serde_json::from_str(&body).expect("an event");
        seen.push(body["detail"]["n"].as_u64().expect("a number"));
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3], "the engine gets every event of the bus");
}

async fn provisioning_works(backend: &TestBackend) {
    let topology = declared();
    let began = Instant::now();
    let made =
        provision(&backend.clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
    println!("provisioned in {:?}", began.elapsed());
    everything_is_there(&backend.clients, &made).await;
    every_event_reaches_the_engine(&backend.clients, &made).await;

    let began = Instant::now();
    let again =
        provision(&backend.clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
    println!("provisioned again in {:?}", began.elapsed());
    assert_eq!(again, made);
    everything_is_there(&backend.clients, &again).await;
}

#[tokio::test]
async fn on_ministack_everything_declared_is_created_and_creating_it_again_changes_nothing() {
    provisioning_works(&ministack().await).await;
}

#[tokio::test]
async fn changed_settings_of_a_queue_and_a_stream_are_applied_to_what_exists() {
    let backend = ministack().await;
    let mut topology = declared();
    provision(&backend.clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
    topology.queues.get_mut("work").expect("declared").visibility_timeout_seconds = 90;
    topology.streams.get_mut("orders").expect("declared").retention_hours = 24;
    let made =
        provision(&backend.clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
    let work = attributes(&backend.clients, &made.queues["work"].url).await;
    assert_eq!(work[&QueueAttributeName::VisibilityTimeout], "90");
    let stream =
        backend.clients.kinesis.describe_stream_summary().stream_name("orders").send().await;
    let stream = stream.expect("it exists").stream_description_summary.expect("it is described");
    assert_eq!(stream.retention_period_hours, 24);
}

#[tokio::test]
async fn a_call_that_fails_is_named_with_its_resource() {
    let backend = ministack().await;
    backend.emulator.stop().await;
    let mut topology = declared();
    topology.tables.retain(|name, _| name == "plain");
    topology.streams.clear();
    topology.queues.clear();
    topology.buckets.clear();
    topology.buses.clear();
    topology.rules.clear();
    topology.functions.clear();
    let error =
        provision(&backend.clients, &topology).await.expect_err("nobody answers").to_string();
    assert!(error.starts_with("cannot set up table plain: CreateTable failed: "), "{error}");
}

#[tokio::test]
#[ignore = "needs scripts/setup localstack, and a minute; run with `cargo test -- --ignored localstack`"]
async fn on_localstack_everything_declared_is_created_and_works() {
    let began = Instant::now();
    let backend = started(&Backend::LocalStack).await;
    println!("LocalStack ready in {:?}", began.elapsed());
    assert_eq!(backend.emulator.name(), "localstack");
    provisioning_works(&backend).await;
    mail_is_listed(&backend).await;
    println!("CPU seconds: {:?}", backend.emulator.cpu_seconds());
    let began = Instant::now();
    backend.emulator.stop().await;
    println!("stopped in {:?}", began.elapsed());
    let log =
        std::fs::read_to_string(backend.state.path().join("logs/emulator.log")).expect("a log");
    assert!(!log.is_empty());
}

#[tokio::test]
async fn buses_that_are_called_what_no_queue_may_be_and_the_default_one_reach_the_engine() {
    let backend = ministack().await;
    let text = r#"
queues = { work = {} }
buses = { "shop.orders/v1" = {} }
rules = {
  "of.shop" = { bus = "shop.orders/v1", pattern = { source = ["shop"] }, target = { queue = "work" } }
  of-aws    = { bus = "default", pattern = { source = ["shop"] }, target = { queue = "work" } }
}
functions = { f = {} }
"#;
    let topology = topology::parse(text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let made =
        provision(&backend.clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
    for bus in ["shop.orders/v1", "default"] {
        assert!(made.buses[bus].ends_with(&format!("event-bus/{bus}")), "{made:?}");
        let entry =
            PutEventsRequestEntry::builder().event_bus_name(bus).source("shop").detail_type("Any");
        let put = backend.clients.events.put_events().entries(entry.detail("{}").build());
        assert_eq!(put.send().await.expect("put").failed_entry_count, 0);
        let body = receive(&backend.clients, &made.bus_queues[bus].url).await;
        assert!(
            body.contains(r#""source": "shop""#) || body.contains(r#""source":"shop""#),
            "{body}"
        );
    }
    let again =
        provision(&backend.clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again, made);
}
