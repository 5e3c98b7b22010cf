//! When an environment looks at the list of parked aggregates, and where it is in it.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::ids::StreamId;

/// How long an environment waits before it looks at the list again.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// Where an environment is in the list of parked aggregates.
#[derive(Debug)]
pub(super) struct Look {
    every: Duration,
    state: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// When the list was read last; none: never, or there is more of it.
    last: Option<Instant>,
    /// The last aggregate that was looked at; none: the list begins anew.
    after: Option<StreamId>,
}

impl Look {
    pub(super) fn every(every: Duration) -> Self {
        Look { every, state: Mutex::default() }
    }

    /// Where to read on, if it is time to.
    pub(super) fn due(&self) -> Option<Option<StreamId>> {
        let place = self.state();
        let due = place.last.is_none_or(|last| last.elapsed() >= self.every);
        due.then(|| place.after.clone())
    }

    /// All of a page was looked at, and more may be behind it.
    pub(super) fn is_at(&self, after: StreamId) {
        *self.state() = Place { last: None, after: Some(after) };
    }

    /// The list is at its end, or is not to be read for a while.
    pub(super) fn is_done(&self) {
        *self.state() = Place { last: Some(Instant::now()), after: None };
    }

    fn state(&self) -> MutexGuard<'_, Place> {
        self.state.lock()
    }
}
