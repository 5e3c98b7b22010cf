//! Loads an aggregate, and remembers which commands were decided.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use jiff::Timestamp;

use super::aggregate::Aggregate;
use super::commit::{RecordedCommit, RecordedDecision, RecordedEvent};
use super::digest::Digest;
use super::origin::Origin;
use super::port::EventReader;
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};

/// An aggregate, with the decisions that are in it.
pub(super) struct Loaded<A, M> {
    pub(super) aggregate: A,
    /// Version of the last event in the aggregate.
    pub(super) version: Version,
    /// The decisions in the aggregate, by cause.
    pub(super) memory: M,
}

impl<A: Default, M: Default> Loaded<A, M> {
    /// Creates the aggregate of a stream without events.
    pub(super) fn new() -> Self {
        Self { aggregate: A::default(), version: Version::NONE, memory: M::default() }
    }
}

/// The way in which an aggregate is loaded.
pub(super) trait History<A: Aggregate>: Sync {
    type Memory: Memory;
    /// A snapshot that is due.
    type Due: Send;

    /// Loads the aggregate. The memory then answers for the causes of these origins.
    fn load(
        &self,
        stream: &StreamId,
        origins: &[&Origin],
    ) -> impl Future<Output = Result<Loaded<A, Self::Memory>, Failure>> + Send;

    /// Returns the snapshot that is due after this commit, whose events are in the aggregate.
    fn snapshot(
        &self,
        loaded: &mut Loaded<A, Self::Memory>,
        commit: &RecordedCommit,
    ) -> Option<Self::Due>;

    /// Saves a snapshot. A failure has no consequences.
    fn keep(&self, snapshot: Self::Due) -> impl Future<Output = ()> + Send;
}

/// The decisions that are in an aggregate, by cause.
pub(super) trait Memory: Default + Send {
    /// Returns the digest of the decision with this cause, if there is one.
    fn find(&self, cause: &Cause) -> Option<Option<&Digest>>;

    /// Returns the events of the decision with this cause, if they were read.
    fn events(&self, _: &Cause) -> Option<Vec<RecordedEvent>> {
        None
    }

    /// Adds a decision.
    fn remember(&mut self, decision: &RecordedDecision, written_at: Timestamp);
}

/// Reads the stream from its first event on every load.
pub(super) struct WholeStream<'a> {
    pub(super) store: &'a dyn EventReader,
}

/// Digests of decisions by cause, and the events of those that were read.
#[derive(Default)]
pub(super) struct Digests(HashMap<Cause, Known>);

struct Known {
    digest: Option<Digest>,
    events: Option<Vec<RecordedEvent>>,
}

impl Memory for Digests {
    fn find(&self, cause: &Cause) -> Option<Option<&Digest>> {
        self.0.get(cause).map(|known| known.digest.as_ref())
    }

    fn events(&self, cause: &Cause) -> Option<Vec<RecordedEvent>> {
        self.0.get(cause)?.events.clone()
    }

    fn remember(&mut self, decision: &RecordedDecision, _: Timestamp) {
        let known = Known { digest: decision.digest.clone(), events: None };
        self.0.insert(decision.cause.clone(), known);
    }
}

impl<A: Aggregate> History<A> for WholeStream<'_> {
    type Memory = Digests;
    type Due = Infallible;

    async fn load(
        &self,
        stream: &StreamId,
        origins: &[&Origin],
    ) -> Result<Loaded<A, Digests>, Failure> {
        let commits = self.store.read(stream, Version::NONE).await?;
        let mut loaded: Loaded<A, Digests> = Loaded::new();
        let wanted: HashSet<&Cause> = origins.iter().map(|origin| &origin.cause).collect();
        for (decision, events) in commits.iter().flat_map(RecordedCommit::parts) {
            if wanted.contains(&decision.cause) {
                let (digest, events) = (decision.digest.clone(), Some(events.to_vec()));
                loaded.memory.0.insert(decision.cause.clone(), Known { digest, events });
            }
        }
        fold(&mut loaded.aggregate, &mut loaded.version, &commits)?;
        Ok(loaded)
    }

    fn snapshot(&self, _: &mut Loaded<A, Digests>, _: &RecordedCommit) -> Option<Infallible> {
        None
    }

    async fn keep(&self, _: Infallible) {}
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
