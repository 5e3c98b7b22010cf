//! Tests a projector with deliveries in any order and number.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::*;

use crate::batch::{BatchContext, BatchHandler, Decode, Handled, Item, NotRun, Outcome, Stopwatch};
use crate::envelope::DataSchema;
use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version};
use crate::source::Source;
use crate::store::EventReader;
use crate::store::{
    Commit, CommitChange, EventStore, MemoryEventStore, RecordedCommit, RecordedEvent,
};
use crate::test::{Call, DynamoDbEvent, Fault, Faults, Faulty};

mod contract;
mod deadlines;
mod deltas;
mod entries;
mod entries_contract;
mod hints;
mod newer;
mod parked;
mod parts;
mod rivals;
mod rows;
mod throttling;

// The name by which suites that the system tests include know it.
use contract as suite;

/// Number of products from which an event fills more than half of a delta.
const LARGE: usize = 60;
/// A name that makes counters large.
const LONG: &str = match std::str::from_utf8(&[b'x'; 3_000]) {
    Ok(text) => text,
    Err(_) => panic!("it is ASCII"),
};

/// Counts units by product. The data of an event is its products, separated by blanks.
#[derive(Default)]
struct Products {
    /// Events that cannot be projected, with their failures.
    broken: BTreeMap<String, Failure>,
}

impl Projection for Products {
    fn concerns(&self, stream: &StreamId) -> bool {
        stream.kind() == "order"
    }

    fn project(
        &self,
        _commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        assert!(event.data != "panic", "a projection that panics");
        if let Some(failure) = self.broken.get(&event.data) {
            return Err(failure.clone());
        }
        let products = event.data.split(' ');
        let large = products.clone().count() >= LARGE;
        let counters = products.map(|product| Increment {
            key: product.to_owned(),
            add: BTreeMap::from([("units", 1)])
                .into_iter()
                .chain(large.then_some((LONG, 0)))
                .collect(),
        });
        Ok(Projected {
            row: RowUpdate::default().set("last", event.data.as_str()),
            counters: counters.collect(),
            entries: Vec::new(),
        })
    }
}

fn commit(stream: &str, version: u64, data: &str) -> RecordedCommit {
    let (id, schema) = (format!("{stream} {version}"), DataSchema::new("Counted", 1));
    let event = RecordedEvent::new(&id, Version::new(version), schema, Timestamp::UNIX_EPOCH, data);
    let (stream, cause) = (stream.parse().unwrap(), Cause::new("test", id));
    RecordedCommit::new(stream, "test", cause, Timestamp::UNIX_EPOCH, vec![event])
}

struct World {
    store: Arc<MemoryEventStore>,
    model: Arc<MemoryReadModel>,
    faults: Faults,
    time: Duration,
}

impl World {
    /// Creates a world whose event store holds these commits.
    async fn with(commits: &[RecordedCommit]) -> Self {
        let time = Duration::from_secs(30);
        let world =
            Self { store: Arc::default(), model: Arc::default(), faults: Faults::none(), time };
        for record in commits {
            world.add(record).await;
        }
        world
    }

    /// Adds a commit to the event store.
    async fn add(&self, record: &RecordedCommit) {
        let commit =
            Commit { record: record.clone(), attempt: record.decisions[0].cause.id.clone() };
        self.store.commit(&commit).await.unwrap();
    }

    async fn deliver_to(&self, projection: Products, changes: &[CommitChange]) -> Vec<Outcome> {
        self.hand_over(projection, changes, false).await
    }

    async fn replay(&self, changes: &[CommitChange]) -> Vec<Outcome> {
        self.hand_over(Products::default(), changes, true).await
    }

    async fn hand_over(
        &self,
        projection: impl Projection,
        changes: &[CommitChange],
        replay: bool,
    ) -> Vec<Outcome> {
        let events = Faulty::new(Arc::clone(&self.store), self.faults.clone());
        self.hand_over_from(Arc::new(events), projection, changes, replay).await
    }

    async fn hand_over_from(
        &self,
        events: Arc<dyn EventReader>,
        projection: impl Projection,
        changes: &[CommitChange],
        replay: bool,
    ) -> Vec<Outcome> {
        let model = Faulty::new(Arc::clone(&self.model), self.faults.clone());
        let projector = Projector::new(projection, Arc::new(model), events);
        let items: Vec<_> = changes
            .iter()
            .map(|change| Item {
                stopwatch: Stopwatch::default(),
                lane: String::new(),
                arrived_at: None,
                span: tracing::Span::none(),
                delivered: None,
                record: change.clone(),
            })
            .collect();
        let context = BatchContext {
            deadline: Instant::now() + self.time,
            lease_until: Timestamp::now(),
            replay,
            ..BatchContext::new(self.time)
        };
        projector.handle_batch(&items, &context).await
    }

