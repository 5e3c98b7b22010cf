//! Whatever a projection has done, and does while a reader reads: what the reader waited for is
//! there, and its counters never go back.
//!
//! Projectors are a random program of the steps that the protocol of deltas allows: transactions,
//! counters one by one, confirmations, late writes. A crash is a program that does not go on with a
//! delta; another one finishes it, or nobody does. The program runs on between any two requests of
//! the reader.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;
use proptest::prelude::*;
use serde::Deserialize;
use serde_dynamo::Item;
use tokio::time::Instant;

use super::super::*;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::projection::memory::{MemoryReadModel, MemorySlice};
use crate::projection::{
    Added, Addition, Advance, Amounts, ApplyError, Aside, Delta, Guard, Guards, Head, Position,
    ReadModel, RowUpdate, Transaction, WAITING_DELTAS,
};

const STREAMS: u32 = 3;
const SLICES: u32 = 2;

/// A step of a projector.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Applies the next event of an aggregate, in a transaction with a delta of the slice.
    Apply { slice: u32, stream: u32, units: i64 },
    /// Writes the deltas that wait to one counter of the slice.
    Count { slice: u32, counter: usize },
    /// Confirms the deltas of the slice, if they are in every counter.
    Confirm { slice: u32 },
    /// Sends an earlier write of a counter again.
    Late { write: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let slice = 0..SLICES;
    prop_oneof![
        4 => (slice.clone(), 0..STREAMS, 1_i64..5)
            .prop_map(|(slice, stream, units)| Step::Apply { slice, stream, units }),
        6 => (slice.clone(), 0_usize..8).prop_map(|(slice, counter)| Step::Count { slice, counter }),
        2 => slice.prop_map(|slice| Step::Confirm { slice }),
        1 => (0_usize..50).prop_map(|write| Step::Late { write }),
    ]
}

fn stream(number: u32) -> StreamId {
    format!("order#{number}").parse().unwrap()
}

/// Key of the counter that counts the events of one aggregate.
fn events_of(stream: &StreamId) -> String {
    format!("events-of#{stream}")
}

/// Projectors, and what they have applied.
#[derive(Default)]
struct Projectors {
    model: MemoryReadModel,
    program: Mutex<VecDeque<Step>>,
    /// Sums of all applied events, by counter.
    applied: Mutex<BTreeMap<String, i128>>,
    sent: Mutex<Vec<(u32, Addition)>>,
}

impl Projectors {
    /// Runs the next steps of the program.
    async fn run(&self, steps: usize) {
        for _ in 0..steps {
            let Some(step) = self.program.lock().pop_front() else { return };
            self.take(step).await;
        }
    }

    async fn take(&self, step: Step) {
        match step {
            Step::Apply { slice, stream: number, units } => {
                self.apply(slice, &stream(number), units).await;
            }
            Step::Count { slice, counter } => {
                let state = self.model.slice_state(slice);
                let waiting = waiting(&state);
                let keys: Vec<&String> = waiting.keys().collect();
                if !keys.is_empty() {
                    let key = keys[counter % keys.len()];
                    let addition = waiting[key].clone();
                    self.sent.lock().push((slice, addition.clone()));
                    self.model.add(slice, &[addition]).await;
                }
            }
            Step::Confirm { slice } => {
                let state = self.model.slice_state(slice);
                if waiting(&state).is_empty() {
                    self.model.confirm(slice, state.last).await.unwrap();
                }
            }
            Step::Late { write } => {
                let late = self.sent.lock().get(write).cloned();
                if let Some((slice, addition)) = late {
                    self.model.add(slice, &[addition]).await;
                }
            }
        }
    }

