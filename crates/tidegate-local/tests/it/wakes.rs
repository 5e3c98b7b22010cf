//! Writes that wake pollers: an engine whose idle sources are polled once an hour.
//!
//! Each test first lets the quick polls after the start go by. From then on, only a wake explains a
//! delivery. Polls are counted by a proxy between the engine and the emulator.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_kinesis::primitives::Blob;
use engine_client::client::EngineClient;
use serde_json::Value;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;
use tidegate_local::engine::Engine;
use tidegate_local::pace::{Pace, QUICK_POLLS};
use tidegate_local::proxy::Proxy;
use tokio::time::{Instant, sleep};

use crate::backend::{TestBackend, ministack};
use crate::engine::options;

const HOUR: Pace = Pace::Idle(Duration::from_secs(3600));
const PATIENCE: Duration = Duration::from_secs(30);

/// Declares a function `probe` with this source.
fn with_source(resources: &str, source: &str) -> String {
    format!(
        "{resources}\nfunctions = {{ probe = {{ memory_mb = 128, timeout_seconds = 10, \
         maximum_concurrency = 2, sources = {{ {source} }} }} }}\n"
    )
}

fn with_queue(settings: &str) -> String {
    let queues = format!("queues = {{ work = {{ {settings} }}, letters = {{}} }}");
    with_source(&queues, "work = { queue = \"work\", batch_size = 1 }")
}

/// An engine that has used up its quick polls.
struct World {
    engine: Engine,
    client: EngineClient,
    /// Clients of the endpoint.
    endpoint: Clients,
    backend: TestBackend,
    relay: Proxy,
    dir: tempfile::TempDir,
}

impl World {
    /// Starts the engine. `polled` is the operation by which this many sources are polled.
    async fn start(declared: &str, pace: Pace, polled: &str, sources: u32) -> Self {
        let backend = ministack().await;
        let emulator = backend.emulator.endpoint();
        let relay = Proxy::start(emulator, ["engine".to_owned()], Vec::new(), Default::default());
        let relay = relay.await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path(), declared);
        options.backend = Backend::External(relay.endpoint("engine").unwrap());
        (options.pace, options.time_scale) = (pace, 1.0);
        let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
        let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
        let endpoint = Clients::new(&engine.file().endpoint);
        let world = Self { engine, client, endpoint, backend, relay, dir };
        let quick = u64::from(sources * (QUICK_POLLS + 1));
        let deadline = Instant::now() + PATIENCE;
        while world.polls(polled) < quick {
            assert!(Instant::now() < deadline, "{:?}", world.relay.calls());
            sleep(Duration::from_millis(5)).await;
        }
        world
    }

    fn polls(&self, operation: &str) -> u64 {
        let calls = self.relay.calls();
        calls.get("engine").and_then(|calls| calls.get(operation)).map_or(0, |count| count.ok)
    }

    /// Waits for a status, without a look at the sources: that would wake the pollers.
    async fn until(&self, what: &str, reached: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.client.glance().await.unwrap();
            if reached(&status) {
                return;
            }
            assert!(Instant::now() < deadline, "never {what}: {status:#}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn delivers(&self, records: u64) {
        let delivered = |status: &Value| status["mappings"][0]["records_delivered"] == records;
        self.until("delivered", delivered).await;
    }

    /// The queue `work`, as a client sees it that reaches SQS at the endpoint.
    async fn queue(&self) -> String {
        let url = self.endpoint.sqs.get_queue_url().queue_name("work").send().await;
        url.unwrap().queue_url.unwrap()
    }

    async fn send(&self, body: &str) {
        let sent = self.endpoint.sqs.send_message().queue_url(self.queue().await);
        sent.message_body(body).send().await.unwrap();
    }

    async fn end(self) {
        self.engine.shutdown().await;
        self.backend.emulator.stop().await;
    }
}

async fn put_record(clients: &Clients) {
    let put = clients.kinesis.put_record().stream_name("orders").partition_key("k");
    put.data(Blob::new("{}")).send().await.unwrap();
}

