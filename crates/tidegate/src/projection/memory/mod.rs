//! Keeps a read model in memory, for tests.

mod entries;
mod row;
mod slice;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::{Mutex, MutexGuard};

use super::apply_error::ApplyError;
use super::delta::{Added, Addition, Aside, Delta, Head};
use super::entry::EntryKey;
use super::guard::{Guard, Position};
use super::read_model::{Guards, ReadModel};
use super::transaction::{Transaction, refused};
use super::value::Value;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

use entries::Entries;
pub(crate) use row::{Attributes, change};
pub use slice::MemorySlice;

/// A read model in memory, for tests.
///
/// It passes the same contract tests as the DynamoDB read model, and refuses what DynamoDB would
/// refuse. Its numbers are limited to `i64`; those of DynamoDB have 38 digits.
///
/// Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct MemoryReadModel {
    state: Arc<Mutex<State>>,
    slice: u32,
}

/// The row of an aggregate.
pub(crate) struct MemoryRow {
    pub(crate) stream: StreamId,
    pub(crate) guard: Guard,
    pub(crate) attributes: Vec<(String, Value)>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<StreamId, (Guard, Attributes)>,
    entries: Entries,
    slices: BTreeMap<u32, MemorySlice>,
    list: BTreeSet<StreamId>,
    /// Number of times that an aggregate was put on the list.
    stays: i64,
    transactions: Vec<Transaction>,
    rival: Option<Transaction>,
    /// Aggregates whose guard cannot be read.
    spoilt: BTreeSet<StreamId>,
}

impl MemoryReadModel {
    /// Returns the same read model, as an environment sees it that counts in this slice.
    #[must_use]
    pub fn in_slice(&self, slice: u32) -> Self {
        Self { state: Arc::clone(&self.state), slice }
    }

    /// Returns the state of a slice.
    pub fn slice_state(&self, slice: u32) -> MemorySlice {
        self.state().slices.get(&slice).cloned().unwrap_or_default()
    }

    /// Replaces the state of a slice.
    pub fn set_slice(&self, slice: u32, state: MemorySlice) {
        self.state().slices.insert(slice, state);
    }

    /// Returns an attribute of an aggregate's row.
    pub fn attribute(&self, stream: &StreamId, name: &str) -> Option<Value> {
        self.state().rows.get(stream).and_then(|(_, row)| row.get(name).cloned())
    }

    /// Returns an aggregate's guard.
    pub fn guard(&self, stream: &StreamId) -> Option<Guard> {
        self.state().rows.get(stream).map(|(guard, _)| guard.clone())
    }

    /// Returns an entry: the aggregate to which it belongs, and its attributes.
    pub fn entry(&self, key: &EntryKey) -> Option<(StreamId, BTreeMap<String, Value>)> {
        self.entries().remove(key)
    }

    /// Returns all entries, in order: for each, the aggregate to which it belongs, and its
    /// attributes.
    pub fn entries(&self) -> BTreeMap<EntryKey, (StreamId, BTreeMap<String, Value>)> {
        self.state().entries.all()
    }

    /// Returns all counters, summed over the slices. Amounts of deltas that are not counted yet are
    /// missing.
    pub fn counters(&self) -> BTreeMap<String, BTreeMap<String, i64>> {
        let mut all: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for slice in self.state().slices.values() {
            for (key, (_, amounts)) in &slice.counters {
                let sums = all.entry(key.clone()).or_default();
                for (name, amount) in amounts {
                    *sums.entry(name.to_string()).or_default() += amount;
                }
            }
        }
        all
    }

    /// Returns all rows.
    pub(crate) fn rows(&self) -> Vec<MemoryRow> {
        let row = |(stream, (guard, row)): (&StreamId, &(Guard, Attributes))| {
            let row = row.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            MemoryRow { stream: stream.clone(), guard: guard.clone(), attributes: row.collect() }
        };
        self.state().rows.iter().map(row).collect()
    }

