//! A change that a record of the event store's DynamoDB stream reports.

use std::collections::HashMap;

use serde::Deserialize;
use serde_dynamo::{AttributeValue, Item};

use super::commit::RecordedCommit;
use super::dynamodb::{PARTITION_KEY, SORT_KEY};
use super::format::Format;
use super::item::{Head, parse};
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::{CHUNK_KIND, StreamId, Version};
use crate::source::{ChangeKind, Delivery};

/// The change that a record of the event store's DynamoDB stream reports.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "almost every change is a commit")]
pub enum CommitChange {
    /// A commit was stored.
    Commit(RecordedCommit),
    /// A commit was stored whose data is too large for the record. Read it from the store.
    Split {
        /// Stream of the commit.
        stream: StreamId,
        /// Version of the commit's first event.
        version: Version,
        /// Version of the commit's last event.
        last_version: Version,
        /// Id of the commit's last event.
        last_event_id: String,
    },
    /// A commit was stored in a format that only a newer version of the function can read. Its
    /// content is unknown; its stream and version are known.
    Newer {
        /// Stream of the commit.
        stream: StreamId,
        /// Version of the commit's first event.
        version: Version,
    },
    /// A message of a queue, a bus or a Kinesis stream says that an event was stored. Only the
    /// event store proves it.
    Hint {
        /// Stream of the event.
        stream: StreamId,
        /// Version of the event.
        version: Version,
        /// Id of the event.
        event_id: String,
    },
    /// Nothing to act on: a chunk of a split commit, or the removal of an item.
    Other,
}

impl CommitChange {
    /// Decodes the change in a delivery.
    ///
    /// # Errors
    /// - `not_a_commit` or `corrupt_commit` (permanent): the item of the table is not a valid
    ///   commit.
    /// - [`Failure::NEWER`] (transient): the item has a newer format, and its keys are not those of
    ///   a commit.
    /// - The failure to read the record.
    pub fn from_delivery(delivery: &Delivery<'_>) -> Result<Self, Failure> {
        let change = delivery.change()?;
        match change.kind {
            ChangeKind::Insert => Self::of_item(&change.keys, || change.new_image.clone()),
            _ => Ok(Self::Other),
        }
    }

    /// Decodes an item of the event store's table, as if it were just written.
    ///
    /// For readers of the whole table. A commit whose data is in chunks is [`Self::Split`], and its
    /// chunks are [`Self::Other`].
    ///
    /// # Errors
    /// Same as [`Self::from_delivery`].
    pub fn from_item(item: Item) -> Result<Self, Failure> {
        let keys = [PARTITION_KEY, SORT_KEY].map(|name| (name, item.get(name).cloned()));
        let keys = keys.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let keys = Item::from(keys.collect::<HashMap<_, _>>());
        Self::of_item(&keys, || item)
    }

    /// Returns the stream in the key of an item, for people.
    pub(crate) fn place_of(item: &Item) -> String {
        stream_of(item).unwrap_or("a stream without a name").to_owned()
    }

    /// Returns the first and the last version that the change is known to have.
    pub(crate) fn versions(&self) -> Option<(Version, Version)> {
        match self {
            Self::Commit(commit) => Some((commit.first_version(), commit.last_version())),
            Self::Split { version, last_version, .. } => Some((*version, *last_version)),
            Self::Newer { version, .. } | Self::Hint { version, .. } => Some((*version, *version)),
            Self::Other => None,
        }
    }

    fn of_item(keys: &Item, image: impl FnOnce() -> Item) -> Result<Self, Failure> {
        if is_chunk(keys) {
            return Ok(Self::Other);
        }
        let stream = stream_of(keys).unwrap_or("a stream without a name");
        let version = match keys.get(SORT_KEY) {
            Some(AttributeValue::N(digits)) => digits.parse().ok().map(Version::new),
            _ => None,
        };
        match Self::of_image(image(), stream, version) {
            Err(failure) if failure.code() == Failure::NEWER => match (stream.parse(), version) {
                (Ok(stream), Some(version)) => Ok(Self::Newer { stream, version }),
                _ => Err(failure),
            },
            decoded => decoded,
        }
    }

    /// Reads the hint in a message, which is the envelope of an event. Its data is not looked at.
    ///
    /// # Errors
    /// - The failure to read the record, or that of [`Envelope::parse`].
    /// - `not_an_event` (permanent): the envelope has no `sequence`, as that of a command, or the
    ///   `sequence` 0.
    pub fn hint(delivery: &Delivery<'_>) -> Result<Self, Failure> {
        let Envelope { id, kind, subject, sequence, .. } = Envelope::parse(delivery.bytes()?)?;
        match sequence {
            Some(version) if version != Version::NONE => {
                Ok(Self::Hint { stream: subject, version, event_id: id })
            }
            _ => Err(Failure::permanent(
                "not_an_event",
                format!(
                    "{kind} {id} of {subject} has no `sequence` above 0, so it is not an event of \
                     the store; send only events that a publisher took from there"
                ),
            )),
        }
    }

    fn of_image(image: Item, stream: &str, version: Option<Version>) -> Result<Self, Failure> {
        let format = image.check(stream, version)?;
        let item = parse(image, format).map_err(|error| {
            Failure::permanent(
                "not_a_commit",
                format!("{stream}: the new image is not a commit: {error}"),
            )
        })?;
        if item.chunks.is_some() {
            let Head { stream, version, last_version, last_event_id } = item.into_head()?;
            return Ok(Self::Split { stream, version, last_version, last_event_id });
        }
        item.into_commit(Vec::new()).map(CommitChange::Commit)
    }

    /// Returns the stream to which the change added events.
    pub fn stream(&self) -> Option<&StreamId> {
        match self {
            Self::Commit(commit) => Some(&commit.stream),
            Self::Split { stream, .. } | Self::Newer { stream, .. } | Self::Hint { stream, .. } => {
                Some(stream)
            }
            Self::Other => None,
        }
    }

    /// Returns the stream of the delivery's commit, or of its hint, as the key of its lane.
    ///
    /// Reads only the keys of the record, or the `subject` of the message. If they name no stream,
    /// returns the delivery's ordering key.
    pub fn lane(delivery: &Delivery<'_>) -> String {
        #[derive(Deserialize)]
        struct Message {
            subject: String,
        }
        let stream = match delivery.change() {
            Ok(change) => match change.keys.get("stream") {
                Some(AttributeValue::S(stream)) => Some(stream.clone()),
                _ => None,
            },
            Err(_) => delivery.json::<Message>().ok().map(|message| message.subject),
        };
        stream.unwrap_or_else(|| delivery.ordering_key.clone())
    }
}

fn stream_of(keys: &Item) -> Option<&str> {
    match keys.get(PARTITION_KEY) {
        Some(AttributeValue::S(stream)) => Some(stream),
        _ => None,
    }
}

fn is_chunk(keys: &Item) -> bool {
    stream_of(keys).and_then(|stream| stream.split('#').next()) == Some(CHUNK_KIND)
}
