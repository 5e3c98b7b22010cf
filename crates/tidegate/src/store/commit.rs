//! Commits and their events.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Digest;
use crate::envelope::{Data, DataSchema, Envelope, Extensions};
use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version, event_id};
use crate::message::{MessageSet, UNKNOWN_TYPE};

/// The decisions that one write stores, before they are stored.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The commit to store.
    pub record: RecordedCommit,
    /// Identifies this attempt to write. If the store already holds the commit of this attempt, the
    /// write succeeded and there is no conflict.
    pub attempt: String,
}

impl Commit {
    /// Creates the commit of this record for one attempt to write it.
    pub fn new(record: RecordedCommit, attempt: impl Into<String>) -> Self {
        Self { record, attempt: attempt.into() }
    }
}

/// The outcome of a write to the event store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The commit is stored.
    Stored,
    /// A commit with the cause of the only decision is at this place.
    Duplicate,
    /// Another commit is at this place, or is being written there. Load and decide again.
    Conflict,
}

/// A commit as the store holds it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedCommit {
    /// Stream of the commit.
    pub stream: StreamId,
    /// Decisions in order; at least one. They share the events out among them, see
    /// [`Self::parts`].
    pub decisions: Vec<RecordedDecision>,
    /// Events of all decisions in order; at least one for each decision.
    pub events: Vec<RecordedEvent>,
    /// Attribute `source` of the events' envelopes.
    pub source: String,
    /// Time at which the commit was written.
    pub written_at: Timestamp,
}

/// A decision as the store holds it: what one command or event led to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedDecision {
    /// Cause of the decision.
    pub cause: Cause,
    /// Digest of the cause's content. A decision without a digest matches any content.
    pub digest: Option<Digest>,
    /// Correlation id.
    pub correlation_id: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Other attributes of the cause's envelope. The events' envelopes have them too.
    pub extensions: Extensions,
    /// Time at which the transport accepted the cause.
    pub arrived_at: Option<Timestamp>,
    /// Number of the decision's events, which follow those of the decision before.
    pub event_count: usize,
}

/// An event as the store holds it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// Id, derived from stream, version and cause.
    pub id: String,
    /// Version: the position in the stream.
    pub version: Version,
    /// Name of the type.
    pub kind: String,
    /// Version of the type.
    pub data_version: u32,
    /// Business time at which the event happened.
    pub time: Timestamp,
    /// Content as JSON.
    pub data: String,
}

impl RecordedEvent {
    /// Creates an event of this type at this version of its stream. `data` is JSON.
    pub fn new(
        id: impl Into<String>,
        version: Version,
        schema: DataSchema,
        time: Timestamp,
        data: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            version,
            kind: schema.kind,
            data_version: schema.version,
            time,
            data: data.into(),
        }
    }

    /// Decodes the content.
    ///
    /// # Errors
    /// - [`Failure::NEWER`] (transient): `M` does not know the type or its version.
    /// - Otherwise the errors of [`MessageSet::decode`].
    pub fn decode<M: MessageSet>(&self) -> Result<M, Failure> {
        M::decode(&self.kind, self.data_version, &self.data).map_err(newer_if_unknown).map_err(
            |failure| {
                failure.context(format_args!("event {} at version {}", self.id, self.version))
            },
        )
    }
}

impl RecordedDecision {
    /// Creates a decision with this cause, still without events.
    ///
    /// The correlation id is the id of the cause. All optional fields are empty.
    pub fn new(cause: Cause) -> Self {
        Self {
            correlation_id: cause.id.clone(),
            cause,
            digest: None,
            traceparent: None,
            extensions: Extensions::default(),
            arrived_at: None,
            event_count: 0,
        }
    }
}

impl RecordedCommit {
    /// Creates a commit of one decision, which led to these events.
    ///
    /// The correlation id is the id of the cause. All optional fields are empty.
    pub fn new(
        stream: StreamId,
        source: impl Into<String>,
        cause: Cause,
        written_at: Timestamp,
        events: Vec<RecordedEvent>,
    ) -> Self {
        let mut commit = Self::empty(stream, source, written_at);
        commit.push(RecordedDecision::new(cause), events);
        commit
    }

    /// Creates a commit without decisions. [`Self::push`] adds them.
    pub fn empty(stream: StreamId, source: impl Into<String>, written_at: Timestamp) -> Self {
        let (decisions, events) = (Vec::new(), Vec::new());
        Self { stream, decisions, events, source: source.into(), written_at }
    }

    /// Adds a decision and its events, whose versions follow the last event.
    pub fn push(&mut self, mut decision: RecordedDecision, events: Vec<RecordedEvent>) {
        decision.event_count = events.len();
        self.decisions.push(decision);
        self.events.extend(events);
    }

