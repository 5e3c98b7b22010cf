//! A newer version of the functions takes over while the older one runs.

use std::collections::BTreeSet;
use std::future::Future;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::verdict;
use crate::feed::{Entry, put};
use crate::world::{PATIENCE, World};

/// The function whose newer version writes content that the others do not know.
const WRITER: &str = "order-processor";
/// Number of commands that arrive when the newer readers run.
const LATE: usize = 40;
/// Functions that read that content.
const READERS: [&str; 3] = ["event-publisher", "notification", "order-projection"];

/// A type that only the newer version knows.
const NEWER_TYPE: &str = "GuestOrderPlaced";

/// Two builds of the functions. A link with the function's name points to the build that a new
/// environment runs.
pub(super) struct Rollout {
    links: TempDir,
    older: PathBuf,
    newer: PathBuf,
}

impl Rollout {
    /// Creates links that all point to the older build.
    pub(super) fn prepare(older: &Path, newer: &Path) -> Self {
        let links = tempfile::tempdir().expect("a directory");
        for function in READERS.iter().chain([&WRITER]) {
            assert!(newer.join(function).is_file(), "{} has no {function}", newer.display());
            symlink(older.join(function), links.path().join(function)).expect("a link");
        }
        Self { links, older: older.to_owned(), newer: newer.to_owned() }
    }

    /// Directory in which the engine finds the functions.
    pub(super) fn directory(&self) -> PathBuf {
        self.links.path().to_owned()
    }

    /// Feeds the entries and deploys in between.
    ///
    /// 1. The newer writer is deployed, so that no reader knows what it writes.
    /// 2. It is rolled back, and the rivals arrive: the older version must load what the newer one
    ///    wrote.
    /// 3. Everything is deployed. The last commands arrive one by one while an aggregate is parked,
    ///    because a function can release it only when it is invoked.
    pub(super) async fn run(&self, world: &World, entries: Vec<Entry>) {
        let (rivals, mut first): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| entry.rival);
        let (third, late) = (first.len() / 3, LATE.min(first.len() / 3));
        let mut rest = first.split_off(third);
        let late = rest.split_off(rest.len() - late);
        let (late, rivals) = held_back(late, rivals);
        put(world, first).await;
        world.settle().await;

        self.deploy(WRITER, &self.newer);
        end_environments(world, WRITER).await;
        put(world, rest).await;
        let stuck = || async { !verdict::parked(world).await.is_empty() || idle(world).await };
        until("an older reader meets what a newer writer wrote", stuck).await;
        let written = verdict::written(world, NEWER_TYPE).await;

        self.deploy(WRITER, &self.older);
        end_environments(world, WRITER).await;
        let before = retries(world).await;
        put(world, rivals).await;
        let met = || async { retries(world).await > before || idle(world).await };
        until("an older writer meets what a newer one wrote", met).await;
        let parked = verdict::parked(world).await.len();
        println!(
            "  {written} events of a new type are written, {parked} aggregates parked when all is deployed"
        );
        assert!(written > 0, "the newer version wrote nothing new");

        for function in READERS.into_iter().chain([WRITER]) {
            self.deploy(function, &self.newer);
            end_environments(world, function).await;
        }
        world.settle().await;
        let mut late = late.into_iter().peekable();
        while late.peek().is_some() && !verdict::parked(world).await.is_empty() {
            put(world, late.by_ref().take(1).collect()).await;
            world.settle().await;
            sleep(Duration::from_millis(500)).await;
        }
        put(world, late.collect()).await;
    }

    /// From now on, new environments of the function run this build.
    fn deploy(&self, function: &str, build: &Path) {
        let next = self.links.path().join(format!("{function}.next"));
        symlink(build.join(function), &next).expect("a link");
        std::fs::rename(&next, self.links.path().join(function))
            .expect("a link in place of the other");
    }
}

/// The late commands, each with its rival behind it, and the rivals of the others.
fn held_back(late: Vec<Entry>, rivals: Vec<Entry>) -> (Vec<Entry>, Vec<Entry>) {
    let keys: BTreeSet<String> = late.iter().map(|entry| entry.key.clone()).collect();
    let (of_late, rivals) = rivals.into_iter().partition(|rival| keys.contains(&rival.key));
    ([late, of_late].concat(), rivals)
}

/// Ends all environments of a function.
async fn end_environments(world: &World, function: &str) {
    let status = world.status().await;
    let pids = status["functions"][function]["pids"].as_array().cloned().unwrap_or_default();
    for pid in pids.iter().filter_map(Value::as_i64) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(i32::try_from(pid).expect("a process id")), Signal::SIGKILL);
    }
}

/// How often batches of the writer's mapping were delivered again.
async fn retries(world: &World) -> u64 {
    let status = world.status().await;
    let mappings = status["mappings"].as_array().cloned().unwrap_or_default();
    let of_writer = mappings.iter().filter(|mapping| mapping["function"] == WRITER);
    of_writer.filter_map(|mapping| mapping["retries"].as_u64()).sum()
}

async fn idle(world: &World) -> bool {
    world.status().await["idle"] == true
}

async fn until<Holds: Future<Output = bool>>(what: &str, holds: impl Fn() -> Holds) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
