//! Archives and replays in the whole engine, by EventBridge's calls at the endpoint.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::operation::describe_replay::DescribeReplayOutput;
use aws_sdk_eventbridge::operation::start_replay::builders::StartReplayFluentBuilder;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{ReplayDestination, ReplayState};
use engine_client::client::EngineClient;
use serde_json::{Value, json};
use tidegate_local::clients::Clients;
use tidegate_local::engine::Engine;

use crate::engine::{idle, options};
use crate::rule_targets::{put, taken};

const DECLARED: &str = r#"
queues = { first = {}, letters = {}, second = {}, unheard = {} }
buses  = { shop = { archive_days = 3 }, plain = {} }
rules = {
  first = {
    bus = "shop", pattern = { source = ["shop.orders"] }
    target = { queue = "first", dead_letter_queue = "letters" }
  }
  second = {
    bus = "shop", pattern = { source = ["shop.orders"] }
    target = { queue = "second", dead_letter_queue = "letters" }
  }
  live = {
    bus = "shop", pattern = { source = ["shop.orders"], replay-name = [{ exists = false }] }
    target = { queue = "unheard", dead_letter_queue = "letters" }
  }
}
functions = { probe = { memory_mb = 128, timeout_seconds = 20 } }
"#;

const SHOP: &str = "arn:aws:events:us-east-1:000000000000:event-bus/shop";
const ARCHIVE: &str = "arn:aws:events:us-east-1:000000000000:archive/shop";

struct System {
    engine: Engine,
    client: EngineClient,
    clients: Clients,
}

impl System {
    async fn start(directory: &Path) -> Self {
        // Each start creates the binary's link again.
        let _ = std::fs::remove_dir_all(directory.join("bin"));
        let engine = Engine::start(options(directory, DECLARED)).await;
        let engine = engine.unwrap_or_else(|error| panic!("{error}"));
        let client = EngineClient::from_state_dir(&directory.join("state")).unwrap();
        let clients = Clients::new(&engine.file().endpoint);
        Self { engine, client, clients }
    }

    fn events(&self) -> &Client {
        &self.clients.events
    }

    async fn archived(&self, count: u64) -> Value {
        idle(&self.client, "archived", |status| status["archives"][0]["events"] == count).await
    }

    /// Waits for the end of a replay and of all that it led to.
    async fn replayed(&self, name: &str) -> DescribeReplayOutput {
        let status = idle(&self.client, "replayed", |status| {
            let replays = status["replays"].as_array().unwrap();
            replays.iter().any(|replay| replay["name"] == name && replay["ended"].is_string())
        })
        .await;
        assert_eq!(status["replays"].as_array().unwrap().len(), 1, "{status:#}");
        self.events().describe_replay().replay_name(name).send().await.unwrap()
    }
}

fn seconds(moment: SystemTime) -> DateTime {
    DateTime::from(moment)
}

fn day() -> Duration {
    Duration::from_secs(86_400)
}

/// A replay of everything to all rules, or to these.
fn start(events: &Client, name: &str, rules: &[&str]) -> StartReplayFluentBuilder {
    let rules =
        rules.iter().map(|rule| format!("arn:aws:events:us-east-1:000000000000:rule/shop/{rule}"));
    let rules: Vec<String> = rules.collect();
    let destination = ReplayDestination::builder()
        .arn(SHOP)
        .set_filter_arns(Some(rules).filter(|rules| !rules.is_empty()));
    let now = SystemTime::now();
    events
        .start_replay()
        .replay_name(name)
        .event_source_arn(ARCHIVE)
        .event_start_time(seconds(now - day()))
        .event_end_time(seconds(now + day()))
        .destination(destination.build().unwrap())
}

