//! The layout of a commit in the DynamoDB table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::commit::{Commit, CommitOutcome, RecordedCommit, RecordedEvent};
use super::digest::{Digest, resent};
use crate::envelope::{DataSchema, Extensions};
use crate::failure::Failure;
use crate::ids::{CHUNK_KIND, Cause, StreamId, Version};

/// Largest item of DynamoDB in bytes, names and values together.
const ITEM_LIMIT: usize = 400 * 1024;
/// Bytes kept free in an item, because [`CommitItem::size`] is only an estimate.
const ITEM_RESERVE: usize = 2 * 1024;
/// Largest transaction of DynamoDB in bytes, less room for keys and names.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;
/// Failure code for a split commit of which some chunks cannot be read yet.
pub(super) const INCOMPLETE: &str = "incomplete_commit";
/// Largest chunk of a split commit in bytes.
const CHUNK_BYTES: usize = ITEM_LIMIT - 8 * 1024;

/// The item of a commit.
///
/// In a split commit it is the head. Only the head counts as the commit; the data of the events is
/// in chunk items.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CommitItem {
    stream: StreamId,
    version: Version,
    events: Vec<EventItem>,
    source: String,
    cause: Cause,
    /// Absent in commits of older writers, and after it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    correlation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    /// Extension attributes as the text of a JSON object, so that DynamoDB accepts any name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arrived_at: Option<Timestamp>,
    written_at: Timestamp,
    pub(super) attempt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) chunks: Option<u32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct EventItem {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    dataversion: u32,
    time: Timestamp,
    /// JSON as text, which keeps the notation of numbers and has a known size. Absent in the head
    /// of a split commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// Head of a split commit, whose chunks are not read.
pub(super) struct Head {
    pub(super) stream: StreamId,
    pub(super) version: Version,
    pub(super) last_version: Version,
    pub(super) last_event_id: String,
}

/// A part of a split commit's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ChunkItem {
    stream: String,
    version: u32,
    part: String,
}

impl ChunkItem {
    fn size(&self) -> usize {
        self.stream.len() + self.part.len()
    }
}

