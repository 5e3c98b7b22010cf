//! How a commit is laid out in the table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::digest::resent;
use super::{CHUNK_KIND, Commit, CommitChange, CommitOutcome, Digest, RecordedCommit, RecordedEvent};
use crate::envelope::{DataSchema, Extensions};
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};

/// Largest item of DynamoDB in bytes, names and values together.
const ITEM_LIMIT: usize = 400 * 1024;
/// Kept free in an item for what [`CommitItem::size`] estimates only roughly.
const ITEM_RESERVE: usize = 2 * 1024;
/// Largest transaction of DynamoDB in bytes, with room for keys and names.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;
/// Code of the failure to read a split commit while some of its chunks cannot be read yet.
pub(super) const INCOMPLETE: &str = "incomplete_commit";
/// Largest chunk of a split commit.
const CHUNK_BYTES: usize = ITEM_LIMIT - 8 * 1024;

/// The format in which commits are written, and the newest that is read. An item without `format`
/// has it.
pub(super) const FORMAT: u32 = 1;

/// The item of a commit. In a split commit, it is the head: it alone counts, and the events' data are in chunk items.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CommitItem {
    stream: StreamId,
    version: Version,
    events: Vec<EventItem>,
    source: String,
    cause: Cause,
    /// Absent in commits of older writers, and where it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    correlation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    /// Extension attributes, a JSON object as text, so that DynamoDB accepts any name.
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
    /// JSON as text: numbers keep their form, and the size is known. Absent in the head of a split commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<String>,
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
        CommitItem {
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

    /// What an item in the way means for a commit: its own attempt, the same cause, or another one.
    ///
    /// # Errors
    /// `cause_reused` (permanent): the same cause with other content.
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

    /// About how many bytes DynamoDB counts for the item.
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

    /// The items of a commit: one, or a head and chunks when one would be too large.
    ///
    /// # Errors
    /// `invalid_commit`, `attributes_too_large` and `commit_too_large` (permanent): the commit
    /// could not be stored, or not be read again.
    pub(super) fn of(commit: &RecordedCommit, attempt: &str) -> Result<(Self, Vec<ChunkItem>), Failure> {
        // Only the first version is stored: the others follow from it.
        let consecutive = (commit.first_version().number()..).zip(&commit.events);
        if commit.first_version() == Version::NONE
            || consecutive.into_iter().any(|(number, event)| event.version.number() != number)
        {
            let versions: Vec<_> = commit.events.iter().map(|event| event.version.number()).collect();
            return Err(Failure::permanent(
                "invalid_commit",
                format!(
                    "{}: its versions are {versions:?}; needed are consecutive ones from 1 on",
                    commit.stream
                ),
            ));
        }
        Self::new(commit, attempt, attributes(commit)?).split()
    }

    /// Moves the data into chunks when the item would be too large. The texts of all events, as a JSON array, are cut into pieces.
    fn split(mut self) -> Result<(Self, Vec<ChunkItem>), Failure> {
        if self.size() + ITEM_RESERVE <= ITEM_LIMIT {
            return Ok((self, Vec::new()));
        }
        let data: Vec<String> =
            self.events.iter_mut().map(|event| event.data.take().unwrap_or_default()).collect();
        let text = serde_json::to_string(&data)
            .map_err(|error| Failure::permanent("unencodable", format!("{}: {error}", self.stream)))?;
        let key = chunk_key(&self.stream, self.version);
        let chunks: Vec<ChunkItem> = (0..)
            .zip(pieces(&text, CHUNK_BYTES))
            .map(|(version, part)| ChunkItem { stream: key.clone(), version, part: part.to_owned() })
            .collect();
        self.chunks = u32::try_from(chunks.len()).ok();
        if self.size() + ITEM_RESERVE > ITEM_LIMIT {
            return Err(Failure::permanent(
                "commit_too_large",
                format!(
                    "{}: {} events leave no room for their names in an item of {ITEM_LIMIT} bytes",
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
                    "{}: {bytes} bytes as JSON with the events' names; a transaction holds {TRANSACTION_BYTES}",
                    self.stream
                ),
            ));
        }
        Ok((self, chunks))
    }

    /// The hint that the head of a split commit gives.
    pub(super) fn into_split(mut self) -> Result<CommitChange, Failure> {
        let before = Version::new(self.version.number().saturating_sub(1));
        let last_version = before.plus(self.events.len());
        match self.events.pop() {
            Some(last) => Ok(CommitChange::Split {
                stream: self.stream,
                version: self.version,
                last_version,
                last_event_id: last.id,
            }),
            None => Err(Failure::permanent("corrupt_commit", format!("{}: it holds no event", self.stream))),
        }
    }

    /// The commit; `chunks` are those of [`chunk_key`], in order, when [`Self::chunks`] says there are any.
    ///
    /// # Errors
    /// - [`INCOMPLETE`] (transient): chunks are missing, because a reader may see a part of a
    ///   transaction.
    /// - `corrupt_commit` (permanent): the chunks contradict the head. There are more than it says,
    ///   the complete text is not JSON, or there is no event, or an event without data.
    pub(super) fn into_commit(self, chunks: Vec<ChunkItem>) -> Result<RecordedCommit, Failure> {
        let corrupt = |what: String| {
            Failure::permanent(
                "corrupt_commit",
                format!("{} at version {}: {what}", self.stream, self.version),
            )
        };
        let mut split_data = Vec::new();
        if let Some(expected) = self.chunks {
            let there = (0..).zip(&chunks).take_while(|(number, chunk)| chunk.version == *number).count();
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
                return Err(corrupt(format!("it has {expected} chunks, {} are there", chunks.len())));
            }
            let text: String = chunks.into_iter().map(|chunk| chunk.part).collect();
            split_data =
                serde_json::from_str::<Vec<String>>(&text).map_err(|error| corrupt(error.to_string()))?;
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
        let mut commit = RecordedCommit::new(self.stream, self.source, self.cause, self.written_at, events);
        commit.digest = self.digest;
        commit.correlation_id = self.correlation;
        commit.traceparent = self.trace;
        commit.extensions = extensions;
        commit.arrived_at = self.arrived_at;
        Ok(commit)
    }
}

