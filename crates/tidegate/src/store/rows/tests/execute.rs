//! Tests of the execution of commands that change rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version};
use crate::message::Message;
use crate::projection::{RowUpdate, Value};
use crate::store::rows::memory::MemoryRowStore;
use crate::store::*;
use crate::test::{Call, Fault, Faults, Faulty};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Boarded {
    cars: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Full {
    car: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Seated {
    cars: usize,
}

crate::messages! {
    #[derive(Clone, Debug, PartialEq)]
    enum BoardingEvent { Boarded, Full, Seated }
}

/// A group that takes a seat in each of some cars, two cars in each stage.
#[derive(Default)]
struct Boarding {
    boarded: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Car {
    free: i64,
}

type Cars = BTreeSet<String>;

impl RowAggregate for Boarding {
    type Command = Cars;
    type Event = BoardingEvent;
    type Row = Car;
    const SOURCE: &'static str = "train";

    fn creates(_: &Cars) -> bool {
        true
    }

    fn apply(&mut self, event: &BoardingEvent) {
        if let BoardingEvent::Boarded(Boarded { cars }) = event {
            self.boarded.extend(cars.iter().cloned());
        }
    }

    fn rows(&self, cars: &Cars) -> BTreeSet<String> {
        cars.difference(&self.boarded).take(2).cloned().collect()
    }

    fn decide(
        &self,
        cars: &Cars,
        rows: &BTreeMap<String, Car>,
    ) -> Result<Stage<BoardingEvent>, Failure> {
        let now = self.rows(cars);
        assert!(!now.contains("off the rails"), "this car does not run");
        if rows.contains_key("sealed") {
            return Err(Failure::permanent("sealed_before", "who was in it?"));
        }
        let full = now.iter().find(|car| rows.get(*car).is_some_and(|row| row.free == 0));
        if let Some(car) = full {
            return Ok(Stage::last(Decision::one(Full { car: car.clone() })));
        }
        let left = cars.len() - self.boarded.len() - now.len();
        let boarded = Decision::one(Boarded { cars: now.iter().cloned().collect() });
        let stage = match left {
            0 => Stage::last(boarded.and(Seated { cars: cars.len() })),
            _ => Stage::before_another(boarded),
        };
        Ok(now.iter().fold(stage, |stage, car| {
            stage.change(match rows.get(car) {
                Some(_) => {
                    RowChange::new(car, RowUpdate::default().add("free", -1)).if_at_least("free", 1)
                }
                None => RowChange::new(car, RowUpdate::default().set("free", 9)).if_absent(),
            })
        }))
    }
}

fn cars(cars: &[&str]) -> Cars {
    cars.iter().map(|car| (*car).to_owned()).collect()
}

fn origin(id: &str) -> Origin {
    let mut origin = Origin::new(Cause::new("test", id), Timestamp::UNIX_EPOCH);
    origin.content = Content::new("Board", 1, &format!("\"{id}\""));
    origin
}

fn group(name: &str) -> StreamId {
    StreamId::new("group", name).unwrap()
}

async fn board(
    store: &dyn RowStore,
    name: &str,
    wanted: &[&str],
) -> Result<Executed<BoardingEvent>, Failure> {
    board_after(store, name, wanted, 4).await
}

async fn board_after(
    store: &dyn RowStore,
    name: &str,
    wanted: &[&str],
    attempts: u32,
) -> Result<Executed<BoardingEvent>, Failure> {
    let retry = Retry { attempts, pause: Duration::from_millis(10) };
    execute_with_rows::<Boarding>(store, &group(name), &cars(wanted), &origin(name), retry).await
}

fn free(store: &MemoryRowStore) -> Vec<(String, i64)> {
    let number = |row: BTreeMap<_, Value>| match row["free"] {
        Value::Number(number) => number,
        _ => panic!("{row:?}"),
    };
    store.all_rows().into_iter().map(|(car, row)| (car, number(row))).collect()
}

fn faulty(faults: &Faults) -> (Arc<MemoryRowStore>, Faulty<MemoryRowStore>) {
    let store = Arc::new(MemoryRowStore::default());
    (Arc::clone(&store), Faulty::new(store, faults.clone()))
}

#[tokio::test]
async fn a_stage_costs_one_read_of_rows_and_one_transaction() {
    let faults = Faults::none();
    let (store, port) = faulty(&faults);
    let executed = board(&port, "one", &["a", "b"]).await.unwrap();
    assert_eq!((executed.version, executed.duplicate), (Version::new(2), false));
    let calls =
        || [Call::Read, Call::ReadRows, Call::CommitWithRows].map(|call| faults.calls(call));
    assert_eq!(calls(), [0, 1, 1], "the first write is tried without a look at the stream");
    let again = board(&port, "one", &["a", "b"]).await.unwrap();
    assert!(again.duplicate);
    assert_eq!((again.decision, again.version), (executed.decision, executed.version));
    assert_eq!(calls(), [1, 2, 2], "the failed write tells that there is something to read");
    assert_eq!(free(&store), [("a".to_owned(), 9), ("b".to_owned(), 9)]);
}

#[tokio::test]
async fn a_command_of_several_stages_goes_on_where_a_crash_ended_it() {
    let all = ["a", "b", "c", "d", "e"];
    for crash in 1..=3 {
        let faults = Faults::none().at(Call::CommitWithRows, crash, Fault::LostResponse);
        let (store, port) = faulty(&faults);
        let failure = board(&port, "one", &all).await.unwrap_err();
        assert_eq!(failure.code(), "lost_response");
        assert_eq!(store.commits().len(), crash as usize);
        let executed = board(&port, "one", &all).await.unwrap();
        assert_eq!(executed.events().last(), Some(&Seated { cars: 5 }.into()));
        assert_eq!(executed.duplicate, crash == 3);
        let causes: Vec<String> =
            store.commits().iter().map(|commit| commit.decisions[0].cause.id.clone()).collect();
        assert_eq!(causes, ["one/1", "one/2", "one"]);
        let taken: Vec<_> = free(&store).into_iter().map(|(_, free)| free).collect();
        assert_eq!(taken, [9; 5], "each car was changed once");
    }
}

#[tokio::test]
async fn other_content_is_refused_also_between_two_stages() {
    let all = ["a", "b", "c", "d", "e"];
    let faults = Faults::none().at(Call::CommitWithRows, 2, Fault::Throttled);
    let (store, port) = faulty(&faults);
    board(&port, "one", &all).await.unwrap_err();
    let mut other = origin("one");
    other.content = Content::new("Board", 1, "\"other\"");
    let (stream, wanted) = (group("one"), cars(&all));
    let executed =
        execute_with_rows::<Boarding>(&port, &stream, &wanted, &other, Retry::default()).await;
    let failure = executed.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "cause_reused"));
    assert_eq!(store.commits().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rows_that_other_writers_keep_changing_end_in_a_failure_that_passes() {
    let faults = Faults::none();
    faults.always(Call::CommitWithRows, Some(Fault::Conflict));
    let (store, port) = faulty(&faults);
    let failure = board(&port, "one", &["a", "b"]).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "transaction_conflict"));
    assert!(failure.is_passing());
    assert!(failure.reason().contains("its 2 rows in all 4 attempts"), "{failure}");
    assert_eq!(faults.calls(Call::CommitWithRows), 4);
    assert_eq!(store.commits(), []);
    // The attempts are counted anew for each stage.
    let faults = [1, 2, 3, 5, 6, 7].into_iter().fold(Faults::none(), |faults, call| {
        faults.at(Call::CommitWithRows, call, Fault::Conflict)
    });
    let (store, port) = faulty(&faults);
    board(&port, "one", &["a", "b", "c"]).await.unwrap();
    assert_eq!(store.commits().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn commands_that_meet_at_a_row_are_decided_on_what_the_others_left() {
    let store = MemoryRowStore::default().requests_take(Duration::from_millis(5));
    let names: Vec<String> = (0..12).map(|name| name.to_string()).collect();
    let boarding = names.iter().map(|name| board_after(&store, name, &["a"], 40));
    let executed: Vec<_> = join_all(boarding).await.into_iter().map(Result::unwrap).collect();
    let full = executed.iter().filter(|executed| executed.events().len() == 1).count();
    assert_eq!(full, 2, "ten seats for twelve");
    assert_eq!(free(&store), [("a".to_owned(), 0)]);
    assert!(store.transactions(RowOutcome::Busy) > 0);
}

#[tokio::test(start_paused = true)]
async fn twins_lead_to_one_decision() {
    let store = MemoryRowStore::default().requests_take(Duration::from_millis(5));
    let twins = (0..5).map(|_| board_after(&store, "one", &["a", "b", "c"], 40));
    let executed: Vec<_> = join_all(twins).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(executed.iter().filter(|executed| !executed.duplicate).count(), 1);
    assert!(executed.iter().all(|twin| twin.decision == executed[0].decision));
    assert_eq!(store.commits().len(), 2);
    let taken: Vec<_> = free(&store).into_iter().map(|(_, free)| free).collect();
    assert_eq!(taken, [9; 3]);
}

/// Lets another group board whenever rows are read: before it, or after it.
struct Overtaken {
    store: MemoryRowStore,
    group: &'static str,
    car: &'static str,
    before: bool,
}

impl Overtaken {
    fn by(group: &'static str, car: &'static str, before: bool) -> Self {
        Self { store: MemoryRowStore::default(), group, car, before }
    }
}

impl EventReader for Overtaken {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        self.store.read(stream, after)
    }
}

impl EventStore for Overtaken {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        self.store.commit(commit)
    }
}

impl RowStore for Overtaken {
    fn rows<'a>(
        &'a self,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<serde_dynamo::Item>>, Failure>> {
        async move {
            let read = self.store.rows(keys).await?;
            board(&self.store, self.group, &[self.car]).await?;
            if self.before { self.store.rows(keys).await } else { Ok(read) }
        }
        .boxed()
    }

    fn commit_with_rows<'a>(
        &'a self,
        commit: &'a Commit,
        changes: &'a [RowChange],
    ) -> BoxFuture<'a, Result<RowOutcome, Failure>> {
        self.store.commit_with_rows(commit, changes)
    }
}

