//! A whole engine that is killed, and the next one in the same directory.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use engine_client::client::EngineClient;
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;
use tidegate_local::engine::Engine;
use tidegate_local::environment::LogLine;

use crate::engine::{DECLARED, options};
use crate::probe::until;

const DIRECTORY: &str = "TIDEGATE_TEST_ENGINE";
const ENDPOINT: &str = "TIDEGATE_TEST_ENDPOINT";

/// The next test runs this in processes of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "another test runs it and kills it"]
async fn engine_that_is_killed() {
    let (Ok(directory), Ok(endpoint)) = (std::env::var(DIRECTORY), std::env::var(ENDPOINT)) else {
        return;
    };
    let mut options = options(directory.as_ref(), DECLARED);
    options.backend = Backend::External(endpoint);
    let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    engine.wait_for_shutdown().await.unwrap();
    engine.shutdown().await;
}

fn start(directory: &Path, endpoint: &str) -> Child {
    // Each run creates the binary's link again.
    let _ = std::fs::remove_dir_all(directory.join("bin"));
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed_engine::engine_that_is_killed", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(ENDPOINT, endpoint)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

async fn started(directory: &Path, engine: &mut Child) {
    let pid = i32::try_from(engine.id()).unwrap();
    let state = directory.join("state");
    until("the engine is ready", || {
        assert!(engine.try_wait().unwrap().is_none(), "the engine ended");
        EngineClient::from_state_dir(&state).is_ok_and(|client| client.engine().pid == pid)
    })
    .await;
}

/// Records that the function printed, in order. A record that came twice is in it twice.
fn delivered(directory: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(directory.join("state/logs/probe.log")).unwrap_or_default();
    let texts = log.lines().filter_map(|line| LogLine::parse(line).map(|line| line.text));
    texts.filter_map(|text| text.strip_prefix("record ").map(str::to_owned)).collect()
}

async fn put(clients: &Clients, count: u32) -> Vec<String> {
    let entries = (0..count).map(|n| {
        let entry = PutRecordsRequestEntry::builder().partition_key("k");
        entry.data(Blob::new(format!("{{\"n\":{n}}}"))).build().unwrap()
    });
    let put =
        clients.kinesis.put_records().stream_name("orders").set_records(Some(entries.collect()));
    let put = put.send().await.unwrap();
    put.records.into_iter().filter_map(|record| record.sequence_number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_engine_goes_on_where_it_was_with_the_batch_in_flight() {
    let backend = crate::backend::ministack().await;
    let dir = tempfile::tempdir().unwrap();
    let endpoint = backend.emulator.endpoint();
    let mut engine = start(dir.path(), endpoint);
    started(dir.path(), &mut engine).await;
    let mut written = Vec::new();
    for kill in 1..=3 {
        let before = delivered(dir.path()).len();
        written.extend(put(&backend.clients, 100).await);
        until("some were delivered", || delivered(dir.path()).len() >= before + 30).await;
        engine.kill().unwrap();
        engine.wait().unwrap();
        let now: BTreeSet<String> = delivered(dir.path()).into_iter().collect();
        assert!(now.len() < written.len(), "kill {kill} came too late");
        engine = start(dir.path(), endpoint);
        started(dir.path(), &mut engine).await;
    }
    let all: BTreeSet<String> = written.iter().cloned().collect();
    until("all were delivered", || {
        delivered(dir.path()).into_iter().collect::<BTreeSet<_>>() == all
    })
    .await;
    let client = EngineClient::from_state_dir(&dir.path().join("state")).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while client.status().await.unwrap()["idle"] != true {
        assert!(tokio::time::Instant::now() < deadline, "never idle");
    }
    client.shutdown().await.unwrap();
    engine.wait().unwrap();

    let delivered = delivered(dir.path());
    let repeated = delivered.len() - all.len();
    assert!(
        repeated <= 3 * 10,
        "{repeated} of {} came again: more than a batch for each kill",
        all.len()
    );
    // All records have one key: no record came for the first time before an earlier one.
    let mut first = Vec::new();
    for record in delivered {
        if !first.contains(&record) {
            first.push(record);
        }
    }
    assert_eq!(first, written);
}
