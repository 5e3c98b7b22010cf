//! Schedules: the engine fires them at every kind of target, and answers Scheduler's API.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_kinesis::types::ShardIteratorType;
use engine_client::client::EngineClient;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tidegate_local::activity::Activity;
use tidegate_local::asynchronous::EventQueue;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Injection};
use tidegate_local::fault::FaultPlan;
use tidegate_local::scheduler::delivery::{self, Schedules, Targets};
use tidegate_local::scheduler::registry::Registry;
use tidegate_local::scheduler::{ScheduleTask, request};
use tidegate_local::send_error::SendError;
use tokio::time::{Instant, sleep};

use crate::backend::{TestBackend, ministack};
use crate::delivery::queue;
use crate::engine::{idle, options};
use crate::silent::{json_of, send};

const PATIENCE: Duration = Duration::from_secs(30);

const DECLARED: &str = r#"
streams = { orders = {} }
queues = {
  plain = {}, steps = { fifo = true }, ticks = {}, letters = { retention_seconds = 1209600 }
}
topics = { news = {} }
buses  = { shop = {} }
rules  = {
  ticks = {
    bus = "shop", pattern = { source = ["shop.clock"] }
    target = { queue = "ticks", dead_letter_queue = "letters" }
  }
}
schedules = {
  at-queue = {
    expression = "rate(1 days)", target = { queue = "plain" }, dead_letter_queue = "letters"
  }
  at-steps = {
    expression = "rate(1 days)", target = { queue = "steps", message_group_id = "g" }
    input = { n = 1 }, dead_letter_queue = "letters"
  }
  at-bus = {
    expression = "rate(1 days)", target = { bus = "shop", source = "shop.clock", detail_type = "Tick" }
    input = { n = 2 }, dead_letter_queue = "letters"
  }
  at-stream = {
    expression = "rate(1 days)", target = { stream = "orders", partition_key = "k" }
    input = { n = 3 }, dead_letter_queue = "letters"
  }
  at-topic = {
    expression = "rate(1 days)", target = { topic = "news" }, dead_letter_queue = "letters"
  }
  at-function = {
    expression = "rate(1 days)", target = { function = "probe" }
    input = { at = "<aws.scheduler.scheduled-time>" }, dead_letter_queue = "letters"
  }
  asleep = {
    expression = "rate(1 minute)", enabled = false, target = { queue = "plain" }
    dead_letter_queue = "letters"
  }
}
schedule_groups = {
  deadlines = { targets = { plain = { queue = "plain" } }, dead_letter_queue = "letters" }
}
functions = {
  probe = {
    memory_mb = 128, timeout_seconds = 10, maximum_concurrency = 2
    uses = { DEADLINES = { schedule_group = "deadlines", access = "write" } }
    asynchronous = { on_failure = { queue = "letters" } }
  }
}
"#;

const SIGNED: (&str, &str) =
    ("authorization", "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/scheduler/aws4_request");

/// Calls Scheduler's API as an SDK does. Returns the status and the body.
async fn call(endpoint: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let address = endpoint.strip_prefix("http://").unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = send(method, address, path, &[SIGNED], body).await;
    (answer.status().as_u16(), json_of(&answer))
}

fn schedule(expression: &str, queue: &str, target: Value, more: Value) -> Value {
    let mut body = json!({
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
            "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
        },
    });
    let mut add = |at: &str, more: Value| {
        let object = if at.is_empty() { &mut body } else { &mut body[at] };
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    };
    add("Target", target);
    add("", more);
    body
}

/// An `at` expression some seconds from now.
fn in_seconds(seconds: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// Receives the next message of a queue, by its declared name: its text and its attributes.
async fn received(clients: &Clients, name: &str) -> (String, BTreeMap<String, String>) {
    let url = clients.sqs.get_queue_url().queue_name(name).send().await.unwrap().queue_url.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let receive = clients.sqs.receive_message().queue_url(&url).wait_time_seconds(1);
        let answer = receive.message_attribute_names("All").send().await.unwrap();
        if let Some(message) = answer.messages.unwrap_or_default().into_iter().next() {
            let receipt = message.receipt_handle.unwrap();
            clients
                .sqs
                .delete_message()
                .queue_url(&url)
                .receipt_handle(receipt)
                .send()
                .await
                .unwrap();
            let attributes = message.message_attributes.unwrap_or_default().into_iter();
            let attributes = attributes.map(|(name, value)| (name, value.string_value.unwrap()));
            return (message.body.unwrap(), attributes.collect());
        }
        assert!(Instant::now() < deadline, "no message in {name}");
    }
}