/// The extension attributes as text, if there are any.
fn attributes(commit: &RecordedCommit) -> Result<Option<String>, Failure> {
    let (extensions, limit) = (&commit.extensions, Extensions::MAX_BYTES);
    if extensions.bytes() > limit {
        return Err(Failure::permanent(
            "attributes_too_large",
            format!(
                "{}: the attributes of {} have {} bytes; {limit} are kept with a commit",
                commit.stream,
                commit.cause,
                extensions.bytes()
            ),
        ));
    }
    let text = (!extensions.is_empty()).then(|| serde_json::to_string(extensions)).transpose();
    text.map_err(|error| Failure::permanent("unencodable", format!("{}: {error}", commit.stream)))
}

/// Partition key of the chunks of the commit at this version.
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

/// The items of a commit as the table's stream shows them, chunks last.
#[cfg(any(test, feature = "test-kit"))]
pub(crate) fn image_of(commit: &RecordedCommit) -> Result<Vec<serde_dynamo::Item>, Failure> {
    let (head, chunks) = CommitItem::of(commit, &commit.cause.id)?;
    let mut items = vec![serde_dynamo::to_item(head)];
    items.extend(chunks.into_iter().map(serde_dynamo::to_item));
    let unencodable = |error: serde_dynamo::Error| Failure::permanent("unencodable", error.to_string());
    items.into_iter().map(|item| item.map_err(unencodable)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    fn commit(data: &[String]) -> RecordedCommit {
        let events = data.iter().enumerate().map(|(index, data)| {
            let (id, version) = (format!("e{index}"), Version::new(3).plus(index));
            let time = "2010-12-01T08:26:00Z".parse().unwrap();
            RecordedEvent::new(id, version, DataSchema::new("OrderPlaced", 1), time, data)
        });
        let (stream, cause) = ("order#1".parse().unwrap(), Cause::new("import", "c1"));
        let written_at = "2026-01-01T00:00:00.5Z".parse().unwrap();
        let mut commit = RecordedCommit::new(stream, "shop.orders", cause, written_at, events.collect());
        commit.arrived_at = Some("2026-01-01T00:00:00.123Z".parse().unwrap());
        commit
    }

    #[test]
    fn a_commit_that_fits_is_one_item() {
        let commit = commit(&[r#"{"n":1.50}"#.to_owned(), "{}".to_owned()]);
        let (item, chunks) = CommitItem::of(&commit, "a").unwrap();
        assert!(chunks.is_empty());
        assert_eq!(item.into_commit(chunks).unwrap(), commit);
    }

    #[test]
    fn a_commit_of_any_size_is_put_together_again_from_its_chunks() {
        // Three-byte characters: no cut may fall inside one.
        let large = format!("\"{}\"", "€".repeat(300_000));
        let commit = commit(&[large, "1".to_owned()]);
        let (head, chunks) = CommitItem::of(&commit, "a").unwrap();
        assert_eq!(chunks.len(), 3);
        assert!(chunks.iter().all(|chunk| chunk.part.len() <= CHUNK_BYTES));
        assert!(head.size() < 1000);
        assert_eq!(head.into_commit(chunks).unwrap(), commit);
    }

    #[test]
    fn a_chunk_that_is_missing_may_still_come_and_one_that_contradicts_the_head_may_not() {
        let commit = commit(&[format!("\"{}\"", "x".repeat(900_000))]);
        let (head, whole) = CommitItem::of(&commit, "a").unwrap();
        let with = |change: fn(&mut Vec<ChunkItem>)| {
            let mut chunks = whole.clone();
            change(&mut chunks);
            let failure = head.clone().into_commit(chunks).unwrap_err();
            (failure.class(), failure.code().to_owned())
        };
        let incomplete = (Class::Transient, INCOMPLETE.to_owned());
        assert_eq!(with(Vec::clear), incomplete);
        assert_eq!(with(|chunks| drop(chunks.pop())), incomplete);
        assert_eq!(with(|chunks| drop(chunks.remove(1))), incomplete, "from the middle");
        let corrupt = (Class::Permanent, "corrupt_commit".to_owned());
        assert_eq!(with(|chunks| chunks.push(ChunkItem { version: 3, ..chunks[0].clone() })), corrupt);
        assert_eq!(with(|chunks| chunks[2].part.push('x')), corrupt, "all there, and not JSON");
    }

    #[test]
    fn an_item_is_split_before_it_is_too_large_and_the_estimate_is_never_too_low() {
        // The data are most of the item, so that what is left of 400 KB is what names and numbers take.
        for (bytes, chunks) in [(406_000, 0), (409_000, 2)] {
            let large = commit(&[format!("\"{}\"", "x".repeat(bytes))]);
            assert_eq!(CommitItem::of(&large, "a").unwrap().1.len(), chunks, "{bytes} bytes");
        }
        let many = commit(&vec!["1".to_owned(); 1000]);
        let item: serde_dynamo::Item = serde_dynamo::to_item(CommitItem::new(&many, "a", None)).unwrap();
        let real: usize = item.iter().map(|(name, value)| name.len() + stored_bytes(value)).sum();
        let estimated = CommitItem::new(&many, "a", None).size();
        assert!(real < estimated && estimated < real * 2, "{real} bytes, estimated {estimated}");
    }

    /// By DynamoDB's rules: three bytes for a list or map, one for each entry, names and texts as they are.
    fn stored_bytes(value: &serde_dynamo::AttributeValue) -> usize {
        use serde_dynamo::AttributeValue as V;
        match value {
            V::S(text) => text.len(),
            V::N(digits) => digits.len() / 2 + 2,
            V::L(values) => 3 + values.iter().map(|value| 1 + stored_bytes(value)).sum::<usize>(),
            V::M(map) => {
                3 + map.iter().map(|(name, value)| 1 + name.len() + stored_bytes(value)).sum::<usize>()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_no_transaction_holds_is_refused_by_name_and_size() {
        let refused = |data: &[String]| CommitItem::of(&commit(data), "a").unwrap_err();
        for data in [vec!["x".repeat(4_500_000)], vec!["1".to_owned(); 5_000]] {
            let failure = refused(&data);
            assert_eq!((failure.class(), failure.code()), (Class::Permanent, "commit_too_large"));
        }
        // Each is within its limit, and both together are not.
        let mut both = vec!["1".to_owned(); 2_500];
        both.push("x".repeat(4_000_000));
        assert!(refused(&both).reason().contains("a transaction holds 4128768"));
        assert_eq!(CommitItem::of(&commit(&both[2_000..]), "a").unwrap().1.len(), 10);
    }

    #[test]
    fn a_commit_that_could_not_be_read_again_is_not_written() {
        let whole = commit(&["1".to_owned(), "2".to_owned()]);
        let with = |change: fn(&mut RecordedCommit)| {
            let mut commit = whole.clone();
            change(&mut commit);
            CommitItem::of(&commit, "a").map(drop).map_err(|failure| failure.code().to_owned())
        };
        assert_eq!(with(|_| {}), Ok(()));
        let invalid = Err("invalid_commit".to_owned());
        assert_eq!(with(|commit| commit.events.clear()), invalid, "no event");
        assert_eq!(with(|commit| commit.events[1].version = Version::new(9)), invalid, "a gap");
        assert_eq!(with(|commit| commit.events.swap(0, 1)), invalid, "another order");
        assert_eq!(with(|commit| commit.events[0].version = Version::NONE), invalid, "no version");
    }
}
