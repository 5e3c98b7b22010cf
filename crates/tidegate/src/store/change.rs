//! A change that a record of the event store's DynamoDB stream reports.

use serde_dynamo::AttributeValue;

use super::commit::RecordedCommit;
use super::format::Format;
use super::item::{Head, parse};
use crate::failure::Failure;
use crate::ids::{CHUNK_KIND, StreamId, Version};
use crate::source::{Change, ChangeKind, Delivery};

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
        if change.kind != ChangeKind::Insert || is_chunk(change) {
            return Ok(Self::Other);
        }
        let stream = match change.keys.get("stream") {
            Some(AttributeValue::S(stream)) => stream.as_str(),
            _ => "a stream without a name",
        };
        let version = match change.keys.get("version") {
            Some(AttributeValue::N(digits)) => digits.parse().ok().map(Version::new),
            _ => None,
        };
        match Self::of_image(change, stream, version) {
            Err(failure) if failure.code() == Failure::NEWER => match (stream.parse(), version) {
                (Ok(stream), Some(version)) => Ok(Self::Newer { stream, version }),
                _ => Err(failure),
            },
            decoded => decoded,
        }
    }

    fn of_image(change: &Change, stream: &str, version: Option<Version>) -> Result<Self, Failure> {
        let format = change.new_image.check(stream, version)?;
        let item = parse(change.new_image.clone(), format).map_err(|error| {
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
            Self::Split { stream, .. } | Self::Newer { stream, .. } => Some(stream),
            Self::Other => None,
        }
    }

    /// Returns the stream of the delivery's commit as the key of its lane.
    ///
    /// Reads only the keys of the record. If they name no stream, returns the delivery's ordering
    /// key.
    pub fn lane(delivery: &Delivery<'_>) -> String {
        match delivery.change().ok().and_then(|change| change.keys.get("stream")) {
            Some(AttributeValue::S(stream)) => stream.clone(),
            _ => delivery.ordering_key.clone(),
        }
    }
}

fn is_chunk(change: &Change) -> bool {
    matches!(
        change.keys.get("stream"),
        Some(AttributeValue::S(stream)) if stream.split('#').next() == Some(CHUNK_KIND)
    )
}