async fn read(clients: &Clients, name: &str) -> Value {
    serde_json::from_str(&received(clients, name).await.0).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declared_schedules_fire_at_every_kind_of_target_and_the_emulator_knows_none() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED)).await;
    let engine = engine.unwrap_or_else(|error| panic!("{error}"));
    let clients = engine.clients();

    // Without an input, the event that AWS sends. Its detail is a text.
    let event = read(clients, "plain").await;
    let arn = "arn:aws:scheduler:us-east-1:000000000000:schedule/declared/at-queue";
    assert_eq!(
        (&event["source"], &event["detail-type"], &event["detail"], &event["resources"]),
        (&json!("aws.scheduler"), &json!("Scheduled Event"), &json!("{}"), &json!([arn]))
    );
    assert!(event["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{event}");
    assert_eq!(read(clients, "steps.fifo").await, json!({"n": 1}));
    let routed = read(clients, "ticks").await;
    assert_eq!(
        (&routed["source"], &routed["detail-type"], &routed["detail"]),
        (&json!("shop.clock"), &json!("Tick"), &json!({"n": 2}))
    );
    assert_eq!(record(clients).await, json!({"n": 3}));

    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let status = idle(&client, "all delivered", |status| {
        status["schedules"]["groups"]["declared"]["handed_over"] == 6
            && status["asynchronous"][0]["delivered"] == 1
    })
    .await;
    assert_eq!(status["schedules"]["schedules"], 7);
    assert_eq!(status["dead_letters"]["letters"], 0);
    let asleep = status["schedules"]["next"].as_array().unwrap().iter();
    let asleep: Vec<_> = asleep.filter(|one| one["name"] == "asleep").collect();
    assert_eq!((&asleep[0]["next"], &asleep[0]["fired"]), (&Value::Null, &json!(0)));

    // One more, on request, whether it is enabled or not.
    client.fire("declared", "asleep").await.unwrap();
    let fired = read(clients, "plain").await;
    assert!(fired["resources"][0].as_str().unwrap().ends_with("declared/asleep"), "{fired}");
    let missing = client.fire("declared", "nobody").await.unwrap_err().to_string();
    assert!(missing.contains("Schedule nobody does not exist."), "{missing}");

    // An emulator that knew them would fire them too, by rules of its own.
    let emulator = &engine.file().emulator_url;
    let (status, listed) = call(emulator, "GET", "/schedules", &Value::Null).await;
    assert_eq!((status, &listed["Schedules"]), (200, &json!([])));
    engine.shutdown().await;
}

