//! Topics: a whole engine filters, delivers and dead-letters, on the topics of a real emulator.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Name};
use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Injection};
use tidegate_local::fault::FaultPlan;

use crate::backend::{TestBackend, ministack};
use crate::engine::{idle, options};

const DECLARED: &str = r#"
topics = {
  alerts = {}
  steps  = { fifo = true, content_based_deduplication = true }
}
queues = {
  invoices = {}
  wrapped  = {}
  vanished = {}
  ordered  = { fifo = true }
  answers  = { retention_seconds = 1209600 }
  letters  = { retention_seconds = 1209600 }
  failures = { retention_seconds = 1209600 }
  ordered-letters = { fifo = true, retention_seconds = 1209600 }
}
subscriptions = {
  invoices = {
    topic = "alerts", queue = "invoices", raw_message_delivery = true, dead_letter_queue = "letters"
    filter_policy = { kind = ["invoice"], price = [{ numeric = [">=", 100] }] }
  }
  wrapped = {
    topic = "alerts", queue = "wrapped", dead_letter_queue = "letters"
    filter_policy = { order = { state = [{ prefix = "pa" }] } }, filter_policy_scope = "body"
  }
  vanished = {
    topic = "alerts", queue = "vanished", raw_message_delivery = true, dead_letter_queue = "letters"
    filter_policy = { kind = ["vanished"] }
  }
  function = {
    topic = "alerts", function = "probe", dead_letter_queue = "letters"
    filter_policy = { to = ["function"] }
  }
  ordered = {
    topic = "steps", queue = "ordered", raw_message_delivery = true, dead_letter_queue = "ordered-letters"
  }
}
functions = {
  probe = {
    timeout_seconds = 10
    uses            = { ALERTS_TOPIC_ARN = { topic = "alerts", access = "write" } }
    asynchronous = {
      maximum_retry_attempts = 1
      on_failure             = { queue = "failures" }
      on_success             = { queue = "answers" }
    }
  }
}
"#;

/// An engine with an emulator that outlives it.
struct World {
    backend: TestBackend,
    dir: TempDir,
    engine: Option<Engine>,
}

impl World {
    async fn start() -> Self {
        let (backend, dir) = (ministack().await, tempfile::tempdir().unwrap());
        let mut world = Self { backend, dir, engine: None };
        world.begin(None).await;
        world
    }

    /// Starts an engine on the emulator, in the same state directory.
    async fn begin(&mut self, faults: Option<Injection>) {
        let _ = std::fs::remove_dir_all(self.dir.path().join("bin"));
        let mut options = options(self.dir.path(), DECLARED);
        options.backend = Backend::External(self.backend.emulator.endpoint().to_owned());
        options.faults = faults;
        let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
        self.engine = Some(engine);
    }

    async fn end(&mut self) {
        self.engine.take().unwrap().shutdown().await;
    }

    fn client(&self) -> EngineClient {
        EngineClient::from_state_dir(Path::new(&self.dir.path().join("state"))).unwrap()
    }

    /// Clients of the endpoint, as programs have them.
    fn endpoint(&self) -> Clients {
        Clients::new(&self.client().engine().endpoint)
    }

    async fn url(&self, queue: &str) -> String {
        let sqs = &self.backend.clients.sqs;
        sqs.get_queue_url().queue_name(queue).send().await.unwrap().queue_url.unwrap()
    }

    /// Receives and deletes everything that is in a queue now, in its order.
    async fn taken(&self, queue: &str) -> Vec<Message> {
        let (sqs, url) = (&self.backend.clients.sqs, self.url(queue).await);
        let mut all = Vec::new();
        loop {
            let receive = sqs.receive_message().queue_url(&url).max_number_of_messages(10);
            let receive = receive.message_attribute_names("All");
            let received = receive.message_system_attribute_names(Name::All).send().await.unwrap();
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return all;
            }
            for message in &messages {
                let receipt = message.receipt_handle.as_deref().unwrap();
                sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await.unwrap();
            }
            all.extend(messages);
        }
    }
}

const ALERTS: &str = "arn:aws:sns:us-east-1:000000000000:alerts";
const STEPS: &str = "arn:aws:sns:us-east-1:000000000000:steps.fifo";

fn attribute(kind: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(kind).string_value(value).build().unwrap()
}

async fn publish(clients: &Clients, message: &str, attributes: &[(&str, &str, &str)]) -> String {
    let mut call = clients.sns.publish().topic_arn(ALERTS).message(message).subject("hi");
    for (name, kind, value) in attributes {
        call = call.message_attributes(*name, attribute(kind, value));
    }
    call.send().await.unwrap().message_id.unwrap()
}

fn bodies(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.body.clone().unwrap_or_default()).collect()
}