impl CommitItem {
    fn new(commit: &RecordedCommit, attempt: &str, attributes: Option<String>) -> Self {
        Self {
            stream: commit.stream.clone(),
            version: commit.first_version(),
            events: commit
                .events
                .iter()
                .map(|event| EventItem {
                    id: event.id.clone(),
                    kind: event.kind.clone(),
                    dataversion: event.data_version,
                    time: event.time,
                    data: Some(event.data.clone()),
                })
                .collect(),
            source: commit.source.clone(),
            cause: commit.cause.clone(),
            digest: commit.digest.clone(),
            correlation: commit.correlation_id.clone(),
            trace: commit.traceparent.clone(),
            attributes,
            arrived_at: commit.arrived_at,
            written_at: commit.written_at,
            attempt: attempt.to_owned(),
            chunks: None,
        }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Compares the item at a commit's place with the commit: the same attempt, the same cause, or
    /// another one.
    ///
    /// # Errors
    /// `cause_reused` (permanent): the item has the same cause and other content.
    pub(super) fn judge(&self, commit: &Commit) -> Result<CommitOutcome, Failure> {
        if self.attempt == commit.attempt {
            return Ok(CommitOutcome::Stored);
        }
        if self.cause != commit.record.cause {
            return Ok(CommitOutcome::Conflict);
        }
        let at = format!("at version {}", self.version);
        resent(&self.stream, &self.cause, at, self.digest.as_ref(), commit.record.digest.as_ref())?;
        Ok(CommitOutcome::Duplicate)
    }

    /// Estimates how many bytes DynamoDB counts for the item, rather too many than too few.
    fn size(&self) -> usize {
        const NAMES: usize = 280;
        const PER_EVENT: usize = 80;
        let events: usize = self
            .events
            .iter()
            .map(|event| {
                PER_EVENT
                    + event.id.len()
                    + event.kind.len()
                    + 20
                    + event.data.as_ref().map_or(0, String::len)
            })
            .sum();
        NAMES
            + events
            + self.stream.as_str().len()
            + self.source.len()
            + self.cause.source.len()
            + self.cause.id.len()
            + self.correlation.len()
            + self.trace.as_ref().map_or(0, String::len)
            + self.attributes.as_ref().map_or(0, String::len)
            + self.attempt.len()
    }

    /// Creates the items of a commit: one item, or a head and chunks if one item would be too
    /// large.
    ///
    /// # Errors
    /// `invalid_commit`, `attributes_too_large` and `commit_too_large` (permanent): the commit
    /// cannot be stored, or could not be read again.
    pub(super) fn items(
        commit: &RecordedCommit,
        attempt: &str,
    ) -> Result<(Self, Vec<ChunkItem>), Failure> {
        // Only the first version is stored. The others follow from it.
        let consecutive = (commit.first_version().number()..).zip(&commit.events);
        if commit.first_version() == Version::NONE
            || consecutive.into_iter().any(|(number, event)| event.version.number() != number)
        {
            let versions: Vec<_> =
                commit.events.iter().map(|event| event.version.number()).collect();
            return Err(Failure::permanent(
                "invalid_commit",
                format!(
                    "{}: the events have the versions {versions:?}; they must be consecutive and not start below 1",
                    commit.stream
                ),
            ));
        }
        Self::new(commit, attempt, attributes(commit)?).split()
    }

    /// Moves the data into chunks if the item would be too large.
    ///
    /// The data of all events is written as one JSON array of texts. That array is cut into chunks
    /// of at most [`CHUNK_BYTES`]. For example, two events with the data `{"a":1}` and `2` become
    /// the text `["{\"a\":1}","2"]`.
    fn split(mut self) -> Result<(Self, Vec<ChunkItem>), Failure> {
        if self.size() + ITEM_RESERVE <= ITEM_LIMIT {
            return Ok((self, Vec::new()));
        }
        let data: Vec<String> =
            self.events.iter_mut().map(|event| event.data.take().unwrap_or_default()).collect();
        let text = serde_json::to_string(&data).map_err(|error| {
            Failure::permanent("unencodable", format!("{}: {error}", self.stream))
        })?;
        let key = chunk_key(&self.stream, self.version);
        let chunks: Vec<ChunkItem> = (0..)
            .zip(pieces(&text, CHUNK_BYTES))
            .map(|(version, part)| ChunkItem {
                stream: key.clone(),
                version,
                part: part.to_owned(),
            })
            .collect();
        self.chunks = u32::try_from(chunks.len()).ok();
        if self.size() + ITEM_RESERVE > ITEM_LIMIT {
            return Err(Failure::permanent(
                "commit_too_large",
                format!(
                    "{}: the ids and types of {} events do not fit into an item of {ITEM_LIMIT} bytes; decide \
                     fewer events at once",
                    self.stream,
                    self.events.len()
                ),
            ));
        }
        let bytes = self.size() + chunks.iter().map(ChunkItem::size).sum::<usize>();
        if bytes > TRANSACTION_BYTES {
            return Err(Failure::permanent(
                "commit_too_large",
                format!(
                    "{}: {bytes} bytes as JSON with the ids and types of the events; a transaction holds {TRANSACTION_BYTES}",
                    self.stream
                ),
            ));
        }
        Ok((self, chunks))
    }

    /// Returns the head of a split commit, without its chunks.
    ///
    /// # Errors
    /// `corrupt_commit` (permanent): it holds no event.
    pub(super) fn into_head(mut self) -> Result<Head, Failure> {
        let before = Version::new(self.version.number().saturating_sub(1));
        let last_version = before.plus(self.events.len());
        match self.events.pop() {
            Some(last) => Ok(Head {
                stream: self.stream,
                version: self.version,
                last_version,
                last_event_id: last.id,
            }),
            None => Err(Failure::permanent(
                "corrupt_commit",
                format!("{}: it holds no event", self.stream),
            )),
        }
    }

    /// Puts the commit together. `chunks` are those of [`chunk_key`], in order, if [`Self::chunks`]
    /// is set.
    ///
    /// # Errors
    /// - [`INCOMPLETE`] (transient): chunks are missing, because a reader may see only a part of a
    ///   transaction.
    /// - `corrupt_commit` (permanent): there are more chunks than the head declares, the complete
    ///   text is not JSON, there is no event, or an event has no data.
    pub(super) fn into_commit(self, chunks: Vec<ChunkItem>) -> Result<RecordedCommit, Failure> {
        let corrupt = |what: String| {
            Failure::permanent(
                "corrupt_commit",
                format!("{} at version {}: {what}", self.stream, self.version),
            )
        };
        let mut split_data = Vec::new();
        if let Some(expected) = self.chunks {
            let there =
                (0..).zip(&chunks).take_while(|(number, chunk)| chunk.version == *number).count();
            if there < expected as usize {
                return Err(Failure::transient(
                    INCOMPLETE,
                    format!(
                        "{} at version {}: only {there} of its {expected} chunks can be read yet",
                        self.stream, self.version
                    ),
                ));
            }
            if chunks.len() > there || there > expected as usize {
                return Err(corrupt(format!(
                    "the head declares {expected} chunks, the table has {}",
                    chunks.len()
                )));
            }
            let text: String = chunks.into_iter().map(|chunk| chunk.part).collect();
            split_data = serde_json::from_str::<Vec<String>>(&text)
                .map_err(|error| corrupt(error.to_string()))?;
        }
        if self.events.is_empty() {
            return Err(corrupt("it holds no event".to_owned()));
        }
        let mut split_data = split_data.into_iter();
        let mut events = Vec::with_capacity(self.events.len());
        let mut version = self.version;
        for event in &self.events {
            let data = match &event.data {
                Some(data) => data.clone(),
                None => split_data
                    .next()
                    .ok_or_else(|| corrupt(format!("the data of event {} is missing", event.id)))?,
            };
            let schema = DataSchema::new(event.kind.clone(), event.dataversion);
            events.push(RecordedEvent::new(&event.id, version, schema, event.time, data));
            version = version.next();
        }
        let extensions = match &self.attributes {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| corrupt(format!("its attributes cannot be read: {error}")))?,
            None => Extensions::default(),
        };
        let mut commit =
            RecordedCommit::new(self.stream, self.source, self.cause, self.written_at, events);
        commit.digest = self.digest;
        commit.correlation_id = self.correlation;
        commit.traceparent = self.trace;
        commit.extensions = extensions;
        commit.arrived_at = self.arrived_at;
        Ok(commit)
    }
}

