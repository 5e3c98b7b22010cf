//! The first format of a commit: one decision, whose attributes are those of the item.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::commit_item::{CommitItem, DecisionItem, EventItem};
use crate::ids::{Cause, StreamId, Version};
use crate::store::digest::Digest;

/// An item in the first format, which has no attribute `format`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FirstFormat {
    stream: StreamId,
    version: Version,
    events: Vec<EventItem>,
    source: String,
    cause: Cause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    correlation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arrived_at: Option<Timestamp>,
    written_at: Timestamp,
    attempt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chunks: Option<u32>,
}

impl From<FirstFormat> for CommitItem {
    fn from(first: FirstFormat) -> Self {
        let decision = DecisionItem {
            cause: first.cause,
            digest: first.digest,
            correlation: first.correlation,
            trace: first.trace,
            attributes: first.attributes,
            arrived_at: first.arrived_at,
            events: first.events,
        };
        Self {
            stream: first.stream,
            version: first.version,
            source: first.source,
            decisions: vec![decision],
            written_at: first.written_at,
            attempt: first.attempt,
            chunks: first.chunks,
            bytes: 0,
        }
    }
}

impl FirstFormat {
    /// Converts an item. Returns `None` if it has several decisions.
    pub(super) fn from_item(item: &CommitItem) -> Option<Self> {
        let [decision] = item.decisions.as_slice() else { return None };
        Some(Self {
            stream: item.stream.clone(),
            version: item.version,
            events: decision.events.clone(),
            source: item.source.clone(),
            cause: decision.cause.clone(),
            digest: decision.digest.clone(),
            correlation: decision.correlation.clone(),
            trace: decision.trace.clone(),
            attributes: decision.attributes.clone(),
            arrived_at: decision.arrived_at,
            written_at: item.written_at,
            attempt: item.attempt.clone(),
            chunks: item.chunks,
        })
    }
}
