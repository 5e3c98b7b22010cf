//! Tests that loading from a snapshot decides as loading the whole stream does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, pending, ready};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Command, Counter, CounterEvent, origin, stream};
use crate::batch::{Handled, Outcome};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::store::*;

impl Snapshotted for Counter {
    const SHAPE: &'static str = "counter/1";
}

/// Records the version after which each read of a stream began.
#[derive(Default)]
struct Watched {
    store: MemoryEventStore,
    reads: Mutex<Vec<u64>>,
}

impl EventReader for Watched {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        self.reads.lock().unwrap().push(after.number());
        self.store.read(stream, after)
    }
}

impl EventStore for Watched {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        self.store.commit(commit)
    }
}

#[derive(Default)]
struct World {
    store: Watched,
    snapshots: Arc<MemorySnapshots>,
}

impl World {
    fn policy(&self) -> Snapshots {
        Snapshots::new(Arc::<MemorySnapshots>::clone(&self.snapshots)).every(3)
    }

    async fn send_as(&self, policy: &Snapshots, origin: &Origin, command: Command) -> Handled {
        self.executed_as(policy, origin, command).await.handled()
    }

    async fn executed_as(
        &self,
        policy: &Snapshots,
        origin: &Origin,
        command: Command,
    ) -> Executed<CounterEvent> {
        execute_with_snapshots::<Counter>(
            &self.store,
            policy,
            &stream(),
            &command,
            origin,
            Retry::default(),
        )
        .await
        .unwrap()
    }

    async fn send(&self, id: &str, command: Command) -> Handled {
        self.send_as(&self.policy(), &origin(id), command).await
    }

    /// Stores three events; the last one takes a snapshot.
    async fn with_snapshot() -> Self {
        let world = Self::default();
        for (id, command) in
            [("a", Command::Open(5)), ("b", Command::Add(1)), ("c", Command::Add(1))]
        {
            assert_eq!(world.send(id, command).await, Handled::Applied);
        }
        assert_eq!(world.snapshots.snapshots().len(), 1);
        world.reads();
        world
    }

    fn reads(&self) -> Vec<u64> {
        std::mem::take(&mut self.store.reads.lock().unwrap())
    }

    fn kinds(&self) -> Vec<String> {
        self.store.store.commits().iter().map(|commit| commit.events[0].kind.clone()).collect()
    }

    /// Replaces the snapshot.
    async fn replace(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = self.snapshots.snapshots().remove(0);
        change(&mut snapshot);
        self.snapshots.save(&snapshot).await.unwrap();
    }
}

fn taken_at(id: &str, arrived_at: Option<Timestamp>) -> Origin {
    Origin { arrived_at, ..origin(id) }
}

