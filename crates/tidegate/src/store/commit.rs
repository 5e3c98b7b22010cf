//! Commits and their events.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Digest;
use crate::envelope::{Data, DataSchema, Envelope, Extensions};
use crate::failure::{Class, Failure};
use crate::ids::{Cause, StreamId, Version, event_id};
use crate::message::{MessageSet, UNKNOWN_TYPE};

/// The events of one decision, about to be stored.
#[derive(Clone, Debug)]
pub struct Commit {
    /// What will be recorded.
    pub record: RecordedCommit,
    /// Tells this write from a twin's: one's own write found in the store is success, not a conflict.
    pub attempt: String,
}

impl Commit {
    /// Creates the commit of this record in this attempt to write it.
    pub fn new(record: RecordedCommit, attempt: impl Into<String>) -> Self {
        Commit { record, attempt: attempt.into() }
    }
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is stored.
    Stored,
    /// At its place is another commit with the same cause.
    Duplicate,
    /// At its place is a commit with another cause, or one is being written there: load and decide again.
    Conflict,
}

/// A commit as it is in the store.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedCommit {
    /// The stream.
    pub stream: StreamId,
    /// Its events, in order; at least one.
    pub events: Vec<RecordedEvent>,
    /// `source` of the events' envelopes.
    pub source: String,
    /// What led to it.
    pub cause: Cause,
    /// Digest of what the cause said. Without one the commit matches any content.
    pub digest: Option<Digest>,
    /// Correlation id.
    pub correlation_id: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Other attributes of the cause's envelope, which the events' envelopes carry on.
    pub extensions: Extensions,
    /// When the transport took the cause.
    pub arrived_at: Option<Timestamp>,
    /// When it was written.
    pub written_at: Timestamp,
}

/// An event as it is in the store.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// Derived from stream, version and cause.
    pub id: String,
    /// Position in the stream.
    pub version: Version,
    /// Type.
    pub kind: String,
    /// Version of the type.
    pub data_version: u32,
    /// When it happened, by the business.
    pub time: Timestamp,
    /// Content, JSON.
    pub data: String,
}

impl RecordedEvent {
    /// An event of this type at this version of its stream. `data` is JSON.
    pub fn new(
        id: impl Into<String>,
        version: Version,
        schema: DataSchema,
        time: Timestamp,
        data: impl Into<String>,
    ) -> Self {
        RecordedEvent {
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
    /// [`Failure::NEWER`] (transient) for a type or a version that `M` does not know; otherwise as
    /// [`MessageSet::decode`].
    pub fn decode<M: MessageSet>(&self) -> Result<M, Failure> {
        M::decode(&self.kind, self.data_version, &self.data)
            .map_err(newer_if_unknown)
            .map_err(|failure| failure.context(format_args!("event {} at version {}", self.id, self.version)))
    }
}

impl RecordedCommit {
    /// The events, from this source, that a cause led to. The cause's id is the correlation id, and
    /// what is optional is absent.
    pub fn new(
        stream: StreamId,
        source: impl Into<String>,
        cause: Cause,
        written_at: Timestamp,
        events: Vec<RecordedEvent>,
    ) -> Self {
        RecordedCommit {
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

    /// Version of the first event.
    pub fn first_version(&self) -> Version {
        self.events.first().map_or(Version::NONE, |event| event.version)
    }

    /// Version of the last event.
    pub fn last_version(&self) -> Version {
        self.events.last().map_or(Version::NONE, |event| event.version)
    }

    /// The envelope of one of its events, with the data by value.
    ///
    /// # Errors
    /// `invalid_data` (permanent) when the stored content is no JSON.
    pub fn envelope(&self, event: &RecordedEvent) -> Result<Envelope, Failure> {
        let data = RawValue::from_string(event.data.clone())
            .map_err(|error| Failure::permanent("invalid_data", format!("event {}: {error}", event.id)))?;
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

    /// Numbers and names events that follow `after`.
    ///
    /// # Errors
    /// `unencodable` (permanent) when an event cannot be written as JSON.
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
                    Failure::permanent("unencodable", format!("{kind} cannot be written as JSON: {error}"))
                })?;
                let (id, schema) = (event_id(stream, version, cause), DataSchema::new(kind, data_version));
                Ok(RecordedEvent::new(id, version, schema, time, data))
            })
            .collect()
    }
}

/// The failure to decode stored content. Only a newer writer can have stored a type that this
/// reader does not know.
fn newer_if_unknown(failure: Failure) -> Failure {
    if failure.class() == Class::Permanent && failure.code() == UNKNOWN_TYPE {
        return Failure::transient(Failure::NEWER, failure.reason());
    }
    failure
}
