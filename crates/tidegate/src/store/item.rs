//! How a commit is laid out in the table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue;

use super::{CHUNK_KIND, RecordedCommit, RecordedEvent};
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};
use crate::source::{Change, ChangeKind, Delivery};

/// Largest item of DynamoDB in bytes, names and values together.
const ITEM_LIMIT: usize = 400 * 1024;
/// Kept free in an item for what [`CommitItem::size`] estimates only roughly.
const ITEM_RESERVE: usize = 2 * 1024;
/// Largest transaction of DynamoDB in bytes, with room for keys and names.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;
/// Largest chunk of a split commit.
const CHUNK_BYTES: usize = ITEM_LIMIT - 8 * 1024;

/// The item of a commit. In a split commit, it is the head: it alone counts, and the events' data are in chunk items.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CommitItem {
    stream: StreamId,
    version: Version,
    events: Vec<EventItem>,
    source: String,
    cause: Cause,
    correlation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
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
    fn new(commit: &RecordedCommit, attempt: &str) -> Self {
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
            correlation: commit.correlation_id.clone(),
            trace: commit.traceparent.clone(),
            arrived_at: commit.arrived_at,
            written_at: commit.written_at,
            attempt: attempt.to_owned(),
            chunks: None,
        }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn cause(&self) -> &Cause {
        &self.cause
    }

    /// About how many bytes DynamoDB counts for the item.
    fn size(&self) -> usize {
        const NAMES: usize = 200;
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
            + self.attempt.len()
    }

    /// The items of a commit: one, or a head and chunks when one would be too large.
    ///
    /// # Errors
    /// `invalid_commit` and `commit_too_large` (permanent): what would be stored could not be read again, or not be stored at all.
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
        Self::new(commit, attempt).split()
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
    fn into_split(mut self) -> Result<CommitChange, Failure> {
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
    pub(super) fn into_commit(self, chunks: Vec<ChunkItem>) -> Result<RecordedCommit, Failure> {
        let corrupt = |what: String| {
            Failure::permanent(
                "corrupt_commit",
                format!("{} at version {}: {what}", self.stream, self.version),
            )
        };
        let mut split_data = Vec::new();
        if let Some(expected) = self.chunks {
            if chunks.len() != expected as usize {
                return Err(corrupt(format!("{} of {expected} chunks are there", chunks.len())));
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
            events.push(RecordedEvent {
                id: event.id.clone(),
                version,
                kind: event.kind.clone(),
                data_version: event.dataversion,
                time: event.time,
                data,
            });
            version = version.next();
        }
        Ok(RecordedCommit {
            stream: self.stream,
            events,
            source: self.source,
            cause: self.cause,
            correlation_id: self.correlation,
            traceparent: self.trace,
            arrived_at: self.arrived_at,
            written_at: self.written_at,
        })
    }
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

/// What a record of the event store's DynamoDB stream says.
#[derive(Clone, Debug, PartialEq)]
pub enum CommitChange {
    /// A commit was stored.
    Commit(RecordedCommit),
    /// A commit was stored whose data is too large for the record: it must be read from the store.
    Split {
        /// The stream.
        stream: StreamId,
        /// Version of the commit's first event.
        version: Version,
        /// Version of its last event.
        last_version: Version,
        /// Id of its last event.
        last_event_id: String,
    },
    /// A commit was stored in a format that this version of the toolkit does not know, and can only
    /// be newer: no more than its key can be read.
    Newer {
        /// The stream.
        stream: StreamId,
        /// Version of the commit's first event.
        version: Version,
    },
    /// Nothing to act on: a chunk of a split commit, or the removal of an item.
    Other,
}

impl CommitChange {
    /// Reads the change in a delivery.
    ///
    /// # Errors
    /// `not_a_commit` (permanent) when the table holds something else; or the failure to read the record.
    pub fn of(delivery: &Delivery<'_>) -> Result<Self, Failure> {
        let change = delivery.change()?;
        if change.kind != ChangeKind::Insert || is_chunk(change) {
            return Ok(CommitChange::Other);
        }
        let item: CommitItem = serde_dynamo::from_item(change.new_image.clone()).map_err(|error| {
            Failure::permanent("not_a_commit", format!("the new image is no commit: {error}"))
        })?;
        if item.chunks.is_some() {
            return item.into_split();
        }
        item.into_commit(Vec::new()).map(CommitChange::Commit)
    }

    /// The stream that was extended.
    pub fn stream(&self) -> Option<&StreamId> {
        match self {
            CommitChange::Commit(commit) => Some(&commit.stream),
            CommitChange::Split { stream, .. } | CommitChange::Newer { stream, .. } => Some(stream),
            CommitChange::Other => None,
        }
    }

    /// The stream whose commit is the delivery, for lanes; known from the key alone.
    pub fn lane(delivery: &Delivery<'_>) -> String {
        match delivery.change().ok().and_then(|change| change.keys.get("stream")) {
            Some(AttributeValue::S(stream)) => stream.clone(),
            _ => delivery.ordering_key.clone(),
        }
    }
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

fn is_chunk(change: &Change) -> bool {
    matches!(
        change.keys.get("stream"),
        Some(AttributeValue::S(stream)) if stream.split('#').next() == Some(CHUNK_KIND)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    fn commit(data: &[String]) -> RecordedCommit {
        RecordedCommit {
            stream: "order#1".parse().unwrap(),
            events: data
                .iter()
                .enumerate()
                .map(|(index, data)| RecordedEvent {
                    id: format!("e{index}"),
                    version: Version::new(3).plus(index),
                    kind: "OrderPlaced".to_owned(),
                    data_version: 1,
                    time: "2010-12-01T08:26:00Z".parse().unwrap(),
                    data: data.clone(),
                })
                .collect(),
            source: "shop.orders".to_owned(),
            cause: Cause { source: "import".to_owned(), id: "c1".to_owned() },
            correlation_id: "c1".to_owned(),
            traceparent: None,
            arrived_at: Some("2026-01-01T00:00:00.123Z".parse().unwrap()),
            written_at: "2026-01-01T00:00:00.5Z".parse().unwrap(),
        }
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
    fn a_missing_chunk_is_noticed() {
        let commit = commit(&[format!("\"{}\"", "x".repeat(900_000))]);
        let (head, mut chunks) = CommitItem::of(&commit, "a").unwrap();
        chunks.pop();
        let failure = head.into_commit(chunks).unwrap_err();
        assert_eq!(failure.code(), "corrupt_commit");
    }

    #[test]
    fn an_item_is_split_before_it_is_too_large_and_the_estimate_is_never_too_low() {
        // The data are most of the item, so that what is left of 400 KB is what names and numbers take.
        for (bytes, chunks) in [(406_000, 0), (409_000, 2)] {
            let large = commit(&[format!("\"{}\"", "x".repeat(bytes))]);
            assert_eq!(CommitItem::of(&large, "a").unwrap().1.len(), chunks, "{bytes} bytes");
        }
        let many = commit(&vec!["1".to_owned(); 1000]);
        let item: serde_dynamo::Item = serde_dynamo::to_item(CommitItem::new(&many, "a")).unwrap();
        let real: usize = item.iter().map(|(name, value)| name.len() + stored_bytes(value)).sum();
        let estimated = CommitItem::new(&many, "a").size();
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