#[tokio::test]
async fn a_snapshot_is_taken_after_so_many_events_and_only_what_follows_is_read() {
    let world = World::with_snapshot().await;
    let snapshot = world.snapshots.snapshots().remove(0);
    assert_eq!((snapshot.version, snapshot.state.as_str()), (Version::new(3), r#"{"sum":7}"#));
    assert_eq!(snapshot.event_id, world.store.store.commits()[2].events[0].id);
    assert_eq!(world.send("d", Command::Add(4)).await, Handled::Applied);
    assert_eq!(world.reads(), [2], "the last event in the snapshot, and what follows");
    assert_eq!(world.kinds()[3], "Refused", "5 + 1 + 1 + 4 > 10");
    assert_eq!(world.snapshots.snapshots()[0].version, Version::new(3), "the next is due at 6");
    world.send("e", Command::Add(0)).await;
    world.send("f", Command::Add(0)).await;
    assert_eq!(world.snapshots.snapshots()[0].version, Version::new(6));
}

#[tokio::test]
async fn a_duplicate_of_what_is_in_the_snapshot_and_of_what_follows_it_is_known_without_the_rest() {
    let world = World::with_snapshot().await;
    world.send("d", Command::Add(1)).await;
    world.reads();
    let add = Command::Add(1);
    for id in ["b", "c", "d"] {
        let (policy, stream, origin) = (world.policy(), stream(), origin(id));
        let (commands, retry) = ([(&add, &origin)], Retry::default());
        let outcomes =
            execute_all_with_snapshots::<Counter>(&world.store, &policy, &stream, &commands, retry);
        assert_eq!(outcomes.await, [Outcome::Done(Handled::Duplicate)], "{id}");
    }
    assert_eq!(world.reads(), [2, 2, 2]);
    assert_eq!(world.kinds().len(), 4);
}

#[tokio::test]
async fn the_events_of_a_duplicate_are_read_again_only_if_they_are_older_than_the_snapshot() {
    let world = World::with_snapshot().await;
    world.send("d", Command::Add(1)).await;
    for (id, reads) in [("b", &[2, 0][..]), ("c", &[2]), ("d", &[2])] {
        world.reads();
        assert_eq!(world.send(id, Command::Add(1)).await, Handled::Duplicate, "{id}");
        assert_eq!(world.reads(), reads, "{id}");
    }
}

#[tokio::test]
async fn a_delivery_older_than_the_horizon_or_of_unknown_age_is_compared_with_the_whole_stream() {
    let world = World::default();
    let policy = world.policy().horizon(Duration::ZERO);
    for id in ["a", "b", "c"] {
        let command = if id == "a" { Command::Open(1) } else { Command::Add(1) };
        world.send_as(&policy, &origin(id), command).await;
    }
    assert!(!world.snapshots.snapshots()[0].causes.contain(&origin("b").cause), "it is forgotten");
    world.reads();
    let long_ago = "2026-01-01T00:00:00Z".parse().ok();
    for arrived_at in [long_ago, None] {
        let again = taken_at("b", arrived_at);
        assert_eq!(world.send_as(&policy, &again, Command::Add(1)).await, Handled::Duplicate);
        assert_eq!(world.reads(), [2, 0], "{arrived_at:?}");
    }
    let now = Timestamp::now().checked_add(Duration::from_secs(120)).ok();
    assert_eq!(
        world.send_as(&policy, &taken_at("d", now), Command::Add(1)).await,
        Handled::Applied
    );
    assert_eq!(
        world.reads(),
        [2],
        "what was taken after all that is forgotten can have no commit there"
    );
}

#[tokio::test]
async fn a_message_of_a_queue_may_be_older_than_its_time_says() {
    let world = World::default();
    let policy = world.policy().horizon(Duration::ZERO);
    for id in ["a", "b", "c"] {
        let command = if id == "a" { Command::Open(1) } else { Command::Add(1) };
        world.send_as(&policy, &origin(id), command).await;
    }
    world.reads();
    // All causes are forgotten. The message is then moved back from its dead-letter queue, and is a
    // new message.
    let now = Timestamp::now().checked_add(Duration::from_secs(120)).ok();
    let again = Origin { redriven: Origin::REDRIVEN, ..taken_at("b", now) };
    assert_eq!(world.send_as(&policy, &again, Command::Add(1)).await, Handled::Duplicate);
    assert_eq!(world.reads(), [2, 0], "compared with the whole stream");
}

#[tokio::test]
async fn a_snapshot_of_another_shape_is_not_looked_at() {
    let world = World::with_snapshot().await;
    world.replace(|snapshot| snapshot.shape = "counter/2".to_owned()).await;
    // A store that returns the wrong snapshot anyway.
    world.replace(|snapshot| snapshot.state = r#"{"sum":0}"#.to_owned()).await;
    struct Any(Arc<MemorySnapshots>);
    impl SnapshotStore for Any {
        fn load<'a>(
            &'a self,
            stream: &'a StreamId,
            _: &'a str,
        ) -> BoxFuture<'a, Result<Option<Snapshot>, Failure>> {
            self.0.load(stream, "counter/2")
        }
        fn save<'a>(&'a self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), Failure>> {
            self.0.save(snapshot)
        }
    }
    let policy = Snapshots::new(Arc::new(Any(Arc::clone(&world.snapshots))));
    world.send_as(&policy, &origin("d"), Command::Add(4)).await;
    assert_eq!(world.reads(), [0]);
    assert_eq!(world.kinds()[3], "Refused");
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_or_is_of_another_history_is_ignored_and_replaced() {
    let broken: [fn(&mut Snapshot); 3] = [
        |snapshot| snapshot.state = "{}".to_owned(),
        |snapshot| snapshot.event_id = "another".to_owned(),
        // The event store was restored to an earlier time, the snapshots were not.
        |snapshot| snapshot.version = Version::new(9),
    ];
    for (number, change) in broken.into_iter().enumerate() {
        let world = World::with_snapshot().await;
        if number < 2 {
            world.replace(|snapshot| snapshot.state = r#"{"sum":0}"#.to_owned()).await;
        }
        world.replace(change).await;
        world.send("d", Command::Add(4)).await;
        assert_eq!(world.reads().last(), Some(&0), "case {number}");
        let commits = world.store.store.commits();
        assert_eq!(
            (commits[3].events[0].kind.as_str(), commits[3].first_version()),
            ("Refused", Version::new(4))
        );
        let snapshot = world.snapshots.snapshots().remove(0);
        if number < 2 {
            assert_eq!(
                (snapshot.version, snapshot.state.as_str()),
                (Version::new(4), r#"{"sum":7}"#)
            );
        }
    }
}

/// Snapshots that fail, or never answer.
struct Down(bool);

impl SnapshotStore for Down {
    fn load<'a>(
        &'a self,
        _: &'a StreamId,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, Failure>> {
        ready(Err(Failure::transient("snapshot", "down"))).boxed()
    }

    fn save<'a>(&'a self, _: &'a Snapshot) -> BoxFuture<'a, Result<(), Failure>> {
        if self.0 {
            pending().boxed()
        } else {
            ready(Err(Failure::transient("snapshot", "down"))).boxed()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_succeeds_without_snapshots_and_waits_two_seconds_for_one_at_most() {
    for silent in [false, true] {
        let world = World::default();
        let policy = Snapshots::new(Arc::new(Down(silent))).every(1);
        world.send_as(&policy, &origin("a"), Command::Open(1)).await;
        let began = tokio::time::Instant::now();
        assert_eq!(world.send_as(&policy, &origin("b"), Command::Add(1)).await, Handled::Applied);
        assert_eq!(world.send_as(&policy, &origin("b"), Command::Add(1)).await, Handled::Duplicate);
        assert_eq!(began.elapsed(), Duration::from_secs(if silent { 2 } else { 0 }));
    }
}

#[tokio::test]
async fn with_snapshots_every_stream_is_as_without() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let world = World::default();
        let plain = MemoryEventStore::default();
        let policy =
            world.policy().every(random.random_range(1..5)).horizon(if random.random_bool(0.5) {
                Duration::ZERO
            } else {
                Duration::from_secs(60)
            });
        for _ in 0..30 {
            let (id, amount) = (random.random_range(0..20).to_string(), random.random_range(0..3));
            let command = || if id == "0" { Command::Open(amount) } else { Command::Add(amount) };
            let arrived_at = random.random_bool(0.5).then(Timestamp::now);
            let from = taken_at(&id, arrived_at);
            let wanted = execute::<Counter>(&plain, &stream(), &command(), &from, Retry::default())
                .await
                .unwrap();
            assert_eq!(
                world.executed_as(&policy, &from, command()).await,
                wanted,
                "seed {seed}, command {id}"
            );
        }
        let ids = |store: &MemoryEventStore| -> Vec<_> {
            store.commits().iter().map(|commit| commit.events[0].id.clone()).collect()
        };
        assert_eq!(ids(&world.store.store), ids(&plain), "seed {seed}");
    }
}
