//! The row of an aggregate, as a reader sees it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_dynamo::Item;

use super::typed::unreadable;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::projection::{Guard, ROW_KEY};

/// Attributes of a row that are read besides those that were asked for.
pub(super) const MARKS: [&str; 5] = [ROW_KEY, "version", "parked", "parked_code", "parked_reason"];

/// The row of an aggregate, as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row<T> {
    /// The aggregate.
    pub stream: StreamId,
    /// The version up to which all events are applied. `None`: no event is applied, or the index
    /// does not have the attribute `version`.
    pub version: Option<Version>,
    /// Where and why the aggregate is parked: the row is older than the aggregate until it is
    /// released. An index must have the attribute `parked` to say so.
    pub parked: Option<Parked>,
    /// The attributes.
    pub data: T,
}

/// Where and why an aggregate is parked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parked {
    /// Version of the event that could not be applied.
    pub at: Version,
    /// Code of the failure.
    pub code: Option<String>,
    /// Its reason, for people. It may quote the event; do not show it to strangers.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct Marks {
    stream: StreamId,
    version: Option<Version>,
    parked: Option<Version>,
    parked_code: Option<String>,
    parked_reason: Option<String>,
}

impl<T: DeserializeOwned> Row<T> {
    pub(super) fn from_item(item: Item) -> Result<Self, Failure> {
        let name = match item.get(ROW_KEY) {
            Some(serde_dynamo::AttributeValue::S(name)) => name.clone(),
            _ => "a row without its key".to_owned(),
        };
        let marks: Marks =
            serde_dynamo::from_item(item.clone()).map_err(|error| unreadable(&name, &error))?;
        let parked = marks.parked.map(|at| Parked {
            at,
            code: marks.parked_code,
            reason: marks.parked_reason,
        });
        let data =
            serde_dynamo::from_item(item).map_err(|error| match (marks.version, &parked) {
                (None, Some(parked)) => unreadable(
                    &format!("{name} (parked at version {}, no event is applied)", parked.at),
                    &error,
                ),
                _ => unreadable(&name, &error),
            })?;
        Ok(Self { stream: marks.stream, version: marks.version, parked, data })
    }
}

impl Parked {
    pub(super) fn from_guard(guard: &Guard) -> Option<Self> {
        let (code, reason) = (guard.parked_code.clone(), guard.parked_reason.clone());
        Some(Self { at: guard.parked?, code, reason })
    }
}
