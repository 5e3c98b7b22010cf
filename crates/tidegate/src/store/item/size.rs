//! Estimates how many bytes DynamoDB counts for a commit, rather too many than too few.

use crate::store::commit::{RecordedDecision, RecordedEvent};

/// Largest item of DynamoDB in bytes, names and values together.
pub(super) const ITEM_LIMIT: usize = 400 * 1024;
/// Bytes kept free in an item, because a size is only an estimate.
pub(super) const ITEM_RESERVE: usize = 2 * 1024;
/// Largest transaction of DynamoDB in bytes, less room for keys and names.
pub(super) const TRANSACTION_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;
/// Bytes of an item beside its decisions: names, numbers, times, stream, source and attempt.
pub(super) const ITEM_FRAME: usize = 200 + 1024;

/// Estimated size of a part of a commit, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Size {
    /// Everything but the data of the events.
    pub(super) frame: usize,
    /// Data of the events, which may be moved into chunks.
    pub(super) data: usize,
}

impl Size {
    /// Returns the size of both together.
    #[must_use]
    pub(in crate::store) fn and(self, other: Self) -> Self {
        Self { frame: self.frame + other.frame, data: self.data + other.data }
    }

    /// Returns whether decisions of this size fit into one item.
    pub(in crate::store) fn fits(self) -> bool {
        ITEM_FRAME + self.frame + self.data + ITEM_RESERVE <= ITEM_LIMIT
    }

    pub(super) fn total(self) -> usize {
        ITEM_FRAME + self.frame + self.data
    }
}

/// Estimates the size of a decision with its events.
pub(in crate::store) fn size_of(decision: &RecordedDecision, events: &[RecordedEvent]) -> Size {
    const NAMES: usize = 160;
    const PER_EVENT: usize = 100;
    let frame: usize =
        events.iter().map(|event| PER_EVENT + event.id.len() + event.kind.len()).sum();
    let frame = frame
        + NAMES
        + decision.cause.source.len()
        + decision.cause.id.len()
        + decision.correlation_id.len()
        + decision.traceparent.as_ref().map_or(0, String::len)
        + decision.extensions.bytes();
    Size { frame, data: events.iter().map(|event| event.data.len()).sum() }
}
