//! Defines the names of streams, versions, events and causes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Namespace of the ids derived from content (UUID version 5).
///
/// A change of it would change the id of every event.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_2a0e_9d43_5b7e_8c15_7469_6465_6761);

/// Kind of the keys of the chunks of a large commit in the event store. No stream has it.
pub(crate) const CHUNK_KIND: &str = "chunk";

/// Id of the stream of one aggregate: its kind and its key, such as `order#536365`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId(String);

impl StreamId {
    /// Longest stream id, in bytes.
    ///
    /// DynamoDB allows 2,048 bytes in a partition key; the rest is left for keys derived from the
    /// id.
    pub const MAX_BYTES: usize = 1024;

    /// Creates the id of the stream of an aggregate of this kind with this key.
    ///
    /// # Errors
    /// The kind or the key is empty, the kind contains `#` or is reserved (`chunk`), or the id is
    /// longer than [`Self::MAX_BYTES`].
    pub fn new(kind: &str, key: &str) -> Result<Self, InvalidStreamId> {
        let invalid = |problem| Err(InvalidStreamId { text: format!("{kind}#{key}"), problem });
        if kind.is_empty() || kind.contains('#') {
            return invalid("the kind before `#` is empty or contains `#`");
        }
        if kind == CHUNK_KIND {
            return invalid("the kind `chunk` is reserved");
        }
        if key.is_empty() {
            return invalid("the key after `#` is empty");
        }
        if kind.len() + 1 + key.len() > Self::MAX_BYTES {
            return invalid("it is longer than 1,024 bytes");
        }
        Ok(Self(format!("{kind}#{key}")))
    }

    /// Returns the kind, such as `order`.
    pub fn kind(&self) -> &str {
        self.0.split_once('#').map_or(self.0.as_str(), |(kind, _)| kind)
    }

    /// Returns the key, such as `536365`.
    pub fn key(&self) -> &str {
        self.0.split_once('#').map_or("", |(_, key)| key)
    }

    /// Returns the whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamId {
    type Err = InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, InvalidStreamId> {
        match text.split_once('#') {
            Some((kind, key)) => Self::new(kind, key),
            None => Err(InvalidStreamId {
                text: text.to_owned(),
                problem: "it has no `#` between kind and key",
            }),
        }
    }
}

impl TryFrom<String> for StreamId {
    type Error = InvalidStreamId;

    fn try_from(text: String) -> Result<Self, InvalidStreamId> {
        text.parse()
    }
}

impl TryFrom<&str> for StreamId {
    type Error = InvalidStreamId;

    fn try_from(text: &str) -> Result<Self, InvalidStreamId> {
        text.parse()
    }
}

impl From<StreamId> for String {
    fn from(stream: StreamId) -> Self {
        stream.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a stream id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidStreamId {
    text: String,
    problem: &'static str,
}

impl fmt::Display for InvalidStreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.text.chars().take(80).collect();
        write!(f, "`{shown}` is not a stream id such as `order#536365`: {}", self.problem)
    }
}

impl std::error::Error for InvalidStreamId {}

/// Position of an event in its stream, counted from 1.
///
/// [`Version::NONE`] is the version of a stream without events.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// Version of a stream before its first event.
    pub const NONE: Self = Self(0);

    /// Creates the version with this number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the version `count` events later.
    #[must_use]
    pub fn plus(self, count: usize) -> Self {
        Self(self.0.saturating_add(count as u64))
    }

    /// Returns the version of the next event.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// Returns the version as a number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Cause of a commit: the command or event that led to it, by its `source` and its id there.
///
/// Do not use ids that change on redelivery or replay, such as a queue's message id, EventBridge's
/// id or a sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// The envelope's `source`.
    pub source: String,
    /// The envelope's `id`.
    pub id: String,
}

impl Cause {
    /// Creates the cause with this id at this source.
    pub fn new(source: impl Into<String>, id: impl Into<String>) -> Self {
        Self { source: source.into(), id: id.into() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}

/// Returns the id of an event, derived from stream, version and cause.
///
/// The same decision, published again, is the same event.
pub fn event_id(stream: &StreamId, version: Version, cause: &Cause) -> String {
    content_id(&["event", stream.as_str(), &version.to_string(), &cause.source, &cause.id])
}

/// Derives an id from content: UUID version 5 over the length-prefixed parts.
///
/// Equal parts give equal ids.
pub fn content_id(parts: &[&str]) -> String {
    content_uuid(parts).to_string()
}

/// Returns the same id as [`content_id`], in 16 bytes.
pub(crate) fn content_uuid(parts: &[&str]) -> Uuid {
    let mut name = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_id_has_a_kind_and_a_key() {
        let stream: StreamId = "order#a#b".parse().unwrap();
        assert_eq!((stream.kind(), stream.key()), ("order", "a#b"));
        for bad in ["order", "#1", "order#", "chunk#1", &format!("order#{}", "x".repeat(1024))] {
            assert!(bad.parse::<StreamId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(content_id(&["ab", "c"]), content_id(&["a", "bc"]));
        assert_eq!(content_id(&["ab", "c"]), content_id(&["ab", "c"]));
    }
}