    async fn deliver(&self, commits: &[&RecordedCommit]) -> Vec<Outcome> {
        let changes: Vec<_> =
            commits.iter().map(|commit| CommitChange::Commit((*commit).clone())).collect();
        self.deliver_to(Products::default(), &changes).await
    }

    /// Returns the list of parked aggregates.
    async fn listed(&self) -> Vec<StreamId> {
        self.model.parked(None, 1_000).await.unwrap()
    }

    fn units(&self, product: &str) -> i64 {
        self.model.counters().get(product).map_or(0, |row| row.get("units").copied().unwrap_or(0))
    }

    fn version(&self, stream: &str) -> u64 {
        self.model
            .guard(&stream.parse().unwrap())
            .map_or(0, |guard| guard.position.version.number())
    }
}

/// Returns the change that a commit reports if its data is in chunks.
fn split(commit: &RecordedCommit) -> CommitChange {
    CommitChange::Split {
        stream: commit.stream.clone(),
        version: commit.first_version(),
        last_version: commit.last_version(),
        last_event_id: commit.events.last().unwrap().id.clone(),
    }
}

const APPLIED: Outcome = Outcome::Done(Handled::Applied);
const DUPLICATE: Outcome = Outcome::Done(Handled::Duplicate);
const FILTERED: Outcome = Outcome::Done(Handled::Filtered);
const PARKED: Outcome = Outcome::Done(Handled::Parked);

#[tokio::test]
async fn an_event_delivered_twice_counts_once_within_a_batch_and_across_batches() {
    let placed = commit("order#1", 1, "a b");
    let world = World::with(std::slice::from_ref(&placed)).await;
    assert_eq!(world.deliver(&[&placed, &placed]).await, [APPLIED, DUPLICATE]);
    assert_eq!(world.deliver(&[&placed]).await, [DUPLICATE]);
    assert_eq!((world.units("a"), world.units("b")), (1, 1));
}

#[tokio::test]
async fn a_gap_is_filled_from_the_store_and_the_late_delivery_is_a_duplicate() {
    let commits = [commit("order#1", 1, "a"), commit("order#1", 2, "b"), commit("order#1", 3, "c")];
    let world = World::with(&commits).await;
    assert_eq!(world.deliver(&[&commits[2]]).await, [APPLIED]);
    assert_eq!((world.units("a"), world.units("b"), world.units("c")), (1, 1, 1));
    assert_eq!(world.deliver(&[&commits[0], &commits[1]]).await, [DUPLICATE, DUPLICATE]);
    assert_eq!(world.version("order#1"), 3);
}

#[tokio::test]
async fn events_of_many_aggregates_share_transactions() {
    let commits: Vec<_> =
        (0..40).map(|order| commit(&format!("order#{order}"), 1, "a b")).collect();
    let world = World::with(&commits).await;
    let outcomes = world.deliver(&commits.iter().collect::<Vec<_>>()).await;
    assert!(outcomes.iter().all(|outcome| *outcome == APPLIED), "{outcomes:?}");
    assert_eq!(world.units("a"), 40);
    assert_eq!(world.model.transactions().len(), 1, "40 guards and 2 counters");
}

#[tokio::test]
async fn an_event_of_1200_rows_is_applied_in_parts_and_goes_on_where_it_stopped() {
    let data = (0..1200).map(|product| format!("p{product}")).collect::<Vec<_>>().join(" ");
    let large = commit("order#1", 1, &data);
    let world = World::with(std::slice::from_ref(&large)).await;
    // Five parts succeed. The table is then down for longer than the projector tries.
    let down = Failure::transient("read_model", "down");
    world.faults.at(Call::Apply, 6, Fault::Failed(down.clone()));
    assert_eq!(world.deliver(&[&large]).await, [Outcome::Failed(down)]);
    assert_eq!(world.version("order#1"), 0);
    assert_eq!(world.model.guard(&large.stream).unwrap().position.part, 5);
    assert_eq!(
        world.model.attribute(&large.stream, "last"),
        None,
        "the row changes with the last part"
    );

    assert_eq!(world.deliver(&[&large]).await, [APPLIED]);
    let counters = world.model.counters();
    assert_eq!(counters.len(), 1200);
    assert!(counters.values().all(|row| row["units"] == 1), "no part was counted twice");
    assert_eq!(
        (world.version("order#1"), world.model.guard(&large.stream).unwrap().position.part),
        (1, 0)
    );
    assert_eq!(world.model.attribute(&large.stream, "last"), Some(data.into()));
}

