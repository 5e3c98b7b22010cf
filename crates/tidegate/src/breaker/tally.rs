//! Calls of an environment that are not reported yet.

use std::time::Duration;

use jiff::Timestamp;

use super::change::Count;
use super::clock::earlier;

/// Calls of an environment that are not reported yet.
///
/// A success costs no request: it is reported together with the next failure, if one comes in the
/// same window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Number of the state in which the calls began.
    number: u64,
    begun: Option<Timestamp>,
    failures: u64,
    successes: u64,
    in_a_row: u64,
}

impl Tally {
    /// Adds a call that began in the state with this number. A call of an earlier state says
    /// nothing about this one.
    pub(super) fn add(&mut self, number: u64, failed: bool, now: Timestamp, window: Duration) {
        if number < self.number {
            return;
        }
        let is_old = self.begun.is_none_or(|begun| begun <= earlier(now, window));
        if number > self.number || (is_old && self.failures == 0) {
            *self = Self { number, begun: Some(now), ..Self::default() };
        }
        if failed {
            self.failures = self.failures.saturating_add(1);
            self.in_a_row = self.in_a_row.saturating_add(1);
        } else {
            self.successes = self.successes.saturating_add(1);
            self.in_a_row = 0;
        }
    }

    pub(super) fn has_failures(&self) -> bool {
        self.failures > 0
    }

    /// Returns whether there is something to report about the state with this number.
    pub(super) fn is_about(&self, number: u64) -> bool {
        self.number == number && (self.failures > 0 || self.successes > 0)
    }

    /// Takes what is to be reported.
    pub(super) fn take(&mut self, at: Timestamp, window: Duration) -> Count {
        let Self { number, failures, successes, in_a_row, .. } = *self;
        *self = Self { number, ..Self::default() };
        Count { number, failures, successes, in_a_row, at, window }
    }

    /// Puts back what could not be reported. Calls that ended meanwhile follow it.
    pub(super) fn put_back(&mut self, count: &Count) {
        if count.number != self.number {
            return;
        }
        self.begun.get_or_insert(count.at);
        if self.successes == 0 {
            self.in_a_row = self.in_a_row.saturating_add(count.in_a_row);
        }
        self.failures = self.failures.saturating_add(count.failures);
        self.successes = self.successes.saturating_add(count.successes);
    }
}