    async fn apply(&self, slice: u32, stream: &StreamId, units: i64) {
        let head = self.model.head(slice).await.unwrap();
        let guard = self.model.guard(stream).unwrap_or_default();
        if head.last - head.applied == WAITING_DELTAS || !self.may_move(&guard, slice).await {
            return;
        }
        let to = Position::after(guard.position.version.next());
        let from = guard.position;
        let advance = Advance { stream: stream.clone(), from, parked: None, to, event_id: None };
        let sums = [("units".to_owned(), units), (events_of(stream), 1)];
        let amounts = |units| Amounts::from([("units".into(), units)]);
        let counters = sums.iter().map(|(key, units)| (key.clone(), amounts(*units))).collect();
        let transaction = Transaction {
            guards: vec![(advance, RowUpdate::default().add("events", 1))],
            delta: Some(Delta { slice, number: head.last + 1, counters }),
            applied: head.applied,
            ..Transaction::default()
        };
        self.model.in_slice(slice).apply(&transaction).await.unwrap();
        let mut applied = self.applied.lock();
        for (key, units) in sums {
            *applied.entry(key).or_default() += i128::from(units);
        }
    }

    /// A guard moves on only when the delta of its previous step is confirmed or in the same slice.
    async fn may_move(&self, guard: &Guard, slice: u32) -> bool {
        match guard.counted {
            Some(counted) if counted.slice != slice => {
                counted.number <= self.model.head(counted.slice).await.unwrap().applied
            }
            _ => true,
        }
    }

    fn sum(&self, key: &str) -> i128 {
        self.applied.lock().get(key).copied().unwrap_or(0)
    }
}

/// Returns what counters of a slice still have to take.
fn waiting(slice: &MemorySlice) -> BTreeMap<String, Addition> {
    let mut deltas: Vec<&Delta> =
        slice.deltas.values().filter(|delta| delta.number > slice.applied).collect();
    deltas.sort_by_key(|delta| delta.number);
    let mut waiting: BTreeMap<String, Addition> = BTreeMap::new();
    for delta in deltas {
        for (key, add) in &delta.counters {
            let counted = slice.counters.get(key).map_or(0, |(number, _)| *number);
            if delta.number <= counted {
                continue;
            }
            let addition = waiting.entry(key.clone()).or_insert_with(|| Addition {
                key: key.clone(),
                add: Amounts::new(),
                first: delta.number,
                number: 0,
            });
            addition.number = delta.number;
            for (name, amount) in add {
                *addition.add.entry(name.clone()).or_default() += amount;
            }
        }
    }
    waiting
}

/// The tables while projectors run: some of their steps happen before each request.
struct Busy {
    projectors: Arc<Projectors>,
    steps: usize,
}

impl Busy {
    async fn answer<T>(&self, request: impl Future<Output = T>) -> T {
        self.projectors.run(self.steps).await;
        request.await
    }
}

impl TableReader for Busy {
    fn get<'a>(&'a self, get: &'a Get) -> BoxFuture<'a, Result<Option<Item>, Failure>> {
        self.answer(async move { self.projectors.model.get(get).await }).boxed()
    }

    /// Pages of one item, so that a read of several slices takes several requests.
    fn page<'a>(
        &'a self,
        query: &'a Query,
        from: Option<&'a NextPage>,
    ) -> BoxFuture<'a, Result<Items, Failure>> {
        let query = query.clone().limit(1);
        self.answer(async move { self.projectors.model.page(&query, from).await }).boxed()
    }
}

/// A view only reads.
fn no_writer<T>() -> T {
    panic!("a view writes")
}

impl ReadModel for Busy {
    fn guards<'a>(&'a self, streams: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>> {
        self.answer(async move { self.projectors.model.guards(streams).await }).boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        self.answer(async move { self.projectors.model.heads().await }).boxed()
    }