fn stream() -> String {
    let source = "orders = { stream = \"orders\", starting_position = \"TRIM_HORIZON\" }";
    with_source("streams = { orders = {} }", source)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_wakes_the_stream_it_is_put_on() {
    let world = World::start(&stream(), HOUR, "Kinesis.GetRecords", 1).await;
    put_record(&world.endpoint).await;
    world.delivers(1).await;
    // A function's writes wake before its invocation ends.
    let variables = world.dir.path().join("state/functions/probe.env");
    let variables = std::fs::read_to_string(variables).unwrap();
    let own = variables.lines().find_map(|line| line.strip_prefix("AWS_ENDPOINT_URL=")).unwrap();
    put_record(&Clients::new(own)).await;
    world.delivers(2).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_written_to_the_emulator_itself_is_found_by_the_next_poll() {
    let world = World::start(&stream(), Pace::Fast, "Kinesis.GetRecords", 1).await;
    put_record(&world.backend.clients).await;
    world.delivers(1).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_item_wakes_its_table() {
    let tables = "tables = { things = { partition_key = { name = \"id\", type = \"S\" }, \
                  stream_view = \"NEW_IMAGE\" } }";
    let source = "things = { table = \"things\", starting_position = \"TRIM_HORIZON\" }";
    let declared = with_source(tables, source);
    let world = World::start(&declared, HOUR, "DynamoDBStreams.GetRecords", 1).await;
    let dynamodb = &world.endpoint.dynamodb;
    let id = AttributeValue::S("a".to_owned());
    dynamodb.put_item().table_name("things").item("id", id).send().await.unwrap();
    world.delivers(1).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_wakes_its_queue_when_it_is_sent_or_when_its_delay_ends() {
    let declared = with_queue("visibility_timeout_seconds = 60");
    let world = World::start(&declared, HOUR, "SQS.ReceiveMessage", 1).await;
    world.send("{}").await;
    world.delivers(1).await;
    let delayed = world.endpoint.sqs.send_message().queue_url(world.queue().await);
    delayed.message_body("{}").delay_seconds(3).send().await.unwrap();
    world.delivers(2).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_message_wakes_its_queue_when_it_is_visible_again() {
    let declared = with_queue(
        "visibility_timeout_seconds = 8, redrive = { queue = \"letters\", maximum_receives = 2 }",
    );
    let declared = declared.replace("timeout_seconds = 10", "timeout_seconds = 3");
    let world = World::start(&declared, HOUR, "SQS.ReceiveMessage", 1).await;
    world.send(r#"{"do":"error","message":"no luck"}"#).await;
    world.until("tried twice", |status| status["mappings"][0]["retries"] == 2).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_wakes_its_bus_and_the_function_behind_it() {
    let declared = with_source(
        "buses = { shop = {} }\nrules = { placed = { bus = \"shop\", pattern = { source = \
         [\"shop.orders\"] }, target = { function = \"probe\" } } }",
        "",
    );
    let world = World::start(&declared, HOUR, "SQS.ReceiveMessage", 2).await;
    let event = PutEventsRequestEntry::builder().event_bus_name("shop").source("shop.orders");
    let event = event.detail_type("Placed").detail("{}").build();
    world.endpoint.events.put_events().entries(event).send().await.unwrap();
    world.until("delivered", |status| status["asynchronous"][0]["delivered"] == 1).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_a_topic_wakes_the_queues_that_may_be_subscribed() {
    let declared = with_queue("visibility_timeout_seconds = 60");
    let world = World::start(&declared, HOUR, "SQS.ReceiveMessage", 1).await;
    let sns = &world.endpoint.sns;
    let topic = sns.create_topic().name("news").send().await.unwrap().topic_arn.unwrap();
    let queue = "arn:aws:sqs:us-east-1:000000000000:work";
    let subscribe = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(queue);
    subscribe.send().await.unwrap();
    sns.publish().topic_arn(topic).message("{}").send().await.unwrap();
    world.delivers(1).await;
    world.end().await;
}
