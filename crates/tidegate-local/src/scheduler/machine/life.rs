//! One schedule with its firings.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use lambda_shapes::moment::Moment;
use lambda_shapes::text::shortened;

use super::super::progress::Owed;
use super::super::refusal::Refusal;
use super::super::spec::Spec;
use super::super::status::FiringCounts;

/// A schedule.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) spec: Spec,
    /// The newest time at which it fired.
    pub(super) last: Option<Timestamp>,
    /// The next time, whether it is enabled or not.
    pub(super) next: Option<Timestamp>,
    /// Firings by number.
    pub(super) firings: BTreeMap<u64, Firing>,
    pub(super) counts: Counts,
    /// Its place in the agenda.
    pub(super) wakes: Moment,
}

/// A time that has come, and that the target does not have yet.
#[derive(Debug)]
pub(super) struct Firing {
    pub(super) scheduled: Timestamp,
    /// Its age counts from here.
    pub(super) since: Moment,
    /// Tries that failed.
    pub(super) failed: u32,
    /// Why the last try failed; `None` also for one that an earlier engine has left.
    pub(super) refusal: Option<Refusal>,
    pub(super) state: State,
}

/// What happens to a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Due(Moment),
    Trying,
    Parking,
}

/// Counts of a schedule since the start of the engine, and its last failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Counts {
    pub(in super::super) firings: FiringCounts,
    pub(in super::super) last_error: Option<String>,
    pub(in super::super) last_error_at: Option<String>,
}

impl Counts {
    pub(super) fn note(&mut self, refusal: &Refusal, now: Moment) {
        self.last_error = Some(shortened(&format!("{}: {}", refusal.code, refusal.message)));
        self.last_error_at = Some(now.with_millis());
    }
}

impl Firing {
    pub(super) fn new(scheduled: Timestamp, now: Moment) -> Self {
        Self { scheduled, since: now, failed: 0, refusal: None, state: State::Due(now) }
    }

    pub(super) fn from_owed(owed: &Owed, now: Moment) -> Self {
        let since = Moment::from_millis(owed.since);
        Self {
            scheduled: owed.scheduled,
            since,
            failed: owed.failed,
            refusal: None,
            state: State::Due(now),
        }
    }
}

impl Life {
    pub(super) fn new(spec: Spec) -> Self {
        Self {
            spec,
            last: None,
            next: None,
            firings: BTreeMap::new(),
            counts: Counts::default(),
            wakes: Moment::from_millis(0),
        }
    }

    /// Returns whether it never fires again and owes nothing.
    pub(super) fn is_done(&self) -> bool {
        self.next.is_none() && self.firings.is_empty()
    }

    /// Returns the moments at which its firings need attention: a next try, or the end of their
    /// age.
    pub(super) fn due(&self, age: Duration) -> impl Iterator<Item = Moment> {
        self.firings.values().filter_map(move |firing| {
            let State::Due(due) = firing.state else { return None };
            let expires = firing.since.after(age).after(Duration::from_millis(1));
            Some(if firing.refusal.is_some() { due.min(expires) } else { due })
        })
    }
}
