//! The item of a commit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chunk::ChunkItem;
use super::size::{ITEM_LIMIT, ITEM_RESERVE, Size, TRANSACTION_BYTES, size_of};
use crate::envelope::{DataSchema, Extensions};
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};
use crate::store::commit::{
    Commit, CommitOutcome, RecordedCommit, RecordedDecision, RecordedEvent,
};
use crate::store::digest::{Digest, resent};

/// Failure code for a split commit of which some chunks cannot be read yet.
pub(in crate::store) const INCOMPLETE: &str = "incomplete_commit";

/// The item of a commit.
///
/// In a split commit it is the head. Only the head counts as the commit; the data of the events is
/// in chunk items.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::store) struct CommitItem {
    pub(super) stream: StreamId,
    pub(super) version: Version,
    pub(super) source: String,
    pub(super) decisions: Vec<DecisionItem>,
    pub(super) written_at: Timestamp,
    pub(in crate::store) attempt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) chunks: Option<u32>,
    /// Estimated size of the item.
    #[serde(skip)]
    pub(super) bytes: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DecisionItem {
    pub(super) cause: Cause,
    /// Absent in commits of older writers, and after it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<Digest>,
    pub(super) correlation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<String>,
    /// Extension attributes as the text of a JSON object, so that DynamoDB accepts any name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attributes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) arrived_at: Option<Timestamp>,
    pub(super) events: Vec<EventItem>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EventItem {
    pub(super) id: String,
    #[serde(rename = "type")]
    kind: String,
    dataversion: u32,
    time: Timestamp,
    /// JSON as text, which keeps the notation of numbers and has a known size. Absent in the head
    /// of a split commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// Room for encrypted fields, which this version cannot open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Sealed>,
}

/// Encrypted fields of an event.
///
/// Deleting the key erases them, so each key belongs to one person or other subject.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sealed {
    /// Reference of the key.
    key: String,
}

/// Head of a split commit, whose chunks are not read.
pub(in crate::store) struct Head {
    pub(in crate::store) stream: StreamId,
    pub(in crate::store) version: Version,
    pub(in crate::store) last_version: Version,
    pub(in crate::store) last_event_id: String,
}

impl DecisionItem {
    fn new(decision: &RecordedDecision, events: &[RecordedEvent]) -> Result<Self, Failure> {
        let event = |event: &RecordedEvent| EventItem {
            id: event.id.clone(),
            kind: event.kind.clone(),
            dataversion: event.data_version,
            time: event.time,
            data: Some(event.data.clone()),
            sealed: None,
        };
        Ok(Self {
            cause: decision.cause.clone(),
            digest: decision.digest.clone(),
            correlation: decision.correlation_id.clone(),
            trace: decision.traceparent.clone(),
            attributes: attributes(decision)?,
            arrived_at: decision.arrived_at,
            events: events.iter().map(event).collect(),
        })
    }
}

impl CommitItem {
    pub(in crate::store) fn version(&self) -> Version {
        self.version
    }

    /// Returns the estimated size of the item, if it was created to be written.
    pub(in crate::store) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Compares the item at a commit's place with the commit: the same attempt, the same cause, or
    /// another one.
    ///
    /// # Errors
    /// `cause_reused` (permanent): the item has the cause of the commit's only decision, and other
    /// content.
    pub(in crate::store) fn judge(&self, commit: &Commit) -> Result<CommitOutcome, Failure> {
        if self.attempt == commit.attempt {
            return Ok(CommitOutcome::Stored);
        }
        // Of several decisions some may be here and others not. A load tells which.
        let [ours] = commit.record.decisions.as_slice() else {
            return Ok(CommitOutcome::Conflict);
        };
        let Some(there) = self.decisions.iter().find(|there| there.cause == ours.cause) else {
            return Ok(CommitOutcome::Conflict);
        };
        let at = format!("at version {}", self.version);
        resent(&self.stream, &ours.cause, at, there.digest.as_ref(), ours.digest.as_ref())?;
        Ok(CommitOutcome::Duplicate)
    }

