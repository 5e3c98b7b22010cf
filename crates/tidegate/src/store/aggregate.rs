//! Loads an aggregate, decides a command on it, and commits the decision.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::origin::decided;
use super::{Commit, CommitOutcome, EventStore, Origin, RecordedCommit};
use crate::batch::Handled;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::message::MessageSet;

/// An entity with a consistency boundary: a fold over its events.
///
/// All methods are pure and synchronous.
pub trait Aggregate: Default + Send {
    /// Commands of the aggregate.
    type Command: Sync;
    /// Events of the aggregate.
    type Event: MessageSet;
    /// Value of the attribute `source` in the envelopes of the events.
    const SOURCE: &'static str;

    /// Returns whether the command creates the aggregate.
    ///
    /// [`execute`] then tries the write first, because there is usually nothing to load. It loads
    /// the stream only if its first version is taken.
    fn creates(command: &Self::Command) -> bool;

    /// Applies an event to the state.
    fn apply(&mut self, event: &Self::Event);

    /// Decides which events a command leads to.
    fn decide(&self, command: &Self::Command) -> Decision<Self::Event>;
}

/// The events of one decision; at least one.
///
/// Return a refusal as an event too. A redelivered command then finds that event and is not decided
/// again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<E>(Vec<E>);

impl<E> Decision<E> {
    /// Creates a decision that leads to one event.
    pub fn one(event: impl Into<E>) -> Self {
        Self(vec![event.into()])
    }

    /// Adds another event.
    #[must_use]
    pub fn and(mut self, event: impl Into<E>) -> Self {
        self.0.push(event.into());
        self
    }

    /// Returns the events in order.
    pub fn events(&self) -> &[E] {
        &self.0
    }
}

/// How often and how fast to try again.
///
/// Used after a lost race for a version, and after a call that a dependency refused.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Largest number of attempts, including the first.
    pub attempts: u32,
    /// Upper bound of the first pause. The bound doubles with every attempt, and each pause is
    /// drawn at random below its bound.
    pub pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, pause: Duration::from_millis(20) }
    }
}

impl Retry {
    /// Draws the pause after the attempt with this number, counted from 0.
    ///
    /// The pause is random and below [`Retry::pause`] after attempt 0. The bound doubles with each
    /// further attempt, up to 1,024 times [`Retry::pause`].
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let bound = self.pause.saturating_mul(1 << attempt.min(10));
        bound.mul_f64(fastrand::f64())
    }
}

/// Loads an aggregate, decides a command and commits the events.
///
/// A command leads to one decision, however often it is delivered.
///
/// A command that creates the aggregate costs one write. Any other command costs one read and one
/// write. A duplicate makes no write that succeeds. After a lost race, the command is decided again
/// on the winner's state, after a pause.
///
/// # Errors
/// - `version_conflict` (transient): every attempt lost its race.
/// - `cause_reused` (permanent): the cause led to a decision before, and the command then had other
///   content.
/// - [`Failure::NEWER`] (transient): a newer version of the function wrote an event or a commit of
///   the stream.
/// - Any failure of the store.
/// - Any failure to decode stored events.
pub async fn execute<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamId,
    command: &A::Command,
    origin: &Origin,
    retry: Retry,
) -> Result<Handled, Failure> {
    run::<A>(store, &WholeStream { store }, stream, command, origin, retry).await
}

/// An aggregate after loading.
pub(super) struct Loaded<A, M> {
    pub(super) aggregate: A,
    pub(super) version: Version,
    /// State that the history keeps for [`History::stored`].
    pub(super) memory: M,
}

/// The way in which an aggregate is loaded.
pub(super) trait History<A: Aggregate>: Sync {
    type Memory: Send;

    /// Loads the aggregate. Returns `None` if the command was decided before.
    fn load(
        &self,
        stream: &StreamId,
        origin: &Origin,
    ) -> impl Future<Output = Result<Option<Loaded<A, Self::Memory>>, Failure>> + Send;

    /// Called after a decision on the loaded aggregate was stored.
    fn stored(
        &self,
        loaded: Loaded<A, Self::Memory>,
        decision: Decision<A::Event>,
        record: RecordedCommit,
    ) -> impl Future<Output = ()> + Send;
}