#[tokio::test]
async fn rows_that_a_twin_changed_contradict_nothing() {
    let store = Overtaken::by("one", "sealed", true);
    let executed = board(&store, "one", &["sealed"]).await.unwrap();
    assert!(executed.duplicate);
    // Another group finds the car as the first one left it, and that is a contradiction.
    let failure = board(&store.store, "two", &["sealed"]).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "sealed_before"));
}

#[tokio::test(start_paused = true)]
async fn rows_that_another_group_changed_are_read_again() {
    let store = Overtaken::by("rival", "a", false);
    let executed = board(&store, "one", &["a"]).await.unwrap();
    assert!(!executed.duplicate);
    assert_eq!(store.store.transactions(RowOutcome::Moved), 1);
    assert_eq!(free(&store.store), [("a".to_owned(), 8)], "after the rival took its seat");
}

#[tokio::test]
async fn what_cannot_be_decided_or_read_costs_its_command() {
    let store = MemoryRowStore::default();
    let failure = board(&store, "one", &["off the rails"]).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "panic"));
    let failure = board(&store, "two", &[""]).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "invalid_rows"));
    write(&store, RowUpdate::default().set("free", "many")).await.unwrap();
    let failure = board(&store, "three", &["a"]).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "corrupt_row"));
    assert!(failure.reason().contains("row a cannot be read"), "{failure}");
}

