//! What an environment knows of the slices, and how it counts in its own.

use std::collections::HashMap;

use parking_lot::Mutex;
use tracing::warn;

use super::delta::{Delta, Head};

/// What an environment knows of the slices.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// By slice, the number up to which all deltas are in every counter. Never too high: what is
    /// confirmed stays so, unless somebody empties or restores the table.
    confirmed: Mutex<HashMap<u32, u64>>,
    /// By slice, the newest delta that was not confirmed at the last look.
    seen: Mutex<HashMap<u32, u64>>,
}

/// The deltas that one environment stores, one after the other, in its slice.
#[derive(Debug)]
pub(super) struct Counting {
    pub(super) slice: u32,
    /// Number of the newest delta of the slice.
    pub(super) last: u64,
    /// Deltas that are stored and not confirmed.
    pub(super) waiting: Vec<Delta>,
}

impl Slices {
    pub(super) fn confirmed(&self, slice: u32) -> u64 {
        self.confirmed.lock().get(&slice).copied().unwrap_or(0)
    }

    pub(super) fn confirm(&self, slice: u32, number: u64) {
        let mut confirmed = self.confirmed.lock();
        let known = confirmed.entry(slice).or_default();
        *known = (*known).max(number);
    }

    /// Learns what a head says. Returns whether a delta is not confirmed.
    ///
    /// A head behind what this environment knows is that of another table: it was emptied, or
    /// restored from a backup. The environment then forgets what it knows of all slices. To know
    /// too little is safe: deltas that are counted already change no counter.
    pub(super) fn learn(&self, head: Head) -> bool {
        let known = self.confirmed(head.slice);
        if head.last < known {
            warn!(slice = head.slice, known, last = head.last, "the table was emptied or restored");
            self.confirmed.lock().clear();
        }
        self.confirm(head.slice, head.applied);
        self.confirmed(head.slice) < head.last
    }

    /// Returns the slices with a delta that was not confirmed at the last look either. So nobody is
    /// bringing it into its counters.
    pub(super) fn left_alone(&self, heads: &[Head]) -> Vec<u32> {
        let open = heads.iter().filter(|head| self.learn(**head));
        let open: HashMap<u32, u64> = open.map(|head| (head.slice, head.last)).collect();
        let mut seen = self.seen.lock();
        let same = open.iter().filter(|(slice, last)| seen.get(slice) == Some(last));
        let mut left: Vec<u32> = same.map(|(slice, _)| *slice).collect();
        left.sort_unstable();
        *seen = open;
        left
    }
}