#[tokio::test]
async fn rewritten_history_is_noticed() {
    let first = commit("order#1", 1, "a");
    let world = World::with(std::slice::from_ref(&first)).await;
    world.deliver(&[&first]).await;
    let mut other = first.clone();
    other.events[0].id = "another".to_owned();
    let outcomes = world.deliver(&[&other]).await;
    assert!(
        matches!(&outcomes[0], Outcome::Failed(failure) if failure.code() == "history_rewritten" && failure.class() == Class::Permanent),
        "{outcomes:?}"
    );
}

fn is_rewritten(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.code() == "history_rewritten" && failure.class() == Class::Permanent)
}

#[tokio::test]
async fn of_two_histories_in_one_batch_the_stores_is_applied() {
    let first = commit("order#1", 1, "a");
    let mut other = commit("order#1", 1, "b");
    other.events[0].id = "another".to_owned();
    for batch in [[&first, &other], [&other, &first]] {
        let world = World::with(std::slice::from_ref(&first)).await;
        let outcomes = world.deliver(&batch).await;
        for (commit, outcome) in batch.iter().zip(&outcomes) {
            assert!(
                if **commit == first { *outcome == APPLIED } else { is_rewritten(outcome) },
                "{outcomes:?}"
            );
        }
        assert_eq!((world.units("a"), world.units("b")), (1, 0));
    }
}

#[tokio::test]
async fn a_gap_is_not_filled_from_another_history_than_the_one_applied() {
    let commits = [commit("order#1", 1, "a"), commit("order#1", 2, "b"), commit("order#1", 3, "c")];
    let mut before = commits[0].clone();
    before.events[0].id = "another".to_owned();
    let world = World::with(&commits).await;
    assert!(world.deliver(&[&before]).await.iter().all(|outcome| *outcome == APPLIED));
    let outcomes = world.deliver(&[&commits[2]]).await;
    assert!(is_rewritten(&outcomes[0]), "{outcomes:?}");
    let Outcome::Failed(failure) = &outcomes[0] else { panic!() };
    assert!(
        failure.reason().contains("order#1 1") && failure.reason().contains("another"),
        "{failure}"
    );
    assert_eq!((world.version("order#1"), world.units("c")), (1, 0));
}

#[tokio::test]
async fn a_split_commit_is_read_from_the_store() {
    let large = commit("order#1", 1, "a");
    let world = World::with(std::slice::from_ref(&large)).await;
    let hint = split(&large);
    assert_eq!(
        world.deliver_to(Products::default(), &[hint, CommitChange::Other]).await,
        [APPLIED, FILTERED]
    );
    assert_eq!(world.units("a"), 1);
}

/// Returns a commit of several events, each large enough for a transaction of its own.
fn large_commit(stream: &str, data: [&str; 2]) -> RecordedCommit {
    let mut large = commit(stream, 1, "");
    let products = |letter: &str| match letter {
        "bad" => "bad".to_owned(),
        letter => (0..60).map(|product| format!("{letter}{product}")).collect::<Vec<_>>().join(" "),
    };
    large.events = (1..)
        .zip(data)
        .map(|(version, letter)| RecordedEvent {
            data: products(letter),
            ..commit(stream, version, "").events.remove(0)
        })
        .collect();
    large.decisions[0].event_count = large.events.len();
    large
}

#[tokio::test]
async fn a_split_commit_is_applied_when_its_last_event_is() {
    let large = large_commit("order#1", ["a", "b"]);
    let world = World::with(std::slice::from_ref(&large)).await;
    let down = Failure::transient("read_model", "down");
    world.faults.at(Call::Apply, 2, Fault::Failed(down.clone()));
    let hint = [split(&large)];
    assert_eq!(world.deliver_to(Products::default(), &hint).await, [Outcome::Failed(down)]);
    assert_eq!(world.version("order#1"), 1, "the first event is applied");
    assert_eq!(
        world.deliver_to(Products::default(), &hint).await,
        [APPLIED],
        "it is no duplicate yet"
    );
    assert_eq!((world.units("a0"), world.units("b59")), (1, 1));
    assert_eq!(world.deliver_to(Products::default(), &hint).await, [DUPLICATE]);
}

