//! One lane of a shard: delivers batches one after the other, in order.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use lambda_shapes::moment::Moment;
use lambda_shapes::record::Entry;

/// The records of one lane, and the state of its batches.
///
/// Records go in the order `state`, `parts`, `queue`: the current batch, then the rest of a split
/// batch, then records that are in no batch yet.
///
/// Example: a batch of the records 1 to 4 failed and was split, and 5 was read meanwhile. Then
/// `state` holds 1 and 2, `parts` holds 3 and 4, and `queue` holds 5.
#[derive(Debug, Default)]
pub struct Lane {
    /// What the lane is doing.
    pub state: LaneState,
    /// Parts of a split batch that have not gone yet, in order.
    pub parts: VecDeque<Segment>,
    /// Records that are in no batch yet.
    pub queue: VecDeque<Entry>,
    /// Failures in a row without any progress.
    pub failures: u32,
    /// Throttles in a row.
    pub throttles: u32,
    /// When the last invocation ended.
    pub invoked: Option<Moment>,
    /// When the invocation in flight, or the hand-over, began.
    pub since: Option<Moment>,
    /// When the lane goes on without another input.
    pub due: Option<Moment>,
}

impl Lane {
    /// Returns whether nothing is in flight, waiting or queued.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, LaneState::Free) && self.parts.is_empty() && self.queue.is_empty()
    }

    /// Returns when the oldest record of the lane was written: the first one, since they are in
    /// order.
    #[must_use]
    pub fn oldest(&self) -> Option<Moment> {
        let first = self.segments().find_map(|segment| segment.entries.first());
        first.or_else(|| self.queue.front()).map(|entry| entry.record.arrived)
    }

    /// Iterates over the batches and parts of batches, in order.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        let current = match &self.state {
            LaneState::Free => None,
            LaneState::InFlight { segment, .. }
            | LaneState::Waiting { segment, .. }
            | LaneState::HandingOver { segment } => Some(segment),
        };
        current.into_iter().chain(&self.parts)
    }

    /// Takes the state out and leaves the lane free.
    pub fn take(&mut self) -> LaneState {
        std::mem::take(&mut self.state)
    }
}

/// What a lane is doing.
#[derive(Debug, Default)]
pub enum LaneState {
    /// Nothing; it can take the next batch.
    #[default]
    Free,
    /// A batch is with the function.
    InFlight {
        /// Number of the invocation.
        invocation: u64,
        /// The batch.
        segment: Segment,
    },
    /// A batch waits for its next attempt.
    Waiting {
        /// When the next attempt is due.
        until: Moment,
        /// The batch.
        segment: Segment,
    },
    /// A batch that was given up is on its way to the destination.
    HandingOver {
        /// The batch.
        segment: Segment,
    },
}

impl fmt::Display for LaneState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => f.write_str("free"),
            Self::InFlight { invocation, .. } => {
                write!(f, "in flight with invocation {invocation}")
            }
            Self::Waiting { .. } => f.write_str("waiting for a retry"),
            Self::HandingOver { segment } => {
                write!(f, "handing over {} given-up records", segment.entries.len())
            }
        }
    }
}

/// A batch, or the rest of a batch.
#[derive(Debug, Default)]
pub struct Segment {
    /// Records of the segment; empty only in the last invocation of a window.
    pub entries: Vec<Entry>,
    /// Attempts up to now.
    pub history: History,
}

/// Attempts that a batch has had.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// Counted attempts: the function ran and failed, and the batch was not split.
    pub attempts: u32,
    /// Number of invocations.
    pub invocations: u32,
    /// Request id of the last invocation.
    pub request_id: Option<String>,
    /// Whether the last invocation ended with a function error, and not with a partial batch
    /// response.
    pub function_error: bool,
}

impl Segment {
    /// Creates a batch that has not been tried.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }

    /// Returns whether this is the last invocation of a window, which has no records.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.entries.is_empty()
    }

    /// Splits off the records from `index` on, into a segment with the same history.
    #[must_use]
    pub fn split_off(&mut self, index: usize) -> Self {
        Self {
            entries: self.entries.split_off(index.min(self.entries.len())),
            history: self.history.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use lambda_shapes::record::{OrderingKey, Record};
    use lambda_shapes::sequence::SequenceNumber;

    fn entry(arrived: i64) -> Entry {
        let record = Record {
            sequence: SequenceNumber::new(arrived.to_string()),
            key: OrderingKey::new(b"k"),
            arrived: Moment::from_millis(arrived),
            json: Bytes::new(),
        };
        Entry { ordinal: 0, read: Moment::from_millis(0), record }
    }

    #[test]
    fn the_oldest_record_is_that_of_the_batch_going_on_then_of_a_split_one_then_of_the_queue() {
        let mut lane = Lane::default();
        assert_eq!(lane.oldest(), None);
        lane.queue.extend([entry(3), entry(4)]);
        assert_eq!(lane.oldest(), Some(Moment::from_millis(3)));
        lane.parts.push_back(Segment::new(vec![entry(2)]));
        assert_eq!(lane.oldest(), Some(Moment::from_millis(2)));
        lane.state = LaneState::InFlight { invocation: 0, segment: Segment::new(vec![entry(1)]) };
        assert_eq!(lane.oldest(), Some(Moment::from_millis(1)));
        lane.state = LaneState::HandingOver { segment: Segment::new(vec![entry(0)]) };
        assert_eq!(lane.oldest(), Some(Moment::from_millis(0)));
    }
}