/// Changes the row `a` as another program may.
async fn write(store: &MemoryRowStore, update: RowUpdate) -> Result<RowOutcome, Failure> {
    let time = Timestamp::UNIX_EPOCH;
    let schema = crate::envelope::DataSchema::new("Full", 1);
    let event = RecordedEvent::new("e", Version::new(1), schema, time, "{\"car\":\"a\"}");
    let cause = Cause::new("test", "spoils");
    let stream = group(&store.commits().len().to_string());
    let record = RecordedCommit::new(stream, "train", cause, time, vec![event]);
    let commit = Commit::new(record, "attempt");
    store.commit_with_rows(&commit, &[RowChange::new("a", update)]).await
}

#[tokio::test]
async fn a_stored_command_is_a_duplicate_also_if_its_rows_cannot_be_read_any_more() {
    let store = MemoryRowStore::default();
    let first = board(&store, "one", &["a", "b"]).await.unwrap();
    write(&store, RowUpdate::default().set("free", "many")).await.unwrap();
    let again = board(&store, "one", &["a", "b"]).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.decision, first.decision);
    let failure = board(&store, "two", &["a"]).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "corrupt_row"));
}

#[tokio::test]
async fn the_double_refuses_a_sum_that_no_row_of_integers_can_have() {
    let store = MemoryRowStore::default();
    write(&store, RowUpdate::default().set("free", i64::MAX)).await.unwrap();
    let failure = write(&store, RowUpdate::default().add("free", 1)).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "unstorable"));
    assert_eq!(free(&store), [("a".to_owned(), i64::MAX)]);
}