    /// Creates the items of a commit: one item, or a head and chunks if one item would be too
    /// large.
    ///
    /// # Errors
    /// `invalid_commit`, `attributes_too_large` and `commit_too_large` (permanent): the commit
    /// cannot be stored, or could not be read again.
    pub(in crate::store) fn items(
        commit: &RecordedCommit,
        attempt: &str,
    ) -> Result<(Self, Vec<ChunkItem>), Failure> {
        commit.check()?;
        let size = commit.parts().map(|(decision, events)| size_of(decision, events));
        let size = size.fold(Size::default(), Size::and);
        let decisions =
            commit.parts().map(|(decision, events)| DecisionItem::new(decision, events));
        let item = Self {
            stream: commit.stream.clone(),
            version: commit.first_version(),
            source: commit.source.clone(),
            decisions: decisions
                .collect::<Result<_, _>>()
                .map_err(|failure: Failure| failure.context(&commit.stream))?,
            written_at: commit.written_at,
            attempt: attempt.to_owned(),
            chunks: None,
            bytes: size.total(),
        };
        if size.fits() { Ok((item, Vec::new())) } else { item.split(size) }
    }

    /// Moves the data into chunks.
    ///
    /// The data of all events is written as one JSON array of texts. That array is cut into chunks.
    /// For example, two events with the data `{"a":1}` and `2` become the text
    /// `["{\"a\":1}","2"]`.
    fn split(mut self, size: Size) -> Result<(Self, Vec<ChunkItem>), Failure> {
        let events = self.decisions.iter_mut().flat_map(|decision| &mut decision.events);
        let data: Vec<String> = events.map(|event| event.data.take().unwrap_or_default()).collect();
        let text = serde_json::to_string(&data).map_err(|error| {
            Failure::permanent("unencodable", format!("{}: {error}", self.stream))
        })?;
        let chunks = ChunkItem::cut(&text, &self.stream, self.version);
        self.chunks = u32::try_from(chunks.len()).ok();
        let head = Size { data: 0, ..size }.total();
        if head + ITEM_RESERVE > ITEM_LIMIT {
            return Err(Failure::permanent(
                "commit_too_large",
                format!(
                    "{}: the ids and types of {} events do not fit into an item of {ITEM_LIMIT} \
                     bytes; decide fewer events at once",
                    self.stream,
                    data.len()
                ),
            ));
        }
        let bytes = head + chunks.iter().map(ChunkItem::size).sum::<usize>();
        if bytes > TRANSACTION_BYTES {
            return Err(Failure::permanent(
                "commit_too_large",
                format!(
                    "{}: {bytes} bytes as JSON with the ids and types of the events; a \
                     transaction holds {TRANSACTION_BYTES}",
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
    pub(in crate::store) fn into_head(self) -> Result<Head, Failure> {
        let before = Version::new(self.version.number().saturating_sub(1));
        let mut events = self.decisions.into_iter().flat_map(|decision| decision.events);
        let mut count = 0;
        let mut last = None;
        for event in &mut events {
            count += 1;
            last = Some(event.id);
        }
        match last {
            Some(last_event_id) => Ok(Head {
                stream: self.stream,
                version: self.version,
                last_version: before.plus(count),
                last_event_id,
            }),
            None => Err(Failure::permanent(
                "corrupt_commit",
                format!("{}: it holds no event", self.stream),
            )),
        }
    }

    /// Puts the commit together. `chunks` are those of [`chunk_key`](super::chunk_key), in order,
    /// if [`Self::chunks`] is set.
    ///
    /// # Errors
    /// - [`INCOMPLETE`] (transient): chunks are missing, because a reader may see only a part of a
    ///   transaction.
    /// - [`Failure::NEWER`] (transient): fields of an event are encrypted.
    /// - `corrupt_commit` (permanent): there are more chunks than the head declares, the complete
    ///   text is not JSON, a decision has no event, or an event has no data.
    pub(in crate::store) fn into_commit(
        self,
        chunks: Vec<ChunkItem>,
    ) -> Result<RecordedCommit, Failure> {
        let place = format!("{} at version {}", self.stream, self.version);
        let corrupt =
            |what: String| Failure::permanent("corrupt_commit", format!("{place}: {what}"));
        let mut split_data = self.split_data(chunks, &place)?.into_iter();
        let before = Version::new(self.version.number().saturating_sub(1));
        let mut commit = RecordedCommit::empty(self.stream, self.source, self.written_at);
        for decision in self.decisions {
            if decision.events.is_empty() {
                return Err(corrupt(format!("the decision of {} holds no event", decision.cause)));
            }
            let mut events = Vec::with_capacity(decision.events.len());
            for event in decision.events {
                if let Some(sealed) = event.sealed {
                    return Err(Failure::transient(
                        Failure::NEWER,
                        format!(
                            "{place}: fields of event {} are encrypted with the key {}, and this \
                             function cannot open them",
                            event.id, sealed.key
                        ),
                    ));
                }
                let missing = || corrupt(format!("the data of event {} is missing", event.id));
                let data = event.data.or_else(|| split_data.next()).ok_or_else(missing)?;
                let version = before.plus(commit.events.len() + events.len() + 1);
                let schema = DataSchema::new(event.kind, event.dataversion);
                events.push(RecordedEvent::new(event.id, version, schema, event.time, data));
            }
            let extensions = match &decision.attributes {
                Some(text) => serde_json::from_str(text)
                    .map_err(|error| corrupt(format!("its attributes cannot be read: {error}")))?,
                None => Extensions::default(),
            };
            let mut recorded = RecordedDecision::new(decision.cause);
            recorded.digest = decision.digest;
            recorded.correlation_id = decision.correlation;
            recorded.traceparent = decision.trace;
            recorded.extensions = extensions;
            recorded.arrived_at = decision.arrived_at;
            commit.push(recorded, events);
        }
        if commit.events.is_empty() {
            return Err(corrupt("it holds no event".to_owned()));
        }
        Ok(commit)
    }

    /// Puts the data of a split commit together. Returns nothing for a commit of one item.
    fn split_data(&self, chunks: Vec<ChunkItem>, place: &str) -> Result<Vec<String>, Failure> {
        let corrupt =
            |what: String| Failure::permanent("corrupt_commit", format!("{place}: {what}"));
        let Some(expected) = self.chunks else { return Ok(Vec::new()) };
        let there =
            (0..).zip(&chunks).take_while(|(number, chunk)| chunk.version == *number).count();
        if there < expected as usize {
            return Err(Failure::transient(
                INCOMPLETE,
                format!("{place}: only {there} of its {expected} chunks can be read yet"),
            ));
        }
        if chunks.len() > there || there > expected as usize {
            let count = chunks.len();
            return Err(corrupt(format!(
                "the head declares {expected} chunks, the table has {count}"
            )));
        }
        let text: String = chunks.into_iter().map(|chunk| chunk.part).collect();
        serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))
    }
}

/// Returns the extension attributes as text, if there are any.
fn attributes(decision: &RecordedDecision) -> Result<Option<String>, Failure> {
    let (extensions, limit) = (&decision.extensions, Extensions::MAX_BYTES);
    if extensions.bytes() > limit {
        return Err(Failure::permanent(
            "attributes_too_large",
            format!(
                "the extension attributes of {} have {} bytes; a decision holds {limit}",
                decision.cause,
                extensions.bytes()
            ),
        ));
    }
    let text = (!extensions.is_empty()).then(|| serde_json::to_string(extensions)).transpose();
    text.map_err(|error| Failure::permanent("unencodable", error.to_string()))
}
