//! Commits and their events.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Digest;
use crate::envelope::{Data, DataSchema, Envelope, Extensions};
use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version, event_id};
use crate::message::{MessageSet, UNKNOWN_TYPE};

/// The events of one decision, before they are stored.
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
    /// Another commit with the same cause is at this place.
    Duplicate,
    /// A commit with another cause is at this place, or is being written there. Load and decide
    /// again.
    Conflict,
}

/// A commit as the store holds it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedCommit {
    /// Stream of the commit.
    pub stream: StreamId,
    /// Events in order; at least one.
    pub events: Vec<RecordedEvent>,
    /// Attribute `source` of the events' envelopes.
    pub source: String,
    /// Cause of the decision.
    pub cause: Cause,
    /// Digest of the cause's content. A commit without a digest matches any content.
    pub digest: Option<Digest>,
    /// Correlation id.
    pub correlation_id: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Other attributes of the cause's envelope. The events' envelopes have them too.
    pub extensions: Extensions,
    /// Time at which the transport accepted the cause.
    pub arrived_at: Option<Timestamp>,
    /// Time at which the commit was written.
    pub written_at: Timestamp,
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

impl RecordedCommit {
    /// Creates a commit of events to which a cause led.
    ///
    /// The correlation id is the id of the cause. All optional fields are empty.
    pub fn new(
        stream: StreamId,
        source: impl Into<String>,
        cause: Cause,
        written_at: Timestamp,
        events: Vec<RecordedEvent>,
    ) -> Self {
        Self {
            stream,
            events,
            source: source.into(),
            correlation_id: cause.id.clone(),
            cause,
            digest: None,
            traceparent: None,
            extensions: Extensions::default(),
            arrived_at: None,
            written_at,
        }
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
        envelope.correlation_id = self.correlation_id.clone();
        envelope.causation_id = Some(self.cause.id.clone());
        envelope.traceparent = self.traceparent.clone();
        envelope.extensions = self.extensions.clone();
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