/// Returns a product whose counter has a key that is too long for DynamoDB.
fn unstorable() -> String {
    "u".repeat(2049)
}

#[tokio::test]
async fn a_row_that_cannot_be_stored_costs_its_own_aggregate_only() {
    let bad = format!("{} a", unstorable());
    let commits =
        [commit("order#1", 1, "a"), commit("order#2", 1, &bad), commit("order#3", 1, "a")];
    let world = World::with(&commits).await;
    let outcomes = world.deliver(&commits.iter().collect::<Vec<_>>()).await;
    assert_eq!((&outcomes[0], &outcomes[2]), (&APPLIED, &APPLIED));
    assert!(
        matches!(&outcomes[1], Outcome::Failed(failure) if failure.code() == "unstorable"),
        "{outcomes:?}"
    );
    assert_eq!(world.units("a"), 2);
    assert_eq!(world.model.guard(&commits[1].stream).unwrap().parked, Some(Version::new(1)));
}

#[tokio::test]
async fn an_unreadable_guard_costs_its_own_aggregate_only() {
    let commits = [1, 2, 3].map(|order| commit(&format!("order#{order}"), 1, "a"));
    let world = World::with(&commits).await;
    let second = commit("order#2", 2, "b");
    world.add(&second).await;
    assert_eq!(world.deliver(&[&commits[1]]).await, [APPLIED]);
    world.model.spoil(&commits[1].stream);
    let outcomes = world.deliver(&[&commits[0], &second, &commits[2]]).await;
    assert_eq!((&outcomes[0], &outcomes[2]), (&APPLIED, &APPLIED));
    let failure = outcomes[1].failure().unwrap();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "corrupt_guard"));
    assert_eq!((world.units("a"), world.units("b")), (3, 0));
}

#[tokio::test]
async fn an_event_that_cannot_be_stored_costs_none_of_the_events_before_it() {
    let commits =
        [commit("order#1", 1, "a"), commit("order#1", 2, &unstorable()), commit("order#1", 3, "c")];
    for (others, delivered_before) in [(0, false), (3, false), (0, true)] {
        let mut all = commits.to_vec();
        all.extend((0..others).map(|order| commit(&format!("order#o{order}"), 1, "a")));
        let world = World::with(&all).await;
        if delivered_before {
            world.deliver(&[&commits[0]]).await;
        }
        let outcomes = world.deliver(&all.iter().collect::<Vec<_>>()).await;
        let first = if delivered_before { &DUPLICATE } else { &APPLIED };
        assert_eq!((&outcomes[0], &outcomes[2]), (first, &PARKED));
        assert!(
            matches!(&outcomes[1], Outcome::Failed(failure) if failure.code() == "unstorable"),
            "{outcomes:?}"
        );
        assert_eq!(
            (world.version("order#1"), world.units("a"), world.units("c")),
            (1, 1 + others, 0)
        );
        assert_eq!(world.model.guard(&commits[0].stream).unwrap().parked, Some(Version::new(2)));
    }
}

#[tokio::test]
async fn a_step_that_can_never_be_stored_is_tried_once() {
    let placed = commit("order#1", 1, "a");
    let world = World::with(std::slice::from_ref(&placed)).await;
    let never = Failure::permanent("unstorable", "it is");
    world.faults.at(Call::Apply, 1, Fault::Failed(never.clone()));
    assert_eq!(world.deliver(&[&placed]).await, [Outcome::Failed(never)]);
    assert_eq!(world.faults.calls(Call::Apply), 1);
}

#[tokio::test]
async fn a_row_in_memory_holds_what_an_item_holds() {
    let world = World::with(&[]).await;
    let stream: StreamId = "order#1".parse().unwrap();
    let mut version = 0;
    let mut append = async |bytes: usize| {
        let to = |version| Position::after(Version::new(version));
        let advance = Advance {
            stream: stream.clone(),
            from: to(version),
            parked: None,
            to: to(version + 1),
            event_id: None,
        };
        let name = ["a", "b", "c"][version as usize];
        version += 1;
        let row = RowUpdate::default().set(name, "x".repeat(bytes - 1));
        world
            .model
            .apply(&Transaction { guards: vec![(advance, row)], ..Transaction::default() })
            .await
    };
    assert_eq!(append(300_000).await, Ok(()));
    assert_eq!(append(109_600).await, Ok(()));
    assert_eq!(append(1).await.unwrap_err().failure().unwrap().code(), "unstorable");
}