fn texts(message: &Message) -> BTreeMap<String, String> {
    let attributes = message.message_attributes.clone().unwrap_or_default();
    let text = attributes.into_iter().filter_map(|(name, of)| Some((name, of.string_value?)));
    text.collect()
}

/// Waits until the engine has delivered so many messages of a topic and is idle.
async fn settled(world: &World, topic: usize, messages: u64) -> Value {
    let client = world.client();
    let status = idle(&client, "settled", |status| {
        status["topics"][topic]["messages"].as_u64() >= Some(messages)
    });
    status.await["topics"][topic].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_subscription_gets_what_its_filter_policy_lets_pass_in_its_own_shape() {
    let mut world = World::start().await;
    let sns = world.endpoint();
    let invoice = [("kind", "String", "invoice"), ("price", "Number", "100.0")];
    publish(&sns, "dear", &invoice).await;
    publish(&sns, "cheap", &[("kind", "String", "invoice"), ("price", "Number", "99")]).await;
    let paid = r#"{"order":{"state":"paid"}}"#;
    let id = publish(&sns, paid, &[("note", "String", "x")]).await;
    publish(&sns, "nobody's", &[]).await;
    let entries = ["function", "other"].map(|to| {
        let entry = PublishBatchRequestEntry::builder().id(to).message(to);
        let entry = entry.message_attributes("to", attribute("String.Array", &format!("[{to:?}]")));
        entry.build().unwrap()
    });
    let batch = sns.sns.publish_batch().topic_arn(ALERTS);
    let batch =
        batch.set_publish_batch_request_entries(Some(entries.to_vec())).send().await.unwrap();
    assert_eq!(batch.successful().len(), 2);

    let status = settled(&world, 0, 6).await;
    let counts = |name: &str| -> Vec<&Value> {
        let of = &status["subscriptions"][name];
        ["matched", "handed_over", "filtered", "invalid", "failed"].map(|field| &of[field]).to_vec()
    };
    assert_eq!(counts("invoices"), [1, 1, 5, 0, 0]);
    assert_eq!(counts("wrapped"), [1, 1, 5, 5, 0], "five bodies are not JSON objects");
    assert_eq!(counts("function"), [1, 1, 5, 0, 0]);
    assert_eq!(status["unmatched"], 3);

    let raw = world.taken("invoices").await;
    assert_eq!(bodies(&raw), ["dear"]);
    let expected = [("kind", "invoice"), ("price", "100.0")];
    assert_eq!(texts(&raw[0]), expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    let wrapped = world.taken("wrapped").await;
    let notification: Value = serde_json::from_str(&bodies(&wrapped)[0]).unwrap();
    let fields = ["Type", "MessageId", "TopicArn", "Subject", "Message"];
    let expected = ["Notification", id.as_str(), ALERTS, "hi", paid];
    assert_eq!(fields.map(|field| notification[field].as_str().unwrap()), expected);
    let note = json!({"note": {"Type": "String", "Value": "x"}});
    assert_eq!(notification["MessageAttributes"], note);

    let answers = world.taken("answers").await;
    let record: Value = serde_json::from_str(&bodies(&answers)[0]).unwrap();
    let event = &record["requestPayload"]["Records"][0];
    assert_eq!(
        (&event["EventSource"], &event["Sns"]["Message"]),
        (&json!("aws:sns"), &json!("function"))
    );
    let uses = &record["responsePayload"]["environment"]["ALERTS_TOPIC_ARN"];
    assert_eq!(uses, ALERTS, "what a function uses is the ARN");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_delivered_becomes_a_dead_letter_with_the_reason() {
    let mut world = World::start().await;
    let sns = world.endpoint();
    let vanished = world.url("vanished").await;
    world.backend.clients.sqs.delete_queue().queue_url(vanished).send().await.unwrap();
    let attributes = [("kind", "String", "vanished")];
    let id = publish(&sns, "lost?", &attributes).await;
    // The function fails, and its own on-failure destination gets the event: SNS has delivered it.
    publish(&sns, r#"{"do":"error"}"#, &[("to", "String", "function")]).await;
    let status = settled(&world, 0, 2).await;
    assert_eq!(status["subscriptions"]["vanished"]["failed"], 1);
    assert_eq!(status["subscriptions"]["function"]["failed"], 0);
    let letters = world.taken("letters").await;
    assert_eq!(bodies(&letters), ["lost?"]);
    let texts = texts(&letters[0]);
    let fields = ["ErrorCode", "RequestID", "kind"].map(|name| texts[name].as_str());
    assert_eq!(fields, ["NotFound", id.as_str(), "vanished"]);
    assert!(texts["ErrorMessage"].contains("vanished"), "{texts:?}");
    let failures = world.taken("failures").await;
    let record: Value = serde_json::from_str(&bodies(&failures)[0]).unwrap();
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    let message = &record["requestPayload"]["Records"][0]["Sns"]["Message"];
    assert_eq!(message, r#"{"do":"error"}"#);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_topic_keeps_the_order_of_its_groups_and_delivers_a_duplicate_once() {
    let mut world = World::start().await;
    let sns = world.endpoint();
    for n in 0..30 {
        // Every third message is published twice.
        for _ in 0..=u8::from(n % 3 == 0) {
            let publish = sns.sns.publish().topic_arn(STEPS).message(n.to_string());
            publish.message_group_id(format!("g{}", n % 2)).send().await.unwrap();
        }
    }
    let status = settled(&world, 1, 30).await;
    assert_eq!((&status["topic"], &status["messages"]), (&json!("steps"), &json!(30)));
    let taken = world.taken("ordered.fifo").await;
    let of_group = |group: &str| -> Vec<u32> {
        let is_of = |message: &&Message| {
            let attributes = message.attributes.as_ref().unwrap();
            attributes[&Name::MessageGroupId] == group
        };
        let bodies = taken.iter().filter(is_of).map(|message| message.body.clone().unwrap());
        bodies.map(|body| body.parse().unwrap()).collect()
    };
    for (group, first) in [("g0", 0), ("g1", 1)] {
        assert_eq!(of_group(group), (first..30).step_by(2).collect::<Vec<u32>>(), "{group}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_while_no_engine_runs_is_delivered_by_the_next_one() {
    let mut world = World::start().await;
    world.end().await;
    let invoice = [("kind", "String", "invoice"), ("price", "Number", "1e3")];
    for n in 0..25 {
        publish(&world.backend.clients, &n.to_string(), &invoice).await;
    }
    world.begin(None).await;
    settled(&world, 0, 25).await;
    let mut got: Vec<u32> =
        bodies(&world.taken("invoices").await).iter().map(|body| body.parse().unwrap()).collect();
    got.sort_unstable();
    assert_eq!(got, (0..25).collect::<Vec<u32>>());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_is_killed_gets_its_notification_again() {
    let mut world = World::start().await;
    world.end().await;
    let plan = "[[fault]]\nfault = \"kill\"\nwhen = \"before\"\nattempts = 1\nrate = 1\n";
    let plan = FaultPlan::parse(plan).unwrap();
    world.begin(Some(Injection { plan, ..Injection::default() })).await;
    publish(&world.endpoint(), "again", &[("to", "String", "function")]).await;
    let client = world.client();
    let status = idle(&client, "delivered", |status| status["asynchronous"][0]["delivered"] == 1);
    let status = status.await;
    assert_eq!(status["asynchronous"][0]["retries"], 1, "{status:#}");
    assert_eq!(status["topics"][0]["subscriptions"]["function"]["handed_over"], 1);
    assert_eq!(world.taken("answers").await.len(), 1);
    world.end().await;
}

/// A receiver that refuses for a while holds nobody else up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_fails_costs_its_neighbours_nothing() {
    let mut world = World::start().await;
    let sns = world.endpoint();
    let vanished = world.url("vanished").await;
    world.backend.clients.sqs.delete_queue().queue_url(vanished).send().await.unwrap();
    let both = [("kind", "String.Array", r#"["vanished","invoice"]"#), ("price", "Number", "100")];
    let broken = [("kind", "String.Array", "not json"), ("price", "Number", "100")];
    publish(&sns, "both", &both).await;
    publish(&sns, "broken", &broken).await;
    let status = settled(&world, 0, 2).await;
    assert_eq!(bodies(&world.taken("invoices").await), ["both"]);
    assert_eq!(bodies(&world.taken("letters").await), ["both"]);
    assert_eq!(status["subscriptions"]["invoices"]["invalid"], 1);
    assert_eq!(status["waiting"], 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_for_a_topic_reaches_the_subscribers_of_the_topic() {
    let declared = DECLARED.replace(
        "on_success             = { queue = \"answers\" }",
        "on_success = { topic = \"alerts\" }",
    );
    let declared = declared.replace(
        "filter_policy = { kind = [\"vanished\"] }",
        "filter_policy = { requestContext = { condition = [\"Success\"] } }, filter_policy_scope = \"body\"",
    );
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), &declared))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let lambda = crate::aws_sdk::client(&client.engine().endpoint);
    let event = aws_sdk_lambda::types::InvocationType::Event;
    lambda.invoke().function_name("probe").invocation_type(event).send().await.unwrap();
    let status = idle(&client, "told", |status| {
        status["topics"][0]["subscriptions"]["vanished"]["handed_over"] == 1
    });
    let status = status.await;
    assert_eq!(status["topics"][0]["messages"], 1, "{status:#}");
    tokio::time::timeout(Duration::from_secs(30), engine.shutdown()).await.unwrap();
}
