//! Keeps the rows of breakers in memory, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;

use super::change::{Change, Count};
use super::event;
use super::port::{BreakerStore, Changed};
use super::state::BreakerState;
use crate::failure::Failure;
use crate::store::EventStore;

/// Rows of breakers in memory, for tests. Passes the same contract tests as the DynamoDB store.
#[derive(Default)]
pub struct MemoryBreakers {
    rows: Mutex<BTreeMap<String, BreakerState>>,
    events: Option<Arc<dyn EventStore>>,
}

impl std::fmt::Debug for MemoryBreakers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryBreakers").field("rows", &self.rows.lock()).finish_non_exhaustive()
    }
}

impl MemoryBreakers {
    /// Keeps the event about each change in this store, which is one in memory.
    #[must_use]
    pub fn events(self, store: Arc<dyn EventStore>) -> Self {
        Self { events: Some(store), ..self }
    }

    /// Returns the state of a breaker.
    pub fn state(&self, breaker: &str) -> BreakerState {
        self.rows.lock().get(breaker).cloned().unwrap_or_default()
    }

    fn put(&self, breaker: &str, change: &Change) -> Result<Changed, Failure> {
        let mut rows = self.rows.lock();
        let there = rows.get(breaker).cloned().unwrap_or_default();
        let Some(mut state) = there.changed(change) else { return Ok(Changed::No(there)) };
        if !there.is_after(change)
            && let Some(events) = &self.events
        {
            let commit = event::commit(breaker, change)?;
            // A place that is taken leaves out the event: see `DynamoDbBreakers::events`.
            events.commit(&commit).now_or_never().unwrap_or_else(|| {
                Err(Failure::transient("breaker_store", "the event store is not in memory"))
            })?;
            state.events = state.events.saturating_add(1);
        }
        rows.insert(breaker.to_owned(), state.clone());
        Ok(Changed::Yes(state))
    }
}

impl BreakerStore for MemoryBreakers {
    fn look<'a>(&'a self, breaker: &'a str) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        ready(Ok(self.state(breaker))).boxed()
    }

    fn count<'a>(
        &'a self,
        breaker: &'a str,
        count: &'a Count,
    ) -> BoxFuture<'a, Result<BreakerState, Failure>> {
        let mut rows = self.rows.lock();
        let there = rows.get(breaker).cloned().unwrap_or_default();
        let state = match there.counted(count) {
            Some(counted) => {
                rows.insert(breaker.to_owned(), counted.clone());
                counted
            }
            None => there,
        };
        ready(Ok(state)).boxed()
    }

    fn change<'a>(
        &'a self,
        breaker: &'a str,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Changed, Failure>> {
        ready(self.put(breaker, change)).boxed()
    }
}
