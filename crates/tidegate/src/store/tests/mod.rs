//! Tests that apply to every event store and every way to load and decide.

mod digest;
mod dynamodb;
mod executed;
mod group;
mod newer_versions;
mod snapshot;

use std::sync::Mutex;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::batch::{Handled, Outcome};
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};
use crate::message::Message;
use crate::store::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct Added {
    amount: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(super) struct Refused {}

crate::messages! {
    #[derive(Clone, Debug, PartialEq)]
    pub(super) enum CounterEvent { Added, Refused }
}

/// Accepts amounts up to a sum of 10.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Counter {
    pub(super) sum: u32,
}

pub(super) enum Command {
    Open(u32),
    Add(u32),
}

impl Aggregate for Counter {
    type Command = Command;
    type Event = CounterEvent;
    const SOURCE: &'static str = "test.counter";

    fn creates(command: &Command) -> bool {
        matches!(command, Command::Open(_))
    }

    fn apply(&mut self, event: &CounterEvent) {
        if let CounterEvent::Added(Added { amount }) = event {
            self.sum += amount;
        }
    }

    fn decide(&self, command: &Command) -> Decision<CounterEvent> {
        let (Command::Open(amount) | Command::Add(amount)) = command;
        if self.sum + amount > 10 {
            Decision::one(Refused {})
        } else {
            Decision::one(Added { amount: *amount })
        }
    }
}

pub(super) fn stream() -> StreamId {
    "counter#1".parse().unwrap()
}

pub(super) fn origin(id: &str) -> Origin {
    Origin::new(Cause::new("test", id), Timestamp::UNIX_EPOCH)
}

async fn send(store: &dyn EventStore, id: &str, command: Command) -> Result<Handled, Failure> {
    let executed =
        execute::<Counter>(store, &stream(), &command, &origin(id), Retry::default()).await?;
    Ok(executed.handled())
}

/// Counts requests, and lets other writers commit first.
#[derive(Default)]
struct Watched {
    store: MemoryEventStore,
    reads: Mutex<u32>,
    writes: Mutex<u32>,
    rivals: Mutex<Vec<&'static str>>,
}

impl EventReader for Watched {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        *self.reads.lock().unwrap() += 1;
        self.store.read(stream, after)
    }
}

impl EventStore for Watched {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        async move {
            *self.writes.lock().unwrap() += 1;
            let rival = self.rivals.lock().unwrap().pop();
            if let Some(rival) = rival {
                send(&self.store, rival, Command::Add(1)).await?;
            }
            self.store.commit(commit).await
        }
        .boxed()
    }
}

impl Watched {
    fn requests(&self) -> (u32, u32) {
        (
            std::mem::take(&mut self.reads.lock().unwrap()),
            std::mem::take(&mut self.writes.lock().unwrap()),
        )
    }
}

#[tokio::test]
async fn creating_costs_one_write_and_changing_one_read_and_one_write() {
    let store = Watched::default();
    assert_eq!(send(&store, "a", Command::Open(3)).await, Ok(Handled::Applied));
    assert_eq!(store.requests(), (0, 1));
    assert_eq!(send(&store, "b", Command::Add(3)).await, Ok(Handled::Applied));
    assert_eq!(store.requests(), (1, 1));
}

#[tokio::test]
async fn a_duplicate_of_the_first_command_is_known_from_the_failed_write_alone() {
    let store = Watched::default();
    send(&store, "a", Command::Open(3)).await.unwrap();
    store.requests();
    let (open, origin) = (Command::Open(3), origin("a"));
    let commands = [(&open, &origin)];
    let outcomes = execute_all::<Counter>(&store, &stream(), &commands, Retry::default()).await;
    assert_eq!(outcomes, [Outcome::Done(Handled::Duplicate)]);
    assert_eq!(store.requests(), (0, 1));
    assert_eq!(store.store.commits().len(), 1);
}

#[tokio::test]
async fn a_duplicate_of_a_later_command_writes_nothing() {
    let store = Watched::default();
    send(&store, "a", Command::Open(3)).await.unwrap();
    send(&store, "b", Command::Add(3)).await.unwrap();
    store.requests();
    assert_eq!(send(&store, "b", Command::Add(3)).await, Ok(Handled::Duplicate));
    assert_eq!(store.requests(), (1, 0));
}

#[tokio::test]
async fn a_refusal_is_decided_once_too() {
    let store = Watched::default();
    send(&store, "a", Command::Open(9)).await.unwrap();
    assert_eq!(
        send(&store, "b", Command::Add(5)).await,
        Ok(Handled::Applied),
        "a refusal is a decision"
    );
    assert_eq!(send(&store, "b", Command::Add(5)).await, Ok(Handled::Duplicate));
    let kinds: Vec<_> =
        store.store.commits().iter().map(|commit| commit.events[0].kind.clone()).collect();
    assert_eq!(kinds, ["Added", "Refused"]);
}

#[tokio::test]
async fn a_creating_command_that_finds_its_place_taken_decides_on_what_is_there() {
    let store = Watched::default();
    send(&store, "a", Command::Open(9)).await.unwrap();
    assert_eq!(send(&store, "b", Command::Open(5)).await, Ok(Handled::Applied));
    assert_eq!(store.store.commits()[1].events[0].kind, "Refused");
}

