//! Tests what `execute` returns, and what `load` loads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::test::{Call, Fault, Faults, Faulty};

async fn executed(store: &dyn EventStore, id: &str, command: Command) -> Executed<CounterEvent> {
    execute::<Counter>(store, &stream(), &command, &origin(id), Retry::default()).await.unwrap()
}

fn added(amount: u32) -> CounterEvent {
    CounterEvent::Added(Added { amount })
}

#[tokio::test]
async fn a_command_returns_its_decision_and_the_version_after_it() {
    let store = MemoryEventStore::default();
    let first = executed(&store, "a", Command::Open(3)).await;
    assert_eq!(
        (first.events(), first.version.number(), first.duplicate),
        (&[added(3)][..], 1, false)
    );
    let second = executed(&store, "b", Command::Add(9)).await;
    assert_eq!(second.events(), [CounterEvent::Refused(Refused {})]);
    assert_eq!((second.version.number(), second.handled()), (2, Handled::Applied));
}

#[tokio::test]
async fn a_duplicate_returns_the_first_decision_although_the_stream_grew() {
    let store = MemoryEventStore::default();
    for (id, command) in [("a", Command::Open(3)), ("b", Command::Add(4)), ("c", Command::Add(1))] {
        executed(&store, id, command).await;
    }
    for (id, amount, version) in [("a", 3, 1), ("b", 4, 2), ("c", 1, 3)] {
        let again = executed(&store, id, Command::Add(amount)).await;
        assert_eq!((again.events(), again.version.number()), (&[added(amount)][..], version));
        assert_eq!(again.handled(), Handled::Duplicate);
    }
}

#[tokio::test]
async fn a_duplicate_of_a_group_commit_returns_its_own_part() {
    let store = MemoryEventStore::default();
    let origins = [origin("a"), origin("b"), origin("c")];
    let commands = [Command::Add(1), Command::Add(2), Command::Add(3)];
    let group: Vec<_> = commands.iter().zip(&origins).collect();
    execute_all::<Counter>(&store, &stream(), &group, Retry::default()).await;
    assert_eq!(store.commits().len(), 1, "one commit holds all three decisions");
    let again = executed(&store, "b", Command::Add(2)).await;
    assert_eq!((again.events(), again.version.number()), (&[added(2)][..], 2));
    assert!(again.duplicate);
}

#[tokio::test]
async fn a_duplicate_of_a_creating_command_is_read_after_its_write_failed() {
    let store = Watched::default();
    let first = executed(&store, "a", Command::Open(3)).await;
    store.requests();
    let again = executed(&store, "a", Command::Open(3)).await;
    assert_eq!(store.requests(), (1, 1));
    assert_eq!((again.decision, again.version), (first.decision, first.version));
}

#[tokio::test]
async fn a_command_whose_answer_was_lost_returns_the_same_decision_when_it_comes_again() {
    let faults = Faults::none().at(Call::Commit, 1, Fault::LostResponse);
    let store = Faulty::new(Arc::new(MemoryEventStore::default()), faults);
    let add = Command::Add(2);
    let lost = execute::<Counter>(&store, &stream(), &add, &origin("a"), Retry::default()).await;
    assert_eq!(lost.unwrap_err().code(), "lost_response");
    let again = executed(&store, "a", Command::Add(2)).await;
    assert_eq!((again.events(), again.version.number()), (&[added(2)][..], 1));
    assert_eq!(store.port().commits().len(), 1);
}

#[tokio::test]
async fn a_snapshot_that_has_only_the_cause_does_not_hide_the_decision() {
    let store = MemoryEventStore::default();
    let snapshots = Arc::new(MemorySnapshots::default());
    let policy = Snapshots::new(Arc::<MemorySnapshots>::clone(&snapshots)).every(1);
    let mut origin = origin("a");
    origin.arrived_at = Some(Timestamp::now());
    let send = async |command: Command, origin: &Origin| {
        let (stream, retry) = (stream(), Retry::default());
        execute_with_snapshots::<Counter>(&store, &policy, &stream, &command, origin, retry)
            .await
            .unwrap()
    };
    let first = send(Command::Add(3), &origin).await;
    send(Command::Add(4), &super::origin("b")).await;
    assert_eq!(snapshots.snapshots().last().map(|last| last.version.number()), Some(2));
    let again = send(Command::Add(3), &origin).await;
    assert_eq!((&again.decision, again.version), (&first.decision, first.version));
    assert!(again.duplicate);
}

/// Refuses writes.
struct ReadOnly(MemoryEventStore, AtomicBool);

impl EventReader for ReadOnly {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        self.1.store(true, Ordering::Relaxed);
        self.0.read(stream, after)
    }
}

#[tokio::test]
async fn an_aggregate_is_loaded_at_its_version_from_a_store_that_cannot_write() {
    let store = MemoryEventStore::default();
    executed(&store, "a", Command::Open(3)).await;
    executed(&store, "b", Command::Add(4)).await;
    let reader = ReadOnly(store, AtomicBool::new(false));
    let loaded = load::<Counter>(&reader, &stream()).await.unwrap();
    assert_eq!((loaded.aggregate.sum, loaded.version.number()), (7, 2));
    assert!(reader.1.load(Ordering::Relaxed));
    let other = load::<Counter>(&reader, &"counter#2".parse().unwrap()).await.unwrap();
    assert_eq!((other.aggregate.sum, other.version), (0, Version::NONE));
    assert!(other.existing().is_none() && loaded.existing().is_some());
}

#[tokio::test]
async fn an_aggregate_is_loaded_from_its_snapshot() {
    let store = MemoryEventStore::default();
    let snapshots = Arc::new(MemorySnapshots::default());
    let policy = Snapshots::new(Arc::<MemorySnapshots>::clone(&snapshots)).every(2);
    for id in ["a", "b", "c"] {
        let (stream, retry) = (stream(), Retry::default());
        let add = Command::Add(2);
        execute_with_snapshots::<Counter>(&store, &policy, &stream, &add, &origin(id), retry)
            .await
            .unwrap();
    }
    assert_eq!(snapshots.snapshots().len(), 1);
    let loaded = load_with_snapshots::<Counter>(&store, &policy, &stream()).await.unwrap();
    assert_eq!((loaded.aggregate.sum, loaded.version.number()), (6, 3));
}