/// The data of the newest record of the stream.
async fn record(clients: &Clients) -> Value {
    let kinesis = &clients.kinesis;
    let shards = kinesis.list_shards().stream_name("orders").send().await.unwrap();
    let shard = shards.shards()[0].shard_id().to_owned();
    let from = kinesis.get_shard_iterator().stream_name("orders").shard_id(shard);
    let from = from.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    let mut iterator = from.shard_iterator.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = kinesis.get_records().shard_iterator(iterator).send().await.unwrap();
        if let Some(record) = page.records().first() {
            return serde_json::from_slice(record.data().as_ref()).unwrap();
        }
        assert!(Instant::now() < deadline, "no record");
        iterator = page.next_shard_iterator.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_is_created_fires_and_is_gone_and_bad_ones_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED)).await;
    let engine = engine.unwrap_or_else(|error| panic!("{error}"));
    let (endpoint, clients) = (engine.file().endpoint.clone(), engine.clients());
    read(clients, "plain").await;

    let input = r#"{"order":"1","due":"<aws.scheduler.scheduled-time>","try":"<aws.scheduler.attempt-number>"}"#;
    let group = json!({ "GroupName": "deadlines", "ActionAfterCompletion": "DELETE" });
    // At a scale of 60, ten minutes are ten seconds.
    let at = in_seconds(600);
    let body = schedule(&at, "plain", json!({ "Input": input }), group.clone());
    let (status, created) = call(&endpoint, "POST", "/schedules/order-1", &body).await;
    let arn = "arn:aws:scheduler:us-east-1:000000000000:schedule/deadlines/order-1";
    assert_eq!((status, &created["ScheduleArn"]), (200, &json!(arn)));
    let (status, _) = call(&endpoint, "POST", "/schedules/order-1", &body).await;
    assert_eq!(status, 409, "a name is taken once");
    let path = "/schedules/order-1?groupName=deadlines";
    let (_, described) = call(&endpoint, "GET", path, &Value::Null).await;
    assert_eq!(described["ScheduleExpression"], at);

    // Another one, which is cancelled.
    let cancelled = schedule(&in_seconds(900), "plain", json!({ "Input": "late" }), group.clone());
    assert_eq!(call(&endpoint, "POST", "/schedules/order-2", &cancelled).await.0, 200);
    let cancel = "/schedules/order-2?groupName=deadlines";
    assert_eq!(call(&endpoint, "DELETE", cancel, &Value::Null).await.0, 200);

    // In the past: AWS takes it, and it fires at once.
    let past =
        schedule("at(2022-12-31T23:59:59)", "plain", json!({ "Input": "past" }), group.clone());
    assert_eq!(call(&endpoint, "POST", "/schedules/order-0", &past).await.0, 200);
    assert_eq!(received(clients, "plain").await.0, "past");

    let fired = read(clients, "plain").await;
    let due = at.trim_start_matches("at(").trim_end_matches(')').to_owned() + "Z";
    assert_eq!(fired, json!({ "order": "1", "due": due, "try": "1" }));
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let status = idle(&client, "both delivered", |status| {
        status["schedules"]["groups"]["deadlines"]["handed_over"] == 2
    })
    .await;
    assert_eq!(status["schedules"]["schedules"], 7, "those that are done are deleted");
    assert_eq!(call(&endpoint, "GET", path, &Value::Null).await.0, 404);

    for (body, says) in [
        (schedule("at(soon)", "plain", json!({}), group.clone()), "Invalid Schedule Expression"),
        (
            schedule(
                &at,
                "plain",
                json!({ "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage" }),
                group.clone(),
            ),
            "universal target",
        ),
        (schedule(&at, "plain", json!({}), json!({ "GroupName": "nowhere" })), "group nowhere"),
        (json!([]), "The request cannot be read"),
    ] {
        let (status, answer) = call(&endpoint, "POST", "/schedules/bad", &body).await;
        assert!((400..500).contains(&status), "{answer}");
        assert!(answer["Message"].as_str().unwrap().contains(says), "{answer}");
    }
    let (_, listed) = call(&endpoint, "GET", "/schedules?NamePrefix=bad", &Value::Null).await;
    assert_eq!(listed["Schedules"], json!([]));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_delivered_is_in_the_dead_letter_queue_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(dir.path(), DECLARED)).await;
    let engine = engine.unwrap_or_else(|error| panic!("{error}"));
    let endpoint = engine.file().endpoint.clone();
    let letters = json!({ "Arn": "arn:aws:sqs:us-east-1:000000000000:letters" });
    let target = json!({ "Input": r#"{"order":"1"}"#, "DeadLetterConfig": letters });
    let body = schedule("at(2026-01-02T03:04:05)", "nowhere", target, json!({}));
    assert_eq!(call(&endpoint, "POST", "/schedules/lost", &body).await.0, 200);
    let (text, mut attributes) = received(engine.clients(), "letters").await;
    assert_eq!(text, r#"{"order":"1"}"#);
    let id = attributes.remove("EXECUTION_ID").unwrap();
    assert!(id.len() == 16 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    assert!(!attributes.remove("ERROR_MESSAGE").unwrap().is_empty());
    let expected = [
        ("ERROR_CODE", "AWS.SimpleQueueService.NonExistentQueue"),
        ("IS_PAYLOAD_TRUNCATED", "false"),
        ("RETRY_ATTEMPTS", "0"),
        ("SCHEDULED_TIME", "2026-01-02T03:04:05Z"),
        ("SCHEDULE_ARN", "arn:aws:scheduler:us-east-1:000000000000:schedule/default/lost"),
        ("TARGET_ARN", "arn:aws:sqs:us-east-1:000000000000:nowhere"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(attributes, BTreeMap::from(expected));
    // The schedule stays; it has fired.
    let (_, kept) = call(&endpoint, "GET", "/schedules/lost", &Value::Null).await;
    assert_eq!(kept["State"], "ENABLED");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_functions_calls_are_counted_and_hit_by_faults() {
    let dir = tempfile::tempdir().unwrap();
    let plan =
        "[[fault]]\nfault = \"throttle\"\nrate = 1.0\noperation = \"Scheduler.DeleteSchedule\"\n";
    let plan = FaultPlan::parse(plan).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let mut options = options(dir.path(), DECLARED);
    options.faults = Some(Injection { plan, again: None });
    let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    // The variables of the function, as another program would run it.
    let file = dir.path().join("state/functions/probe.env");
    let variables = std::fs::read_to_string(file).unwrap();
    let variables: BTreeMap<&str, &str> =
        variables.lines().filter_map(|line| line.split_once('=')).collect();
    let found = variables.iter().filter(|(name, _)| name.starts_with("DEADLINES"));
    let found: BTreeMap<&str, &str> = found.map(|(name, value)| (*name, *value)).collect();
    let expected = [
        ("DEADLINES", "deadlines"),
        ("DEADLINES_DEAD_LETTER_ARN", "arn:aws:sqs:us-east-1:000000000000:letters"),
        ("DEADLINES_ROLE_ARN", "arn:aws:iam::000000000000:role/scheduler"),
        ("DEADLINES_TARGET_PLAIN", "arn:aws:sqs:us-east-1:000000000000:plain"),
    ];
    assert_eq!(found, BTreeMap::from(expected));

    let own = variables["AWS_ENDPOINT_URL"];
    let group = json!({ "GroupName": found["DEADLINES"] });
    let target =
        json!({ "Arn": found["DEADLINES_TARGET_PLAIN"], "RoleArn": found["DEADLINES_ROLE_ARN"] });
    let body = schedule("at(2199-01-01T00:00:00)", "plain", target, group);
    assert_eq!(call(own, "POST", "/schedules/a", &body).await.0, 200);
    let path = "/schedules/a?groupName=deadlines";
    let (status, refused) = call(own, "DELETE", path, &Value::Null).await;
    assert_eq!((status, &refused["message"]), (429, &json!("injected by the fault plan")));
    assert_eq!(call(own, "GET", path, &Value::Null).await.0, 200, "it is still there");
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let status = client.status().await.unwrap();
    let calls = &status["calls"]["probe"];
    assert_eq!(calls["Scheduler.CreateSchedule"]["ok"], 1, "{calls}");
    assert_eq!(
        calls["Scheduler.CreateSchedule"]["billed"]["scheduler_invocations"], 1.0,
        "{calls}"
    );
    assert_eq!(calls["Scheduler.DeleteSchedule"]["ok"], 0, "{calls}");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_survive_the_engine_with_the_data_of_an_emulator_that_goes_on() {
    let backend = ministack().await;
    let dir = tempfile::tempdir().unwrap();
    let start = async || {
        let _ = std::fs::remove_dir_all(dir.path().join("bin"));
        let mut options = options(dir.path(), DECLARED);
        options.backend = Backend::External(backend.emulator.endpoint().to_owned());
        Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"))
    };
    let engine = start().await;
    read(&backend.clients, "plain").await;
    let endpoint = engine.file().endpoint.clone();
    let body = schedule(&in_seconds(900), "plain", json!({ "Input": "due" }), json!({}));
    assert_eq!(call(&endpoint, "POST", "/schedules/order-1", &body).await.0, 200);
    let group = call(&endpoint, "POST", "/schedule-groups/own", &json!({})).await;
    assert_eq!(group.0, 200);
    engine.shutdown().await;

    let engine = start().await;
    let endpoint = engine.file().endpoint.clone();
    assert_eq!(call(&endpoint, "GET", "/schedule-groups/own", &Value::Null).await.0, 200);
    assert_eq!(received(&backend.clients, "plain").await.0, "due", "and no second daily one");
    engine.shutdown().await;
}

/// Functions that fail, or never answer, before they take an event.
#[derive(Default)]
struct Functions {
    failures: Mutex<u32>,
    hangs: Mutex<bool>,
    taken: Mutex<Vec<Value>>,
}

impl EventQueue for Functions {
    fn accept<'a>(
        &'a self,
        _function: &'a str,
        _qualifier: Option<&'a str>,
        payload: String,
    ) -> BoxFuture<'a, Result<String, SendError>> {
        Box::pin(async move {
            if *self.hangs.lock().unwrap() {
                std::future::pending::<()>().await;
            }
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err("no luck".to_owned().into());
            }
            self.taken.lock().unwrap().push(serde_json::from_str(&payload).unwrap());
            Ok("id".to_owned())
        })
    }
}

fn firing(
    backend: &TestBackend,
    directory: &Path,
    functions: &Arc<Functions>,
) -> (Arc<Registry>, ScheduleTask) {
    let registry = Registry::open(directory, Vec::new(), Vec::new(), "declared").unwrap();
    let registry = Arc::new(registry);
    let targets = Targets {
        clients: backend.clients.clone(),
        events: Arc::<Functions>::clone(functions),
        functions: ["mailer".to_owned()].into(),
    };
    let task = delivery::start(Schedules {
        registry: Arc::clone(&registry),
        targets: Arc::new(targets),
        activity: Arc::new(Activity::new()),
        time_scale: 1000.0,
    });
    (registry, task)
}

fn create(registry: &Registry, name: &str, function: &str, target: Value) {
    let mut fields = json!({
        "Arn": format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
        "Input": r#"{"attempt":"<aws.scheduler.attempt-number>"}"#,
    });
    fields.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
    let body = schedule("at(2022-12-31T23:59:59)", "x", fields, json!({})).to_string();
    let now = jiff::Timestamp::now();
    registry.create(request::definition(name, body.as_bytes(), now).unwrap()).unwrap();
}

async fn until(what: &str, reached: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "never {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_target_that_fails_is_tried_again_until_it_takes_the_event_or_the_attempts_are_used_up() {
    let backend = ministack().await;
    let (url, _) = queue(&backend.clients, "letters", false).await;
    let dir = tempfile::tempdir().unwrap();
    let functions = Arc::new(Functions { failures: Mutex::new(2), ..Functions::default() });
    let (registry, task) = firing(&backend, dir.path(), &functions);
    create(&registry, "twice", "mailer", json!({}));
    until("taken", || functions.taken.lock().unwrap().len() == 1).await;
    assert_eq!(*functions.taken.lock().unwrap(), [json!({ "attempt": "3" })]);
    until("counted", || task.status().waiting == 0).await;
    assert_eq!(task.status().groups["default"].retries, 2);

    *functions.failures.lock().unwrap() = u32::MAX;
    let limits = json!({
        "RetryPolicy": { "MaximumRetryAttempts": 3 },
        "DeadLetterConfig": { "Arn": "arn:aws:sqs:us-east-1:000000000000:letters" },
    });
    create(&registry, "never", "mailer", limits);
    let (_, attributes) = received(&backend.clients, "letters").await;
    assert_eq!(attributes["RETRY_ATTEMPTS"], "3");
    assert_eq!(attributes["EXHAUSTED_RETRY_CONDITION"], "MaximumRetryAttempts");
    assert_eq!(attributes["ERROR_CODE"], "AWS.Scheduler.InternalServerError");
    assert!(attributes["ERROR_MESSAGE"].contains("no luck"), "{attributes:?}");

    // Without a dead-letter queue, an event that nobody takes is lost, and the loss is counted.
    create(&registry, "nobody", "unknown", json!({}));
    until("lost", || task.status().destination_failures.count == 1).await;
    assert_eq!(crate::delivery::count(&backend.clients, &url).await, 0);
    task.stop().await;
}

#[tokio::test]
async fn an_engine_that_is_killed_while_it_fires_has_left_what_the_next_one_fires_again() {
    let backend = ministack().await;
    let dir = tempfile::tempdir().unwrap();
    let functions = Arc::new(Functions { hangs: Mutex::new(true), ..Functions::default() });
    let (registry, task) = firing(&backend, dir.path(), &functions);
    create(&registry, "once", "mailer", json!({}));
    until("called", || task.status().waiting == 1).await;
    // Ends at once, as a kill does.
    drop((task, registry));

    let functions = Arc::<Functions>::default();
    let (registry, task) = firing(&backend, dir.path(), &functions);
    until("taken", || functions.taken.lock().unwrap().len() == 1).await;
    until("stored", || task.status().waiting == 0).await;
    drop((task, registry));

    // A third one has nothing to fire.
    let (registry, task) = firing(&backend, dir.path(), &functions);
    until("known", || task.status().schedules == 1).await;
    task.stop().await;
    assert_eq!(functions.taken.lock().unwrap().len(), 1);
    drop(registry);
}
