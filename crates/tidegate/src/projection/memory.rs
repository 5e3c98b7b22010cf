use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};

use super::Transaction;
use super::change::{RowUpdate, Value};
use super::guard::{Guard, Position};
use super::read_model::{ApplyError, ReadModel};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// A read model in memory, for tests. It passes the same contract tests as the DynamoDB one.
#[derive(Debug, Default)]
pub struct MemoryReadModel {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<StreamId, (Guard, BTreeMap<&'static str, Value>)>,
    counters: BTreeMap<String, BTreeMap<&'static str, i64>>,
    /// Errors to come, each with the number of transactions that succeed before it.
    errors: VecDeque<(usize, ApplyError)>,
    transactions: Vec<Transaction>,
    rival: Option<Transaction>,
    refused: Option<String>,
}

impl MemoryReadModel {
    /// An attribute of an aggregate's row.
    pub fn attribute(&self, stream: &StreamId, name: &str) -> Option<Value> {
        self.state().rows.get(stream).and_then(|(_, row)| row.get(name).cloned())
    }

    /// An aggregate's guard.
    pub fn guard(&self, stream: &StreamId) -> Option<Guard> {
        self.state().rows.get(stream).map(|(guard, _)| guard.clone())
    }

    /// All counters.
    pub fn counters(&self) -> BTreeMap<String, BTreeMap<&'static str, i64>> {
        self.state().counters.clone()
    }

    /// The transactions applied so far.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.state().transactions.clone()
    }

    /// After `successes` more transactions (counted from the error announced before, if there is one), one ends with this error.
    pub fn fail_after(&self, successes: usize, error: ApplyError) {
        self.state().errors.push_back((successes, error));
    }

    /// Another environment's transaction, applied right before the next one.
    pub fn before_next_apply(&self, rival: Transaction) {
        self.state().rival = Some(rival);
    }

    /// Refuses to store this counter, as DynamoDB does with a key that is too long.
    pub fn refuse(&self, counter: &str) {
        self.state().refused = Some(counter.to_owned());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, transaction: &Transaction) -> Result<(), ApplyError> {
        let rival = self.state().rival.take();
        if let Some(rival) = rival {
            self.write(&rival)?;
        }
        let mut state = self.state();
        if transaction.counters.iter().any(|counter| state.refused.as_ref() == Some(&counter.key)) {
            return Err(ApplyError::Failed(Failure::permanent("unstorable", "the key is refused")));
        }
        match state.errors.front_mut() {
            Some((0, _)) => {
                if let Some((_, error)) = state.errors.pop_front() {
                    return Err(error);
                }
            }
            Some((successes, _)) => *successes -= 1,
            None => {}
        }
        for (advance, _) in &transaction.guards {
            if state.position(&advance.stream) != advance.from {
                return Err(ApplyError::GuardMoved);
            }
        }
        for (advance, update) in &transaction.guards {
            let (guard, row) = state.rows.entry(advance.stream.clone()).or_default();
            if advance.to.version != advance.from.version {
                guard.parked = None;
            }
            guard.position = advance.to;
            guard.event_id = advance.event_id.clone().or_else(|| guard.event_id.take());
            change(row, update);
        }
        for counter in &transaction.counters {
            let row = state.counters.entry(counter.key.clone()).or_default();
            for (name, amount) in &counter.add {
                *row.entry(name).or_default() += amount;
            }
        }
        state.transactions.push(transaction.clone());
        Ok(())
    }

    fn write_park(&self, stream: &StreamId, at: Version) -> Result<(), ApplyError> {
        let mut state = self.state();
        if state.position(stream).version != Version::new(at.number().saturating_sub(1)) {
            return Err(ApplyError::GuardMoved);
        }
        state.rows.entry(stream.clone()).or_default().0.parked = Some(at);
        Ok(())
    }
}

impl State {
    fn position(&self, stream: &StreamId) -> Position {
        self.rows.get(stream).map_or(Position::default(), |(guard, _)| guard.position)
    }
}

fn change(row: &mut BTreeMap<&'static str, Value>, update: &RowUpdate) {
    for (name, value) in &update.set {
        row.insert(name, value.clone());
    }
    for (name, value) in &update.defaults {
        row.entry(name).or_insert_with(|| value.clone());
    }
    for (name, amount) in &update.add {
        let sum = match row.get(name) {
            Some(Value::Number(before)) => before + amount,
            _ => *amount,
        };
        row.insert(name, Value::Number(sum));
    }
}

impl ReadModel for MemoryReadModel {
    fn guards<'a>(
        &'a self,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<HashMap<StreamId, Guard>, Failure>> {
        let state = self.state();
        let guards =
            streams.iter().filter_map(|stream| Some((stream.clone(), state.rows.get(stream)?.0.clone())));
        ready(Ok(guards.collect())).boxed()
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        ready(self.write(transaction)).boxed()
    }

    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        _reason: &'a str,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        ready(self.write_park(stream, at)).boxed()
    }
}
