//! Brings the deltas of slices into their counters. The invariants are in the module `delta`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tracing::{error, info, warn};

use super::apply_error::ApplyError;
use super::confirmed::Counting;
use super::deadline::{Deadline, cut_off};
use super::delta::{Added, Addition, Amounts, Delta};
use super::plan::add_all;
use super::projector::Projector;
use super::read_model::Guards;
use crate::failure::Failure;
use crate::ids::StreamId;

impl<P> Projector<P> {
    /// Reads the guards of aggregates, and starts counting in the environment's slice.
    ///
    /// Deltas that another environment left are brought into their counters first: those of the own
    /// slice, and those with the newest step of one of the aggregates. The guard of an aggregate
    /// whose delta cannot be confirmed is a failure.
    pub(super) async fn begin(
        &self,
        streams: &[StreamId],
        deadline: Deadline,
    ) -> Result<(Guards, Counting), Failure> {
        let slice = self.read_model.slice();
        let reads = async {
            futures::try_join!(self.read_model.guards(streams), self.read_model.head(slice))
        };
        let (mut guards, head) = deadline.call(reads).await?;
        let mut last = head.last;
        if self.slices.learn(head) {
            last = self.finish(slice, deadline).await?;
        }
        // One attempt for each slice is enough: it reads a head that is newer than the guards.
        let mut finished: BTreeMap<u32, Result<u64, Failure>> = BTreeMap::new();
        for guard in guards.values_mut() {
            let Some(counted) = guard.as_ref().ok().and_then(|guard| guard.counted) else {
                continue;
            };
            if counted.number <= self.slices.confirmed(counted.slice) {
                continue;
            }
            let finished = match finished.entry(counted.slice) {
                Entry::Occupied(finished) => finished.into_mut(),
                Entry::Vacant(new) => new.insert(self.finish(counted.slice, deadline).await),
            };
            match finished {
                Err(failure) => *guard = Err(failure.clone()),
                // Another environment counts in the same slice, and stored a delta after the head
                // was read.
                Ok(newest) if counted.slice == slice => last = last.max(*newest),
                Ok(_) => {}
            }
        }
        Ok((guards, Counting { slice, last, waiting: Vec::new() }))
    }

    /// Brings the stored deltas of a slice into their counters. Returns the number of the newest.
    pub(super) async fn finish(&self, slice: u32, deadline: Deadline) -> Result<u64, Failure> {
        for attempt in 0..self.retry.attempts {
            if attempt > 0 {
                deadline.pause(self.retry.pause_after(attempt - 1)).await;
            }
            let head = deadline.call(self.read_model.head(slice)).await?;
            if !self.slices.learn(head) {
                return Ok(head.last);
            }
            let confirmed = self.slices.confirmed(slice);
            let mut deltas = deadline.call(self.read_model.deltas(slice)).await?;
            deltas.retain(|delta| delta.number > confirmed && delta.number <= head.last);
            deltas.sort_by_key(|delta| delta.number);
            // Another environment confirmed some of them meanwhile, and they were replaced.
            if !(confirmed + 1..=head.last).eq(deltas.iter().map(|delta| delta.number)) {
                continue;
            }
            info!(slice, from = confirmed + 1, to = head.last, "finishing what was left to count");
            self.write(slice, &deltas, deadline).await?;
            return Ok(head.last);
        }
        Err(Failure::transient(
            "deltas_moved",
            format!("other environments changed the deltas of slice {slice} in every attempt"),
        ))
    }

    /// Brings the deltas of this environment into their counters.
    pub(super) async fn count(
        &self,
        counting: &mut Counting,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        if counting.waiting.is_empty() {
            return Ok(());
        }
        self.write(counting.slice, &counting.waiting, deadline).await?;
        counting.waiting.clear();
        Ok(())
    }