fn ids(messages: &[(Value, std::collections::BTreeMap<String, String>)]) -> BTreeSet<String> {
    messages.iter().map(|(event, _)| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_reaches_its_rules_with_the_same_events_and_is_not_archived() {
    let dir = tempfile::tempdir().unwrap();
    let system = System::start(dir.path()).await;
    let mut put_ids = BTreeSet::new();
    for n in 0..12 {
        put_ids.insert(put(&system.clients, "shop", &json!({"n": n})).await);
    }
    system.archived(12).await;
    for queue in ["first", "second", "unheard"] {
        assert_eq!(ids(&taken(&system.clients, queue).await), put_ids, "{queue}");
    }

    let started = start(system.events(), "again", &["first"]).send().await.unwrap();
    assert_eq!(started.state(), Some(&ReplayState::Starting));
    let arn = "arn:aws:events:us-east-1:000000000000:replay/again";
    assert_eq!(started.replay_arn(), Some(arn));
    let replay = system.replayed("again").await;
    assert_eq!(replay.state(), Some(&ReplayState::Completed));
    assert_eq!((replay.replay_arn(), replay.event_source_arn()), (Some(arn), Some(ARCHIVE)));
    assert!(replay.event_last_replayed_time().is_some() && replay.replay_end_time().is_some());

    let first = taken(&system.clients, "first").await;
    assert_eq!((first.len(), ids(&first)), (12, put_ids), "each once, with its id");
    assert!(first.iter().all(|(event, _)| event["replay-name"] == "again"), "{first:?}");
    assert!(first.iter().all(|(event, _)| event["detail"]["n"].is_number()));
    for queue in ["second", "unheard", "letters"] {
        assert_eq!(taken(&system.clients, queue).await, [], "{queue}");
    }
    system.archived(12).await;
    system.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_outlives_engine_and_emulator_and_is_replayed_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let system = System::start(dir.path()).await;
    put(&system.clients, "shop", &json!({"n": 1})).await;
    put(&system.clients, "plain", &json!({"n": 2})).await;
    system.archived(1).await;
    system.engine.shutdown().await;

    let system = System::start(dir.path()).await;
    assert_eq!(taken(&system.clients, "first").await, [], "the new emulator is empty");
    let described = system.events().describe_archive().archive_name("shop").send().await.unwrap();
    assert_eq!(
        (described.event_count(), described.retention_days(), described.archive_arn()),
        (1, Some(3), Some(ARCHIVE))
    );
    let listed = system.events().list_archives().send().await.unwrap();
    let listed: Vec<_> = listed.archives().iter().map(|archive| archive.archive_name()).collect();
    assert_eq!(listed, [Some("shop")]);

    // Yesterday had no events.
    let now = SystemTime::now();
    let empty = start(system.events(), "empty", &[]).event_end_time(seconds(now - day() / 2));
    empty.send().await.unwrap();
    let empty = system.replayed("empty").await;
    assert_eq!(
        (empty.state(), empty.event_last_replayed_time()),
        (Some(&ReplayState::Completed), None)
    );
    assert_eq!(taken(&system.clients, "first").await, []);

    start(system.events(), "all", &[]).send().await.unwrap();
    idle(&system.client, "both rules", |status| {
        let rules = &status["buses"][0]["rules"];
        rules["first"]["handed_over"] == 1 && rules["second"]["handed_over"] == 1
    })
    .await;
    let (first, second) =
        (taken(&system.clients, "first").await, taken(&system.clients, "second").await);
    assert_eq!((first.len(), &first[0].0["detail"]), (1, &json!({"n": 1})));
    assert_eq!(ids(&first), ids(&second));
    let replays = system.events().list_replays().name_prefix("a").send().await.unwrap();
    let names: Vec<_> = replays.replays().iter().map(|replay| replay.replay_name()).collect();
    assert_eq!(names, [Some("all")]);
    system.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_calls_are_refused_with_eventbridges_errors() {
    let dir = tempfile::tempdir().unwrap();
    let system = System::start(dir.path()).await;
    let events = system.events();
    start(events, "taken", &[]).send().await.unwrap();
    let now = SystemTime::now();
    let destination = |arn: &str| ReplayDestination::builder().arn(arn).build().unwrap();
    let other = |name: &str| format!("arn:aws:events:us-east-1:000000000000:event-bus/{name}");
    for (call, code, says) in [
        (
            start(events, "taken", &[]),
            "ResourceAlreadyExistsException",
            "Replay taken already exists.",
        ),
        (
            start(events, "r", &[]).event_end_time(seconds(now - day() * 2)),
            "ValidationException",
            "EventStartTime must be before EventEndTime.",
        ),
        (
            start(events, "r", &[]).event_source_arn(ARCHIVE.replace("shop", "plain")),
            "ValidationException",
            "Parameter EventSourceArn is not valid. Reason: Archive plain does not exist.",
        ),
        (
            start(events, "r", &[]).destination(destination(&other("gone"))),
            "ResourceNotFoundException",
            "Event bus gone does not exist.",
        ),
        (
            start(events, "r", &[]).destination(destination(&other("plain"))),
            "ValidationException",
            "Cross event bus replay is not permitted.",
        ),
        (start(events, "r", &["gone"]), "ValidationException", "rule/shop/gone is not a rule of"),
        (start(events, "a b", &[]), "ValidationException", "Parameter ReplayName is not valid."),
    ] {
        let error = call.send().await.unwrap_err().into_service_error();
        let message = error.message().unwrap_or_default();
        assert!(error.code() == Some(code) && message.contains(says), "{error:?}");
    }
    let missing = events.describe_replay().replay_name("gone").send().await.unwrap_err();
    assert!(missing.as_service_error().unwrap().is_resource_not_found_exception());
    let missing = events.describe_archive().archive_name("plain").send().await.unwrap_err();
    assert!(missing.as_service_error().unwrap().is_resource_not_found_exception());
    // A replay that has ended cannot be cancelled.
    system.replayed("taken").await;
    let ended = events.cancel_replay().replay_name("taken").send().await.unwrap_err();
    assert!(ended.as_service_error().unwrap().is_illegal_status_exception(), "{ended:?}");
    let exists = events.create_archive().archive_name("shop").event_source_arn(SHOP);
    let exists = exists.send().await.unwrap_err();
    assert!(exists.as_service_error().unwrap().is_resource_already_exists_exception());
    let another = events.create_archive().archive_name("mine").event_source_arn(SHOP);
    let another = another.send().await.unwrap_err().into_service_error();
    assert!(another.message().unwrap().contains("Set archive_days of bus shop"), "{another:?}");
    let deleted = events.delete_archive().archive_name("shop").send().await.unwrap_err();
    let deleted = deleted.into_service_error();
    assert!(deleted.message().unwrap().contains("Change archive_days"), "{deleted:?}");
    system.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_an_engine_left_behind_is_continued_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let system = System::start(dir.path()).await;
    put(&system.clients, "shop", &json!({"n": 1})).await;
    system.archived(1).await;
    system.engine.shutdown().await;
    // As an engine leaves it that was killed before the replay's first event.
    let left = json!({"left": {
        "name": "left", "bus": "shop", "state": "RUNNING", "started": "2026-11-30T10:00:00Z",
        "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z",
    }});
    std::fs::write(dir.path().join("state/archive/replays.json"), left.to_string()).unwrap();
    let system = System::start(dir.path()).await;
    let replay = system.replayed("left").await;
    assert_eq!(replay.state(), Some(&ReplayState::Completed));
    assert_eq!(taken(&system.clients, "first").await.len(), 1);
    system.engine.shutdown().await;
}