/// Returns the extension attributes as text, if there are any.
fn attributes(commit: &RecordedCommit) -> Result<Option<String>, Failure> {
    let (extensions, limit) = (&commit.extensions, Extensions::MAX_BYTES);
    if extensions.bytes() > limit {
        return Err(Failure::permanent(
            "attributes_too_large",
            format!(
                "{}: the extension attributes of {} have {} bytes; a commit holds {limit}",
                commit.stream,
                commit.cause,
                extensions.bytes()
            ),
        ));
    }
    let text = (!extensions.is_empty()).then(|| serde_json::to_string(extensions)).transpose();
    text.map_err(|error| Failure::permanent("unencodable", format!("{}: {error}", commit.stream)))
}

/// Returns the partition key of the chunks of the commit at this version.
pub(super) fn chunk_key(stream: &StreamId, version: Version) -> String {
    format!("{CHUNK_KIND}#{version}#{stream}")
}

fn pieces(text: &str, limit: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, tail) =
            rest.split_at_checked(rest.floor_char_boundary(limit.max(4))).unwrap_or((rest, ""));
        rest = tail;
        Some(piece)
    })
}

/// Returns the items of a commit as the table's stream shows them, chunks last.
#[cfg(any(test, feature = "test-kit"))]
pub(crate) fn image_of(commit: &RecordedCommit) -> Result<Vec<serde_dynamo::Item>, Failure> {
    let (head, chunks) = CommitItem::items(commit, &commit.cause.id)?;
    let mut items = vec![serde_dynamo::to_item(head)];
    items.extend(chunks.into_iter().map(serde_dynamo::to_item));
    let unencodable =
        |error: serde_dynamo::Error| Failure::permanent("unencodable", error.to_string());
    items.into_iter().map(|item| item.map_err(unencodable)).collect()
}

#[cfg(test)]
mod tests;
