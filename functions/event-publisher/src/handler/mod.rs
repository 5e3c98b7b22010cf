//! Publishes the commits of a batch, and decides how each delivery ends.

use std::sync::Arc;
use std::time::Duration;

use tidegate::batch::{
    BatchContext, BatchHandler, Concurrency, Decode, Handled, Item, NotRun, Outcome,
};
use tidegate::failure::{Class, Failure};
use tidegate::ids::{StreamId, Version};
use tidegate::source::Delivery;
use tidegate::store::{CommitChange, EventReader, RecordedCommit, Retry};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::entry::Entry;
use crate::event_bus::EventBus;
use crate::progress::Progress;
use crate::requests::{Placed, requests};

/// Most PutEvents requests at a time. The bus keeps no order, so requests need not wait for each
/// other.
const REQUESTS: usize = 4;
/// Most split commits that are read at a time. Each may be 4 MB.
const READS: usize = 4;
/// How often an entry that EventBridge does not accept is sent within one invocation.
const RETRY: Retry = Retry { attempts: 5, pause: Duration::from_millis(100) };

/// Publishes commits on a bus. Events may be published twice, with the same id.
///
/// It publishes what is stored and does not look at event types, so it also publishes types that
/// are newer than itself.
pub(crate) struct Publisher {
    bus: EventBus,
    /// Limit of a message that holds an event, and of a request, in bytes.
    limit: usize,
    events: Arc<dyn EventReader>,
    retry: Retry,
    requests: Concurrency,
    reads: Concurrency,
}

impl Publisher {
    pub(crate) fn new(bus: EventBus, limit: usize, events: Arc<dyn EventReader>) -> Self {
        Self {
            bus,
            limit,
            events,
            retry: RETRY,
            requests: Concurrency::new(REQUESTS),
            reads: Concurrency::new(READS),
        }
    }

    /// Publishes commits, each from the delivery at the same index, and records how these
    /// deliveries end.
    async fn publish<'a>(
        &self,
        commits: impl Iterator<Item = (usize, &'a RecordedCommit)>,
        outcomes: &mut [Outcome],
        deadline: Instant,
    ) {
        let (mut progress, mut entries) = (Vec::new(), Vec::new());
        for (place, commit) in commits {
            let mut of_commit = Progress::new(commit.events.len());
            for event in &commit.events {
                match Entry::new(commit, event, self.limit) {
                    Ok(entry) => entries.push(Placed::new(progress.len(), entry)),
                    Err(failure) => of_commit.left(Some(failure)),
                }
            }
            progress.push((place, of_commit));
        }
        for placed in self.send(entries, deadline).await {
            if let Some((_, of_commit)) = progress.get_mut(placed.place) {
                of_commit.left(placed.failure);
            }
        }
        for (place, of_commit) in progress {
            if let Some(outcome) = outcomes.get_mut(place) {
                *outcome = of_commit.outcome();
            }
        }
    }

    /// Sends entries, and resends those that may still be accepted. Returns the entries that are
    /// left.
    async fn send(&self, entries: Vec<Placed>, deadline: Instant) -> Vec<Placed> {
        let is_permanent = |placed: &Placed| {
            placed.failure.as_ref().is_some_and(|failure| failure.class() == Class::Permanent)
        };
        let (mut refused, mut waiting) = (Vec::new(), entries);
        for attempt in 0..self.retry.attempts {
            if let Some(before) = attempt.checked_sub(1) {
                let next = Instant::now() + self.retry.pause_after(before);
                if next >= deadline {
                    break;
                }
                sleep_until(next).await;
            }
            let requests = requests(std::mem::take(&mut waiting), self.limit);
            let put = |request| self.bus.put(request, deadline);
            let left =
                self.requests.each(requests, put, |left| left.iter().any(is_throttled)).await;
            let (permanent, transient) =
                left.into_iter().flatten().partition::<Vec<_>, _>(is_permanent);
            refused.extend(permanent);
            waiting = transient;
            if waiting.is_empty() {
                break;
            }
        }
        refused.extend(waiting);
        refused
    }

    /// Reads a split commit from the store.
    async fn read(
        &self,
        stream: &StreamId,
        version: Version,
        deadline: Instant,
    ) -> Result<RecordedCommit, Outcome> {
        if Instant::now() >= deadline {
            return Err(Outcome::NotRun(NotRun::OutOfTime));
        }
        let commit = match timeout_at(deadline, self.events.read_at(stream, version)).await {
            Ok(commit) => commit.map_err(Outcome::Failed)?,
            Err(_) => {
                let late = format!(
                    "{stream}: the event store did not answer before the invocation's deadline"
                );
                return Err(Outcome::Failed(Failure::transient("deadline", late)));
            }
        };
        commit.filter(|commit| commit.first_version() == version).ok_or_else(|| {
            let missing =
                format!("{stream}: the commit at version {version} is not in the event store");
            Outcome::Failed(Failure::transient("not_in_store", missing))
        })
    }
}

/// Returns the outcome of a delivery without a commit to publish.
///
/// A commit that this version cannot read is from a newer version; its delivery comes again until
/// that version runs.
fn unpublished(change: &CommitChange) -> Outcome {
    match change {
        CommitChange::Newer { stream, version } => {
            let newer = format!("{stream}: the commit at version {version} has a newer format");
            Outcome::Failed(Failure::transient(Failure::NEWER, newer))
        }
        _ => Outcome::Done(Handled::Filtered),
    }
}

fn is_throttled(placed: &Placed) -> bool {
    placed.failure.as_ref().is_some_and(|failure| failure.code() == Failure::THROTTLED)
}

impl Decode for Publisher {
    type Record = CommitChange;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<CommitChange, Failure> {
        CommitChange::from_delivery(delivery)
    }

    fn lane(&self, delivery: &Delivery<'_>) -> String {
        CommitChange::lane(delivery)
    }
}

impl BatchHandler for Publisher {
    async fn handle_batch(
        &self,
        items: &[Item<CommitChange>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        let deadline = context.deadline;
        let mut outcomes = Vec::with_capacity(items.len());
        let (mut whole, mut split) = (Vec::new(), Vec::new());
        for (place, item) in items.iter().enumerate() {
            // A delivery with a commit to publish or to read gets its outcome below.
            outcomes.push(Outcome::NotRun(NotRun::OutOfTime));
            match &item.record {
                CommitChange::Commit(commit) => whole.push((place, commit)),
                CommitChange::Split { stream, version, .. } => {
                    split.push((place, stream, *version))
                }
                other => {
                    if let Some(outcome) = outcomes.last_mut() {
                        *outcome = unpublished(other);
                    }
                }
            }
        }
        // Complete commits do not wait for the store.
        self.publish(whole.into_iter(), &mut outcomes, deadline).await;
        let read = |(place, stream, version)| async move {
            (place, self.read(stream, version, deadline).await)
        };
        let read = self.reads.each(
            split,
            read,
            |(_, read)| matches!(read, Err(Outcome::Failed(failure)) if failure.code() == Failure::THROTTLED),
        );
        let mut commits = Vec::new();
        for (place, read) in read.await {
            match read {
                Ok(commit) => commits.push((place, commit)),
                Err(failed) => {
                    if let Some(outcome) = outcomes.get_mut(place) {
                        *outcome = failed;
                    }
                }
            }
        }
        self.publish(
            commits.iter().map(|(place, commit)| (*place, commit)),
            &mut outcomes,
            deadline,
        )
        .await;
        outcomes
    }
}

#[cfg(test)]
mod tests;