    fn deltas(&self, slice: u32) -> BoxFuture<'_, Result<Vec<Delta>, Failure>> {
        self.answer(async move { self.projectors.model.deltas(slice).await }).boxed()
    }

    fn aside(&self) -> BoxFuture<'_, Result<Vec<Aside>, Failure>> {
        self.answer(async move { self.projectors.model.aside().await }).boxed()
    }

    fn slice(&self) -> u32 {
        no_writer()
    }

    fn head(&self, _: u32) -> BoxFuture<'_, Result<Head, Failure>> {
        no_writer()
    }

    fn apply<'a>(&'a self, _: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        no_writer()
    }

    fn add<'a>(&'a self, _: u32, _: &'a [Addition]) -> BoxFuture<'a, Vec<Added>> {
        no_writer()
    }

    fn confirm(&self, _: u32, _: u64) -> BoxFuture<'_, Result<(), Failure>> {
        no_writer()
    }

    fn set_aside<'a>(&'a self, _: u32, _: &'a Addition, _: &'a Failure) -> BoxFuture<'a, Added> {
        no_writer()
    }

    fn restore<'a>(&'a self, _: &'a Aside) -> BoxFuture<'a, Result<(), ApplyError>> {
        no_writer()
    }

    fn park<'a>(
        &'a self,
        _: &'a StreamId,
        _: Version,
        _: &'a Failure,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        no_writer()
    }

    fn parked<'a>(
        &'a self,
        _: Option<&'a StreamId>,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, Failure>> {
        no_writer()
    }

    fn unpark<'a>(
        &'a self,
        _: &'a StreamId,
        _: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        no_writer()
    }

    fn unlist<'a>(
        &'a self,
        _: &'a StreamId,
        _: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        no_writer()
    }
}

#[derive(Deserialize)]
struct Events {
    events: u64,
}

/// Reads again and again while the program runs, and checks each answer.
async fn read_all_the_time(projectors: &Arc<Projectors>, steps: usize, reads: usize) {
    let busy = Arc::new(Busy { projectors: Arc::clone(projectors), steps });
    let tables: Arc<dyn TableReader> = Arc::<Busy>::clone(&busy);
    let view = View::new(tables, busy, "rows", "counters");
    let strong = Consistency::Strong;
    let mut last = 0;
    for read in 0..reads {
        // A version that some writer has seen in the event store.
        let stream = stream(u32::try_from(read).unwrap() % STREAMS);
        let version = projectors.model.guard(&stream).unwrap_or_default().position.version;
        let version = if read % 2 == 0 { version.next() } else { version };
        let soon = Instant::now() + Duration::from_millis(500);
        if let Reached::Ready { at } = view.wait_for(&stream, version, soon).await.unwrap()
            && at > Version::NONE
        {
            assert!(at >= version);
            let row = view.row::<Events>(&stream, strong).await.unwrap().unwrap();
            assert!(row.version >= Some(version), "the row has what was waited for");
            assert_eq!(Some(Version::new(row.data.events)), row.version, "and each event once");
            let counter = view.counter(&events_of(&stream), strong).await.unwrap();
            let counted = counter.amount("units");
            assert!(counted >= version.number().into(), "{stream}: {counted} of {version}");
        }
        let before = projectors.sum("units");
        let units = if read % 3 == 0 {
            let mut all = view.every_counter(strong).await.unwrap().counters;
            all.remove("units").unwrap_or_default().amount("units")
        } else {
            view.counter("units", strong).await.unwrap().amount("units")
        };
        let after = projectors.sum("units");
        assert!(before <= units && units <= after, "{before} <= {units} <= {after}");
        assert!(last <= units, "a counter went back from {last} to {units}");
        last = units;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_reader_finds_what_it_waited_for_and_no_counter_goes_back(
        before in proptest::collection::vec(step(), 0..60),
        during in proptest::collection::vec(step(), 0..200),
        steps in 0_usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let projectors = Arc::new(Projectors::default());
            projectors.program.lock().extend(before.iter().copied());
            projectors.run(before.len()).await;
            projectors.program.lock().extend(during.iter().copied());
            read_all_the_time(&projectors, steps, 12).await;
        });
    }
}
