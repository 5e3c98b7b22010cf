use std::sync::Mutex;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::*;
use crate::batch::Effect;
use crate::ids::Cause;
use crate::message::Message;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Added {
    amount: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Refused {}

impl Message for Added {
    const TYPE: &'static str = "Added";
    const VERSION: u32 = 1;
}

impl Message for Refused {
    const TYPE: &'static str = "Refused";
    const VERSION: u32 = 1;
}

crate::messages! {
    #[derive(Clone, Debug, PartialEq)]
    enum CounterEvent { Added, Refused }
}

/// Takes amounts up to a sum of 10.
#[derive(Default)]
struct Counter {
    sum: u32,
}

enum Command {
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

fn stream() -> StreamId {
    "counter#1".parse().unwrap()
}

fn origin(id: &str) -> Origin {
    Origin {
        cause: Cause { source: "test".to_owned(), id: id.to_owned() },
        correlation_id: id.to_owned(),
        traceparent: None,
        time: Timestamp::UNIX_EPOCH,
        arrived_at: None,
    }
}

async fn send(store: &dyn EventStore, id: &str, command: Command) -> Result<Effect, Failure> {
    execute::<Counter>(store, &stream(), &command, &origin(id), Retry::default()).await
}

/// Counts requests, and lets rivals commit first.
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
        (std::mem::take(&mut self.reads.lock().unwrap()), std::mem::take(&mut self.writes.lock().unwrap()))
    }
}

#[tokio::test]
async fn creating_costs_one_write_and_changing_one_read_and_one_write() {
    let store = Watched::default();
    assert_eq!(send(&store, "a", Command::Open(3)).await, Ok(Effect::Applied));
    assert_eq!(store.requests(), (0, 1));
    assert_eq!(send(&store, "b", Command::Add(3)).await, Ok(Effect::Applied));
    assert_eq!(store.requests(), (1, 1));
}

#[tokio::test]
async fn a_duplicate_of_the_first_command_is_known_from_the_failed_write_alone() {
    let store = Watched::default();
    send(&store, "a", Command::Open(3)).await.unwrap();
    store.requests();
    assert_eq!(send(&store, "a", Command::Open(3)).await, Ok(Effect::Duplicate));
    assert_eq!(store.requests(), (0, 1));
    assert_eq!(store.store.commits().len(), 1);
}

#[tokio::test]
async fn a_duplicate_of_a_later_command_writes_nothing() {
    let store = Watched::default();
    send(&store, "a", Command::Open(3)).await.unwrap();
    send(&store, "b", Command::Add(3)).await.unwrap();
    store.requests();
    assert_eq!(send(&store, "b", Command::Add(3)).await, Ok(Effect::Duplicate));
    assert_eq!(store.requests(), (1, 0));
}

#[tokio::test]
async fn a_refusal_is_decided_once_too() {
    let store = Watched::default();
    send(&store, "a", Command::Open(9)).await.unwrap();
    assert_eq!(send(&store, "b", Command::Add(5)).await, Ok(Effect::Applied), "a refusal is a decision");
    assert_eq!(send(&store, "b", Command::Add(5)).await, Ok(Effect::Duplicate));
    let kinds: Vec<_> = store.store.commits().iter().map(|commit| commit.events[0].kind.clone()).collect();
    assert_eq!(kinds, ["Added", "Refused"]);
}

#[tokio::test]
async fn a_creating_command_that_finds_its_place_taken_decides_on_what_is_there() {
    let store = Watched::default();
    send(&store, "a", Command::Open(9)).await.unwrap();
    assert_eq!(send(&store, "b", Command::Open(5)).await, Ok(Effect::Applied));
    assert_eq!(store.store.commits()[1].events[0].kind, "Refused");
}

#[tokio::test]
async fn a_lost_race_is_decided_again_on_the_winners_state() {
    let store = Watched::default();
    send(&store, "a", Command::Open(5)).await.unwrap();
    store.rivals.lock().unwrap().extend(["r1", "r2"]);
    assert_eq!(send(&store, "b", Command::Add(4)).await, Ok(Effect::Applied));
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
    assert_eq!((failure.class(), failure.code()), (crate::failure::Class::Transient, "version_conflict"));
}

#[tokio::test]
async fn the_same_decision_gives_the_same_event_id() {
    let (one, other) = (MemoryEventStore::default(), MemoryEventStore::default());
    for store in [&one, &other] {
        send(store, "a", Command::Open(3)).await.unwrap();
    }
    assert_eq!(one.commits()[0].events[0].id, other.commits()[0].events[0].id);
}
