//! An entry of a read model, as a reader sees it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_dynamo::{AttributeValue, Item};

use super::typed::unreadable;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::projection::{ENTRY_OWNER, ENTRY_PARTITION_KEY, ENTRY_SORT_KEY, EntryKey};

/// Attributes of an entry that are read besides those that were asked for.
pub(super) const ENTRY_MARKS: [&str; 3] = [ENTRY_PARTITION_KEY, ENTRY_SORT_KEY, ENTRY_OWNER];

/// An entry of a list, or what a lookup found.
///
/// If only the owner matters, let `T` be [`serde::de::IgnoredAny`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<T> {
    /// The list, and the place in it.
    pub key: EntryKey,
    /// The aggregate to which the entry belongs: an event of it wrote the entry.
    pub stream: StreamId,
    /// The attributes.
    pub data: T,
}

#[derive(Deserialize)]
struct Marks {
    list: String,
    entry: String,
    stream: StreamId,
}

impl<T: DeserializeOwned> Entry<T> {
    pub(super) fn from_item(item: Item) -> Result<Self, Failure> {
        let text = |name: &str| match item.get(name) {
            Some(AttributeValue::S(text)) => text.clone(),
            _ => String::new(),
        };
        let (list, entry) = (text(ENTRY_PARTITION_KEY), text(ENTRY_SORT_KEY));
        let place = format!("list `{list}`, entry `{entry}`");
        let marks: Marks =
            serde_dynamo::from_item(item.clone()).map_err(|error| unreadable(&place, &error))?;
        let data = serde_dynamo::from_item(item).map_err(|error| unreadable(&place, &error))?;
        Ok(Self { key: EntryKey::new(marks.list, marks.entry), stream: marks.stream, data })
    }
}
