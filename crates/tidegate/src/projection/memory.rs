//! Keeps a read model in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::{Mutex, MutexGuard};

use super::apply_error::ApplyError;
use super::change::{RowUpdate, Value};
use super::guard::{Guard, Position};
use super::read_model::{Guards, ReadModel};
use super::transaction::{ITEM_BYTES, Transaction, refused};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// A read model in memory, for tests.
///
/// It passes the same contract tests as the DynamoDB read model, and refuses what DynamoDB would
/// refuse. Its numbers are limited to `i64`; those of DynamoDB have 38 digits.
#[derive(Debug, Default)]
pub struct MemoryReadModel {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<StreamId, (Guard, BTreeMap<&'static str, Value>)>,
    counters: BTreeMap<String, BTreeMap<&'static str, i64>>,
    list: BTreeSet<StreamId>,
    /// Number of times that an aggregate was put on the list.
    stays: i64,
    transactions: Vec<Transaction>,
    rival: Option<Transaction>,
    /// Aggregates whose guard cannot be read.
    spoilt: BTreeSet<StreamId>,
}

impl MemoryReadModel {
    /// Returns an attribute of an aggregate's row.
    pub fn attribute(&self, stream: &StreamId, name: &str) -> Option<Value> {
        self.state().rows.get(stream).and_then(|(_, row)| row.get(name).cloned())
    }

    /// Returns an aggregate's guard.
    pub fn guard(&self, stream: &StreamId) -> Option<Guard> {
        self.state().rows.get(stream).map(|(guard, _)| guard.clone())
    }

    /// Returns all counters.
    pub fn counters(&self) -> BTreeMap<String, BTreeMap<&'static str, i64>> {
        self.state().counters.clone()
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
        let mut rows = state.rows.clone();
        for (place, (advance, update)) in transaction.guards.iter().enumerate() {
            let (guard, row) = rows.entry(advance.stream.clone()).or_default();
            if advance.to.version != advance.from.version {
                (guard.parked, guard.parked_code, guard.parked_reason) = (None, None, None);
            }
            guard.position = advance.to;
            guard.event_id = advance.event_id.clone().or_else(|| guard.event_id.take());
            change(row, update).map_err(|reason| refused(reason, [place]))?;
        }
        let mut counters = state.counters.clone();
        for (place, counter) in (transaction.guards.len()..).zip(&transaction.counters) {
            let row = counters.entry(counter.key.clone()).or_default();
            for (name, amount) in &counter.add {
                let sum = row.entry(name).or_default();
                *sum = added(*sum, *amount).map_err(|reason| refused(reason, [place]))?;
            }
        }
        (state.rows, state.counters) = (rows, counters);
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

fn change(row: &mut BTreeMap<&'static str, Value>, update: &RowUpdate) -> Result<(), String> {
    for (name, value) in &update.set {
        row.insert(name, value.clone());
    }
    for (name, value) in &update.defaults {
        row.entry(name).or_insert_with(|| value.clone());
    }
    for (name, amount) in &update.add {
        let sum = match row.get(name) {
            Some(Value::Number(before)) => added(*before, *amount)?,
            Some(_) => return Err(format!("`{name}` is not a number")),
            None => *amount,
        };
        row.insert(name, Value::Number(sum));
    }
    let bytes: usize = row.iter().map(|(name, value)| name.len() + value.size()).sum();
    if bytes > ITEM_BYTES {
        return Err(format!("a row of {bytes} bytes; an item holds {ITEM_BYTES}"));
    }
    Ok(())
}

fn corrupt(stream: &StreamId) -> Failure {
    Failure::permanent("corrupt_guard", format!("{stream}: the guard in its row cannot be read"))
}

/// DynamoDB's numbers have 38 digits; those of the double are `i64`.
fn added(sum: i64, amount: i64) -> Result<i64, String> {
    sum.checked_add(amount).ok_or_else(|| format!("{sum} and {amount} are out of range"))
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
