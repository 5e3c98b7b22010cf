//! One record of a shard, ready for an event.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use crate::moment::Moment;
use crate::sequence::SequenceNumber;

/// A record of a shard as it was read.
#[derive(Clone, Debug)]
pub struct Record {
    /// Position in the shard.
    pub sequence: SequenceNumber,
    /// Which records must stay in order with it.
    pub key: OrderingKey,
    /// When it was written: the arrival time at Kinesis, the creation time at DynamoDB Streams.
    pub arrived: Moment,
    /// Its element of the event's `Records`, as JSON.
    pub json: Bytes,
}

/// Hash of what must stay in order: the partition key on Kinesis, the item's key on DynamoDB
/// Streams.
///
/// With a parallelization factor above 1, Lambda "ensures in-order processing at the partition-key
/// level" and, for DynamoDB, at the item level (AWS docs: "Using Lambda to process records from
/// Amazon Kinesis Data Streams", "Using AWS Lambda with Amazon DynamoDB").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderingKey(u64);

impl OrderingKey {
    /// Creates the key of these bytes. It is the same in every run.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Chooses one of `lanes` lanes, counted from 0. No lanes count as one.
    #[must_use]
    pub fn lane(self, lanes: usize) -> usize {
        let lanes = u64::try_from(lanes.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.0 % lanes).unwrap_or(0)
    }
}

/// A record that the mapping has read and not finished.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number in the order of reading, from 0 in each shard.
    pub ordinal: u64,
    /// When it was read. A batching window that follows no invocation begins here.
    pub read: Moment,
    /// The record.
    pub record: Record,
}
