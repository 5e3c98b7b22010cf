use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use uuid::Uuid;

use super::{Commit, CommitOutcome, EventStore, RecordedCommit};
use crate::batch::Effect;
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};
use crate::message::MessageSet;

/// An entity with a consistency boundary, as a fold over its events. Pure and synchronous.
pub trait Aggregate: Default + Send {
    /// Its commands.
    type Command: Sync;
    /// Its events.
    type Event: MessageSet;
    /// `source` of its events.
    const SOURCE: &'static str;

    /// The command creates the aggregate, so that most often there is nothing to load: the write is tried first, and the stream is loaded only
    /// when its place is taken.
    fn creates(command: &Self::Command) -> bool;

    /// What an event changes.
    fn apply(&mut self, event: &Self::Event);

    /// What a command leads to.
    fn decide(&self, command: &Self::Command) -> Decision<Self::Event>;
}

/// The events of a decision: at least one. A refusal is an event too, so that a redelivered command finds it and decides the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<E>(Vec<E>);

impl<E> Decision<E> {
    /// A decision that leads to one event.
    pub fn one(event: impl Into<E>) -> Self {
        Decision(vec![event.into()])
    }

    /// One more event.
    #[must_use]
    pub fn and(mut self, event: impl Into<E>) -> Self {
        self.0.push(event.into());
        self
    }

    /// The events.
    pub fn events(&self) -> &[E] {
        &self.0
    }
}

/// Where a command comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Dedup is by it.
    pub cause: Cause,
    /// Correlation id.
    pub correlation_id: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Business time of the command, and of the events that follow.
    pub time: Timestamp,
    /// When the transport took it.
    pub arrived_at: Option<Timestamp>,
}

impl Origin {
    /// Of a command in an envelope.
    pub fn of(envelope: &Envelope, arrived_at: Option<Timestamp>) -> Self {
        Origin {
            cause: envelope.cause(),
            correlation_id: envelope.correlation_id.clone(),
            traceparent: envelope.traceparent.clone(),
            time: envelope.time,
            arrived_at,
        }
    }
}

/// How often and how fast a lost race for a version is run again.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Loads at most.
    pub attempts: u32,
    /// Upper bound of the first pause; it doubles with every attempt, and the pause is drawn at random below it.
    pub pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { attempts: 5, pause: Duration::from_millis(20) }
    }
}

impl Retry {
    /// The pause after this attempt, drawn at random.
    pub(crate) fn pause_after(&self, attempt: u32) -> Duration {
        let bound = self.pause.saturating_mul(1 << attempt.min(10));
        bound.mul_f64(rand::rng().random_range(0.0..1.0))
    }
}

/// Loads, decides and commits: one decision for a command, however often it is delivered.
///
/// Costs one write for a command that creates the aggregate, one read and one write otherwise; a duplicate costs no write that succeeds.
///
/// # Errors
/// `version_conflict` (transient) when every attempt lost its race; failures of the store and of decoding stored events.
pub async fn execute<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamId,
    command: &A::Command,
    origin: &Origin,
    retry: Retry,
) -> Result<Effect, Failure> {
    let attempt = Uuid::new_v4().to_string();
    if A::creates(command) {
        match decide_and_commit(store, stream, &A::default(), Version::NONE, command, origin, &attempt)
            .await?
        {
            CommitOutcome::Stored => return Ok(Effect::Applied),
            CommitOutcome::Duplicate => return Ok(Effect::Duplicate),
            CommitOutcome::Conflict => {}
        }
    }
    for number in 0..retry.attempts {
        let commits = store.read(stream, Version::NONE).await?;
        if commits.iter().any(|commit| commit.cause == origin.cause) {
            return Ok(Effect::Duplicate);
        }
        let (aggregate, version) = fold::<A>(&commits)?;
        match decide_and_commit(store, stream, &aggregate, version, command, origin, &attempt).await? {
            CommitOutcome::Stored => return Ok(Effect::Applied),
            CommitOutcome::Duplicate => return Ok(Effect::Duplicate),
            CommitOutcome::Conflict => tokio::time::sleep(retry.pause_after(number)).await,
        }
    }
    Err(Failure::transient(
        "version_conflict",
        format!("{stream}: lost the race for the next version {} times", retry.attempts),
    ))
}

fn fold<A: Aggregate>(commits: &[RecordedCommit]) -> Result<(A, Version), Failure> {
    let mut aggregate = A::default();
    let mut version = Version::NONE;
    for event in commits.iter().flat_map(|commit| &commit.events) {
        aggregate.apply(&event.decode()?);
        version = event.version;
    }
    Ok((aggregate, version))
}

async fn decide_and_commit<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamId,
    aggregate: &A,
    version: Version,
    command: &A::Command,
    origin: &Origin,
    attempt: &str,
) -> Result<CommitOutcome, Failure> {
    let decision = aggregate.decide(command);
    let events =
        RecordedCommit::events_after(stream, version, &origin.cause, origin.time, decision.events())?;
    let record = RecordedCommit {
        stream: stream.clone(),
        events,
        source: A::SOURCE.to_owned(),
        cause: origin.cause.clone(),
        correlation_id: origin.correlation_id.clone(),
        traceparent: origin.traceparent.clone(),
        arrived_at: origin.arrived_at,
        written_at: Timestamp::now(),
    };
    store.commit(&Commit { record, attempt: attempt.to_owned() }).await
}