#[tokio::test]
async fn an_event_that_a_state_holds_is_not_applied_to_it_again() {
    let store = MemoryEventStore::default();
    send(&store, "a", Command::Open(3)).await.unwrap();
    send(&store, "b", Command::Add(4)).await.unwrap();
    let (mut counter, mut version) = (Counter { sum: 3 }, Version::new(1));
    super::history::fold(&mut counter, &mut version, &store.commits()).unwrap();
    assert_eq!((counter.sum, version), (7, Version::new(2)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_is_decided_again_on_the_winners_state_after_a_pause() {
    let store = Watched::default();
    send(&store, "a", Command::Open(5)).await.unwrap();
    store.rivals.lock().unwrap().extend(["r1", "r2"]);
    let began = tokio::time::Instant::now();
    assert_eq!(send(&store, "b", Command::Add(4)).await, Ok(Handled::Applied));
    assert!(began.elapsed() > std::time::Duration::ZERO);
    let last = store.store.commits().pop().unwrap();
    assert_eq!(
        (last.last_version(), last.events[0].kind.as_str()),
        (Version::new(4), "Refused"),
        "5 + 1 + 1 + 4 > 10"
    );
}

#[tokio::test]
async fn a_race_lost_too_often_is_transient() {
    let store = Watched::default();
    send(&store, "a", Command::Open(1)).await.unwrap();
    store.rivals.lock().unwrap().extend(["r1", "r2", "r3", "r4", "r5"]);
    let failure = send(&store, "b", Command::Add(1)).await.unwrap_err();
    assert_eq!(
        (failure.class(), failure.code()),
        (crate::failure::Class::Transient, "version_conflict")
    );
}

#[tokio::test]
async fn the_same_decision_gives_the_same_event_id() {
    let (one, other) = (MemoryEventStore::default(), MemoryEventStore::default());
    for store in [&one, &other] {
        send(store, "a", Command::Open(3)).await.unwrap();
    }
    assert_eq!(one.commits()[0].events[0].id, other.commits()[0].events[0].id);
}

#[tokio::test(start_paused = true)]
async fn no_pause_follows_the_last_attempt() {
    let store = Watched::default();
    send(&store, "a", Command::Open(1)).await.unwrap();
    store.rivals.lock().unwrap().push("r");
    let once = Retry { attempts: 1, pause: std::time::Duration::from_secs(3600) };
    let began = tokio::time::Instant::now();
    let lost = execute::<Counter>(&store, &stream(), &Command::Add(1), &origin("b"), once).await;
    assert_eq!(lost.unwrap_err().code(), "version_conflict");
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_large_commit_that_is_seen_in_part_is_read_again_for_less_than_a_second() {
    let store = MemoryEventStore::default();
    send(&store, "a", Command::Open(3)).await.unwrap();
    let mut large = store.commits().remove(0);
    large.decisions[0].cause.id = "b".to_owned();
    large.events[0].version = Version::new(2);
    large.events[0].data = format!(r#"{{"amount":1,"{}":0}}"#, "x".repeat(410_000));
    store.commit(&Commit::new(large, "large")).await.unwrap();
    store.tear_reads(3);
    assert_eq!(send(&store, "c", Command::Add(1)).await, Ok(Handled::Applied));
    store.tear_reads(u32::MAX);
    let began = tokio::time::Instant::now();
    let failure = send(&store, "d", Command::Add(1)).await.unwrap_err();
    assert_eq!(
        (failure.class(), failure.code()),
        (crate::failure::Class::Transient, "incomplete_commit")
    );
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(store.commits().len(), 3);
}

mod newer {
    //! The same events in the next version: `amount` is called `units`.
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Added {
        pub(super) units: u32,
    }

    impl Message for Added {
        const TYPE: &'static str = "Added";
        const VERSION: u32 = 2;

        fn upcast(_: u32, mut data: serde_json::Value) -> Result<serde_json::Value, Failure> {
            data["units"] = data["amount"].take();
            Ok(data)
        }
    }

    crate::messages! {
        #[derive(Clone, Debug, PartialEq)]
        pub(super) enum Event { Added, Refused }
    }

    #[derive(Default)]
    pub(super) struct Counter {
        sum: u32,
    }

    impl Aggregate for Counter {
        type Command = u32;
        type Event = Event;
        const SOURCE: &'static str = "test.counter";

        fn creates(_: &u32) -> bool {
            false
        }

        fn apply(&mut self, event: &Event) {
            if let Event::Added(Added { units }) = event {
                self.sum += units;
            }
        }

        fn decide(&self, units: &u32) -> Decision<Event> {
            if self.sum + units > 10 {
                Decision::one(Refused {})
            } else {
                Decision::one(Added { units: *units })
            }
        }
    }
}

#[tokio::test]
async fn events_of_an_old_version_are_folded_by_a_newer_reader_and_stay_as_they_are() {
    let store = MemoryEventStore::default();
    send(&store, "a", Command::Open(9)).await.unwrap();
    let before = store.commits();
    for (id, units) in [("b", 5), ("c", 1)] {
        execute::<newer::Counter>(&store, &stream(), &units, &origin(id), Retry::default())
            .await
            .unwrap();
    }
    let commits = store.commits();
    assert_eq!(commits[..1], before);
    let versions: Vec<_> =
        commits.iter().map(|c| (c.events[0].kind.as_str(), c.events[0].data_version)).collect();
    assert_eq!(versions, [("Added", 1), ("Refused", 1), ("Added", 2)], "9 + 5 > 10, 9 + 1 is not");
}

#[tokio::test]
async fn events_of_a_newer_version_are_waited_for_and_nothing_is_decided() {
    let store = MemoryEventStore::default();
    execute::<newer::Counter>(&store, &stream(), &3, &origin("a"), Retry::default()).await.unwrap();
    let failure = send(&store, "b", Command::Add(1)).await.unwrap_err();
    assert_eq!(
        (failure.class(), failure.code()),
        (crate::failure::Class::Transient, "newer_version")
    );
    assert!(failure.reason().contains("at version 1"), "{failure}");
    assert_eq!(store.commits().len(), 1);
}