/// Decides a command on the aggregate that `history` loads, and commits the decision.
///
/// Invariant: every attempt has the same attempt id and the same cause. The commit requires that
/// its version is free. Otherwise the item that holds the version shows what happened:
///
/// - It has this attempt id: the write succeeded, and its answer was lost.
/// - It has this cause: a twin was faster, so the command is a duplicate.
/// - Otherwise another command was faster. The stream is loaded again with the new events, and the
///   command is decided again.
///
/// A command that creates its aggregate is first decided without a load, on an empty aggregate.
pub(super) async fn run<A: Aggregate>(
    store: &dyn EventStore,
    history: &impl History<A>,
    stream: &StreamId,
    command: &A::Command,
    origin: &Origin,
    retry: Retry,
) -> Result<Handled, Failure> {
    let attempt = Uuid::new_v4().to_string();
    if A::creates(command) {
        let decision = A::default().decide(command);
        let commit = commit::<A>(stream, Version::NONE, origin, &decision, &attempt)?;
        match store.commit(&commit).await? {
            CommitOutcome::Stored => return Ok(Handled::Applied),
            CommitOutcome::Duplicate => return Ok(Handled::Duplicate),
            CommitOutcome::Conflict => {}
        }
    }
    let attempts = retry.attempts.max(1);
    for number in 0..attempts {
        if number > 0 {
            tokio::time::sleep(retry.pause_after(number - 1)).await;
        }
        let Some(loaded) = history.load(stream, origin).await? else {
            return Ok(Handled::Duplicate);
        };
        let decision = loaded.aggregate.decide(command);
        let commit = commit::<A>(stream, loaded.version, origin, &decision, &attempt)?;
        match store.commit(&commit).await? {
            CommitOutcome::Stored => {
                history.stored(loaded, decision, commit.record).await;
                return Ok(Handled::Applied);
            }
            CommitOutcome::Duplicate => return Ok(Handled::Duplicate),
            CommitOutcome::Conflict => {}
        }
    }
    Err(Failure::transient(
        "version_conflict",
        format!("{stream}: other writers took the next version in all {attempts} attempts"),
    ))
}

/// Reads the stream from its first event on every load.
struct WholeStream<'a> {
    store: &'a dyn EventStore,
}

impl<A: Aggregate> History<A> for WholeStream<'_> {
    type Memory = ();

    async fn load(
        &self,
        stream: &StreamId,
        origin: &Origin,
    ) -> Result<Option<Loaded<A, ()>>, Failure> {
        let commits = self.store.read(stream, Version::NONE).await?;
        if decided(&commits, origin)? {
            return Ok(None);
        }
        let (mut aggregate, mut version) = (A::default(), Version::NONE);
        fold(&mut aggregate, &mut version, &commits)?;
        Ok(Some(Loaded { aggregate, version, memory: () }))
    }

    async fn stored(&self, _: Loaded<A, ()>, _: Decision<A::Event>, _: RecordedCommit) {}
}

/// Applies the events above `version`, and sets `version` to the last of them.
pub(super) fn fold<A: Aggregate>(
    aggregate: &mut A,
    version: &mut Version,
    commits: &[RecordedCommit],
) -> Result<(), Failure> {
    for commit in commits {
        for event in commit.events.iter().filter(|event| event.version > *version) {
            let decoded = event.decode().map_err(|failure| failure.context(&commit.stream))?;
            aggregate.apply(&decoded);
        }
        *version = commit.last_version().max(*version);
    }
    Ok(())
}

fn commit<A: Aggregate>(
    stream: &StreamId,
    after: Version,
    origin: &Origin,
    decision: &Decision<A::Event>,
    attempt: &str,
) -> Result<Commit, Failure> {
    let events =
        RecordedCommit::events_after(stream, after, &origin.cause, origin.time, decision.events())?;
    let mut record = RecordedCommit::new(
        stream.clone(),
        A::SOURCE,
        origin.cause.clone(),
        Timestamp::now(),
        events,
    );
    record.digest = origin.digest(stream);
    record.correlation_id = origin.correlation_id.clone();
    record.traceparent = origin.traceparent.clone();
    record.extensions = origin.extensions.clone();
    record.arrived_at = origin.arrived_at;
    Ok(Commit::new(record, attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_drawn_anew_below_a_bound_that_doubles() {
        let retry = Retry { attempts: 5, pause: Duration::from_millis(20) };
        for attempt in 0..5 {
            let bound = Duration::from_millis(20 << attempt);
            let drawn: Vec<_> = (0..200).map(|_| retry.pause_after(attempt)).collect();
            assert!(drawn.iter().all(|pause| *pause < bound), "attempt {attempt}");
            let (least, most) = (*drawn.iter().min().unwrap(), *drawn.iter().max().unwrap());
            assert!(
                least < bound / 4 && most > bound * 3 / 4,
                "attempt {attempt}: {least:?} to {most:?}"
            );
        }
        assert!(
            retry.pause_after(u32::MAX) < Duration::from_millis(20 << 10),
            "it does not grow for ever"
        );
    }
}
