//! One record of a shard, ready to be put into an event.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use crate::moment::Moment;
use crate::sequence::SequenceNumber;

/// A record as a source hands it to the state machine.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its position in the shard.
    pub sequence: SequenceNumber,
    /// What decides about its lane.
    pub key: OrderingKey,
    /// When it was written.
    pub arrived: Moment,
    /// The element of the event's `Records`, serialised.
    pub json: Bytes,
}

/// Hash of what must stay in order: the partition key on Kinesis, the item's key on DynamoDB Streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderingKey(u64);

impl OrderingKey {
    /// The key of these bytes; the same in every run.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// The lane out of `lanes`.
    #[must_use]
    pub fn lane(self, lanes: usize) -> usize {
        let lanes = u64::try_from(lanes.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.0 % lanes).unwrap_or(0)
    }
}

/// A record the machine has taken in and not finished.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number in the order of reading, counted by [`super::position::Position`].
    pub ordinal: u64,
    /// When it was taken in; a batching window that follows no invocation begins here.
    pub read: Moment,
    /// The record.
    pub record: Record,
}