    /// Writes deltas that follow each other, and confirms them. All deltas before them are
    /// confirmed.
    async fn write(&self, slice: u32, deltas: &[Delta], deadline: Deadline) -> Result<(), Failure> {
        let Some(newest) = deltas.last().map(|delta| delta.number) else { return Ok(()) };
        let mut counters: BTreeMap<&str, Vec<(u64, &Amounts)>> = BTreeMap::new();
        for delta in deltas {
            for (key, add) in &delta.counters {
                counters.entry(key).or_default().push((delta.number, add));
            }
        }
        let mut attempt = 0;
        while !counters.is_empty() {
            deadline.pause(self.pace.pause()).await;
            if deadline.is_over() {
                return Err(cut_off());
            }
            let additions: Vec<Addition> =
                counters.iter().map(|(key, left)| addition(key, left, newest)).collect();
            let added = deadline
                .call(async { Ok::<_, Failure>(self.read_model.add(slice, &additions).await) })
                .await?;
            let mut failed = None;
            for (addition, added) in additions.iter().zip(added) {
                match self.reached(slice, addition, added, deadline).await {
                    Ok(reached) => {
                        if let Some(left) = counters.get_mut(addition.key.as_str()) {
                            left.retain(|(number, _)| *number > reached);
                        }
                    }
                    Err(failure) => failed = Some(failure),
                }
            }
            counters.retain(|_, left| !left.is_empty());
            let Some(failure) = failed else { continue };
            if failure.code() == Failure::THROTTLED {
                self.pace.throttled();
            }
            attempt += 1;
            if attempt == self.retry.attempts {
                return Err(failure);
            }
            deadline.pause(self.retry.pause_after(attempt - 1)).await;
        }
        self.pace.taken();
        self.slices.confirm(slice, newest);
        // This environment knows it. Others would only write once more what the counters refuse.
        if let Err(failure) = deadline.call(self.read_model.confirm(slice, newest)).await {
            warn!(slice, reason = failure.reason(), "a counted delta could not be confirmed");
        }
        Ok(())
    }

    /// Returns the number up to which the counter has its deltas, after an addition. Amounts that
    /// the counter can never take are set aside, so that no other counter waits.
    async fn reached(
        &self,
        slice: u32,
        addition: &Addition,
        added: Added,
        deadline: Deadline,
    ) -> Result<u64, Failure> {
        let added = match added {
            Added::Refused(failure) => {
                let (key, reason) = (addition.key.as_str(), failure.reason());
                error!(slice, counter = key, reason, "amounts of a counter are set aside");
                let aside = self.read_model.set_aside(slice, addition, &failure);
                deadline.call(async { Ok::<_, Failure>(aside.await) }).await?
            }
            added => added,
        };
        match added {
            Added::Done => Ok(addition.number),
            Added::Counted(number) if number >= addition.first => Ok(number),
            Added::Counted(number) => Err(Failure::transient(
                "counter_went_back",
                format!("a counter refused delta {}, but has only {number}", addition.first),
            )),
            // The guard has moved, so no failure is permanent for the delivery.
            Added::Refused(failure) | Added::Failed(failure) => {
                Err(Failure::transient(failure.code().to_owned(), failure.reason()))
            }
        }
    }

    /// Finishes what environments left that are gone: deltas that are not confirmed, and amounts
    /// that were set aside for a counter that may have been corrected.
    pub(super) async fn sweep(&self, deadline: Deadline) {
        let reads = async { futures::try_join!(self.read_model.heads(), self.read_model.aside()) };
        let (heads, aside) = match deadline.call(reads).await {
            Ok(read) => read,
            Err(failure) => {
                warn!(reason = failure.reason(), "the slices cannot be read; they are swept later");
                return;
            }
        };
        for slice in self.slices.left_alone(&heads) {
            if let Err(failure) = self.finish(slice, deadline).await {
                warn!(slice, reason = failure.reason(), "its deltas are tried again later");
            }
        }
        for aside in aside {
            if deadline.is_over() {
                return;
            }
            let (slice, key) = (aside.slice, aside.key.as_str());
            match deadline.call(self.read_model.restore(&aside)).await {
                Ok(()) => info!(slice, counter = key, "amounts that were set aside are counted"),
                Err(ApplyError::GuardMoved | ApplyError::Conflict) => {}
                Err(ApplyError::Refused { failure, .. } | ApplyError::Failed(failure)) => {
                    let reason = failure.reason();
                    error!(slice, counter = key, reason, "amounts of a counter stay set aside");
                }
            }
        }
    }
}

/// Creates the addition of what is left for a counter: all of it, unless its sum leaves the range
/// of `i64`.
fn addition(key: &str, left: &[(u64, &Amounts)], newest: u64) -> Addition {
    let first = left.first().map_or(newest, |(number, _)| *number);
    let mut addition = Addition { key: key.to_owned(), add: Amounts::new(), first, number: newest };
    let mut reached = None;
    for (number, add) in left {
        if let (Err(_), Some(reached)) = (add_all(&mut addition.add, add), reached) {
            addition.number = reached;
            break;
        }
        reached = Some(*number);
    }
    addition
}