#[tokio::test]
async fn the_read_model_in_memory_keeps_the_contract() {
    let model = MemoryReadModel::default().in_slice(3);
    let spoil = async |what: contract::Spoil<'_>| match what {
        contract::Spoil::Row(stream) => model.spoil(stream),
        contract::Spoil::Counter(key) => model.spoil_counter(key, true),
        contract::Spoil::Mend(key) => model.spoil_counter(key, false),
    };
    contract::contract(&model, spoil).await;
}

#[test]
fn deliveries_of_an_aggregate_share_a_lane() {
    let event = DynamoDbEvent::event_store().commit(&commit("order#1", 1, "a")).unwrap().build();
    let (model, events) =
        (Arc::new(MemoryReadModel::default()), Arc::new(MemoryEventStore::default()));
    let projector = Projector::new(Products::default(), model, events);
    assert_eq!(projector.lane(&Source::DynamoDb.split(&event).unwrap()[0]), "order#1");
}

#[tokio::test]
async fn a_projection_that_changes_the_guards_own_attribute_parks_at_that_event() {
    struct Meddling;
    impl Projection for Meddling {
        fn concerns(&self, _: &StreamId) -> bool {
            true
        }
        fn project(&self, _: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure> {
            let name = if event.data == "bad" { "version" } else { "status" };
            Ok(Projected { row: RowUpdate::default().set(name, 1), ..Projected::default() })
        }
    }
    let commits = [commit("order#1", 1, "good"), commit("order#1", 2, "bad")];
    let world = World::with(&commits).await;
    let changes = commits.clone().map(CommitChange::Commit);
    let outcomes = world.hand_over(Meddling, &changes, false).await;
    assert_eq!(outcomes[0], APPLIED);
    assert!(
        matches!(&outcomes[1], Outcome::Failed(failure) if failure.reason().contains("`version`")),
        "{outcomes:?}"
    );
    assert_eq!(world.version("order#1"), 1);
}

#[tokio::test]
async fn aggregates_of_other_kinds_are_passed_over() {
    let other = commit("parcel#1", 1, "a");
    let world = World::with(std::slice::from_ref(&other)).await;
    assert_eq!(world.deliver(&[&other]).await, [FILTERED]);
    assert_eq!(world.model.guard(&other.stream), None);
}

#[tokio::test]
async fn a_delivery_that_the_store_does_not_know_stays_failed() {
    let commits = [commit("order#1", 1, "a"), commit("order#1", 3, "c")];
    let world = World::with(&commits[..1]).await;
    let outcomes = world.deliver(&[&commits[1]]).await;
    assert!(
        matches!(&outcomes[0], Outcome::Failed(failure) if failure.code() == "not_in_store"),
        "{outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_deliveries_repeated_until_they_succeed_count_once() {
    // The second event of the third order is lost in transit. It comes from the event store.
    let data = ["a b", "b", "c a", "b c"];
    let commits: Vec<_> = (0..3)
        .flat_map(|order| {
            (1..)
                .zip(data)
                .map(move |(version, data)| commit(&format!("order#{order}"), version, data))
        })
        .collect();
    for seed in 0..40 {
        let mut world = World::with(&commits).await;
        world.faults = Faults::seeded(seed, 0.3);
        let mut left: Vec<&RecordedCommit> = commits
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != 9)
            .map(|(_, commit)| commit)
            .collect();
        let mut batches = 0;
        while !left.is_empty() {
            batches += 1;
            assert!(batches < 200, "seed {seed}: {left:?} never succeed");
            // Batches of different sizes, every other one in reverse order.
            let mut batch: Vec<_> =
                left.iter().copied().take(1 + (batches + seed as usize) % 5).collect();
            if batches % 2 == 0 {
                batch.reverse();
            }
            let outcomes = world.deliver(&batch).await;
            let done: Vec<_> = batch
                .iter()
                .zip(&outcomes)
                .filter(|(_, outcome)| matches!(outcome, Outcome::Done(_)))
                .map(|(commit, _)| *commit)
                .collect();
            left.retain(|commit| !done.contains(commit));
        }
        let counted = ["a", "b", "c"].map(|product| world.units(product));
        assert_eq!(counted, [6, 9, 6], "seed {seed}: {:?}", world.faults.injected());
    }
}