    /// Returns the decisions in order, each with its events.
    pub fn parts(&self) -> impl Iterator<Item = (&RecordedDecision, &[RecordedEvent])> {
        let mut rest = self.events.as_slice();
        self.decisions.iter().map(move |decision| {
            let (events, behind) =
                rest.split_at_checked(decision.event_count).unwrap_or((rest, &[]));
            rest = behind;
            (decision, events)
        })
    }

    /// Returns the decision to which the event at this version belongs.
    pub fn decision(&self, version: Version) -> Option<&RecordedDecision> {
        let holds = |events: &[RecordedEvent]| events.iter().any(|event| event.version == version);
        self.parts().find(|(_, events)| holds(events)).map(|(decision, _)| decision)
    }

    /// Checks that the commit can be read again: only its first version is stored, and all others
    /// follow from it.
    ///
    /// # Errors
    /// `invalid_commit` (permanent): the versions are not consecutive, or a decision has no event.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let invalid =
            |what: String| Failure::permanent("invalid_commit", format!("{}: {what}", self.stream));
        let mut numbers = self.first_version().number()..;
        if self.first_version() == Version::NONE
            || self.events.iter().any(|event| Some(event.version.number()) != numbers.next())
        {
            let versions: Vec<_> = self.events.iter().map(|event| event.version.number()).collect();
            return Err(invalid(format!(
                "the events have the versions {versions:?}; they must be consecutive and not start \
                 below 1"
            )));
        }
        let counts = self.decisions.iter().map(|decision| decision.event_count);
        if counts.clone().sum::<usize>() != self.events.len()
            || counts.clone().any(|count| count == 0)
        {
            let counts: Vec<_> = counts.collect();
            return Err(invalid(format!(
                "the decisions have {counts:?} events, together there must be {}, and each must have \
                 one",
                self.events.len()
            )));
        }
        Ok(())
    }

    /// Returns the version of the first event.
    pub fn first_version(&self) -> Version {
        self.events.first().map_or(Version::NONE, |event| event.version)
    }

    /// Returns the version of the last event.
    pub fn last_version(&self) -> Version {
        self.events.last().map_or(Version::NONE, |event| event.version)
    }

    /// Creates the envelope of one of the commit's events, with the data by value.
    ///
    /// # Errors
    /// `invalid_data` (permanent): the stored content is not JSON.
    pub fn envelope(&self, event: &RecordedEvent) -> Result<Envelope, Failure> {
        let data = RawValue::from_string(event.data.clone()).map_err(|error| {
            Failure::permanent("invalid_data", format!("event {}: {error}", event.id))
        })?;
        let schema = DataSchema::new(event.kind.clone(), event.data_version);
        let subject = self.stream.clone();
        let mut envelope =
            Envelope::new(&event.id, &self.source, subject, event.time, schema, Data::Inline(data));
        envelope.sequence = Some(event.version);
        if let Some(decision) = self.decision(event.version) {
            envelope.correlation_id = decision.correlation_id.clone();
            envelope.causation_id = Some(decision.cause.id.clone());
            envelope.traceparent = decision.traceparent.clone();
            envelope.extensions = decision.extensions.clone();
        }
        Ok(envelope)
    }

    /// Gives events their ids and the versions that follow `after`.
    ///
    /// # Errors
    /// `unencodable` (permanent): an event cannot be written as JSON.
    pub(super) fn events_after<M: MessageSet>(
        stream: &StreamId,
        after: Version,
        cause: &Cause,
        time: Timestamp,
        events: &[M],
    ) -> Result<Vec<RecordedEvent>, Failure> {
        events
            .iter()
            .enumerate()
            .map(|(index, event)| {
                let version = after.plus(index + 1);
                let (kind, data_version) = event.schema();
                let data = event.encode().map_err(|error| {
                    Failure::permanent(
                        "unencodable",
                        format!("{kind} cannot be written as JSON: {error}"),
                    )
                })?;
                let (id, schema) =
                    (event_id(stream, version, cause), DataSchema::new(kind, data_version));
                Ok(RecordedEvent::new(id, version, schema, time, data))
            })
            .collect()
    }
}

/// Converts a failure to decode stored content.
///
/// An unknown type becomes [`Failure::NEWER`], because only a newer writer can have stored it.
fn newer_if_unknown(failure: Failure) -> Failure {
    if failure.class() == Class::Permanent && failure.code() == UNKNOWN_TYPE {
        return Failure::transient(Failure::NEWER, failure.reason());
    }
    failure
}
