//! Decides when an environment reads the list of parked aggregates, and from which place.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::ids::StreamId;

/// Default time between two reads of the list by one environment.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// The place of an environment in the list of parked aggregates.
#[derive(Debug)]
pub(super) struct Look {
    every: Duration,
    state: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// When the list was last read. `None`: never, or the list has more pages.
    last: Option<Instant>,
    /// The last aggregate that was read. `None`: the next read starts at the beginning.
    after: Option<StreamId>,
}

impl Look {
    pub(super) fn every(every: Duration) -> Self {
        Self { every, state: Mutex::default() }
    }

    /// Returns where to continue reading, if it is time to read.
    pub(super) fn due(&self) -> Option<Option<StreamId>> {
        let place = self.state();
        let due = place.last.is_none_or(|last| last.elapsed() >= self.every);
        due.then(|| place.after.clone())
    }

    /// Records that a full page was read, so that more may follow.
    pub(super) fn is_at(&self, after: StreamId) {
        *self.state() = Place { last: None, after: Some(after) };
    }

    /// Records that the list was read to its end, or that it must not be read for a while.
    pub(super) fn is_done(&self) {
        *self.state() = Place { last: Some(Instant::now()), after: None };
    }

    fn state(&self) -> MutexGuard<'_, Place> {
        self.state.lock()
    }
}