    /// Returns the states of all slices that were written.
    pub fn slices(&self) -> BTreeMap<u32, MemorySlice> {
        self.state().slices.clone()
    }

    /// Returns all applied transactions.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.state().transactions.clone()
    }

    /// Applies this transaction right before the next one, as another environment would.
    pub fn before_next_apply(&self, rival: Transaction) {
        self.state().rival = Some(rival);
    }

    /// Makes the row of this aggregate unreadable as a guard, as if another program had changed its
    /// attributes.
    pub fn spoil(&self, stream: &StreamId) {
        self.state().spoilt.insert(stream.clone());
    }

    /// Makes a counter of this environment's slice refuse every amount, or corrects it.
    pub fn spoil_counter(&self, key: &str, spoilt: bool) {
        let mut state = self.state();
        let refusing = &mut state.slices.entry(self.slice).or_default().refusing;
        if spoilt {
            refusing.insert(key.to_owned());
        } else {
            refusing.remove(key);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn write(&self, transaction: &Transaction) -> Result<(), ApplyError> {
        let rival = self.state().rival.take();
        if let Some(rival) = rival {
            self.write(&rival)?;
        }
        transaction.storable()?;
        let mut state = self.state();
        for (advance, _) in &transaction.guards {
            let parked = state.rows.get(&advance.stream).and_then(|(guard, _)| guard.parked);
            if state.position(&advance.stream) != advance.from || parked != advance.parked {
                return Err(ApplyError::GuardMoved);
            }
        }
        let delta = transaction.delta.as_ref();
        if let Some(delta) = delta {
            let slice = state.slices.entry(delta.slice).or_default();
            if !slice.precedes(delta, transaction.applied) {
                return Err(ApplyError::GuardMoved);
            }
        }
        let mut rows = state.rows.clone();
        for (place, (advance, update)) in transaction.guards.iter().enumerate() {
            let (guard, row) = rows.entry(advance.stream.clone()).or_default();
            if advance.to.version != advance.from.version {
                (guard.parked, guard.parked_code, guard.parked_reason) = (None, None, None);
            }
            guard.position = advance.to;
            guard.event_id = advance.event_id.clone().or_else(|| guard.event_id.take());
            guard.counted = delta.map(Delta::place).or(guard.counted);
            change(row, update).map_err(|reason| refused(reason, [place]))?;
        }
        let entries = state.entries.after(&transaction.entries, transaction.guards.len())?;
        (state.rows, state.entries) = (rows, entries);
        if let Some(delta) = delta {
            state.slices.entry(delta.slice).or_default().store(delta, transaction.applied);
        }
        state.transactions.push(transaction.clone());
        Ok(())
    }

    fn write_park(
        &self,
        stream: &StreamId,
        at: Version,
        failure: &Failure,
    ) -> Result<(), ApplyError> {
        let mut state = self.state();
        if state.position(stream).version != Version::new(at.number().saturating_sub(1)) {
            return Err(ApplyError::GuardMoved);
        }
        state.stays += 1;
        let stay = state.stays;
        let (guard, _) = state.rows.entry(stream.clone()).or_default();
        guard.parked = Some(at);
        guard.parked_code = Some(failure.code().to_owned());
        guard.parked_reason = Some(failure.reason().to_owned());
        guard.listed = Some(stay);
        state.list.insert(stream.clone());
        Ok(())
    }

    fn write_unpark(&self, stream: &StreamId, read: &Guard) -> Result<(), ApplyError> {
        let mut state = self.state();
        let guard = state.same(stream, read)?;
        (guard.parked, guard.parked_code, guard.parked_reason) = (None, None, None);
        Ok(())
    }

    fn write_unlist(&self, stream: &StreamId, read: &Guard) -> Result<(), ApplyError> {
        let mut state = self.state();
        let guard = state.same(stream, read)?;
        if guard.parked.is_some() {
            return Err(ApplyError::GuardMoved);
        }
        guard.listed = None;
        state.list.remove(stream);
        Ok(())
    }
}

impl State {
    fn position(&self, stream: &StreamId) -> Position {
        self.rows.get(stream).map_or(Position::default(), |(guard, _)| guard.position)
    }

    /// Returns the guard if it is still the one that was read.
    fn same(&mut self, stream: &StreamId, read: &Guard) -> Result<&mut Guard, ApplyError> {
        let guard =
            self.rows.get_mut(stream).map(|(guard, _)| guard).ok_or(ApplyError::GuardMoved)?;
        let same = (guard.position, guard.parked, guard.listed)
            == (read.position, read.parked, read.listed);
        if same { Ok(guard) } else { Err(ApplyError::GuardMoved) }
    }
}

fn corrupt(stream: &StreamId) -> Failure {
    Failure::permanent("corrupt_guard", format!("{stream}: the guard in its row cannot be read"))
}

impl ReadModel for MemoryReadModel {
    fn guards<'a>(&'a self, streams: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>> {
        let state = self.state();
        let guard = |stream: &StreamId| {
            let (guard, _) = state.rows.get(stream)?;
            let read = if state.spoilt.contains(stream) {
                Err(corrupt(stream))
            } else {
                Ok(guard.clone())
            };
            Some((stream.clone(), read))
        };
        ready(Ok(streams.iter().filter_map(guard).collect())).boxed()
    }

    fn slice(&self) -> u32 {
        self.slice
    }

    fn head(&self, slice: u32) -> BoxFuture<'_, Result<Head, Failure>> {
        let head = self.state().slices.entry(slice).or_default().head(slice);
        ready(Ok(head)).boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        let state = self.state();
        let heads = state.slices.iter().map(|(number, slice)| slice.head(*number));
        let heads = heads.filter(|head| head.last > 0).collect();
        ready(Ok(heads)).boxed()
    }

    fn deltas(&self, slice: u32) -> BoxFuture<'_, Result<Vec<Delta>, Failure>> {
        let deltas = self.slice_state(slice).deltas.into_values().collect();
        ready(Ok(deltas)).boxed()
    }

    fn add<'a>(&'a self, slice: u32, additions: &'a [Addition]) -> BoxFuture<'a, Vec<Added>> {
        let mut state = self.state();
        let slice = state.slices.entry(slice).or_default();
        ready(additions.iter().map(|addition| slice.add(addition)).collect()).boxed()
    }

    fn confirm(&self, slice: u32, number: u64) -> BoxFuture<'_, Result<(), Failure>> {
        self.state().slices.entry(slice).or_default().confirm(number);
        ready(Ok(())).boxed()
    }

    fn set_aside<'a>(
        &'a self,
        slice: u32,
        addition: &'a Addition,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Added> {
        let mut state = self.state();
        let of = state.slices.entry(slice).or_default();
        ready(of.set_aside(slice, addition, failure.reason())).boxed()
    }

    fn aside(&self) -> BoxFuture<'_, Result<Vec<Aside>, Failure>> {
        let state = self.state();
        let aside = state.slices.values().flat_map(|slice| slice.aside.values().cloned());
        ready(Ok(aside.collect())).boxed()
    }

    fn restore<'a>(&'a self, aside: &'a Aside) -> BoxFuture<'a, Result<(), ApplyError>> {
        ready(self.state().slices.entry(aside.slice).or_default().restore(aside)).boxed()
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        ready(self.write(transaction)).boxed()
    }

    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        ready(self.write_park(stream, at, failure)).boxed()
    }

    fn parked<'a>(
        &'a self,
        after: Option<&'a StreamId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, Failure>> {
        let state = self.state();
        let behind = state.list.iter().filter(|stream| after.is_none_or(|after| *stream > after));
        ready(Ok(behind.take(limit).cloned().collect())).boxed()
    }

    fn unpark<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        ready(self.write_unpark(stream, guard)).boxed()
    }

    fn unlist<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        ready(self.write_unlist(stream, guard)).boxed()
    }
}
