//! The table of the event store, and its items.

use std::sync::Arc;

use serde_dynamo::aws_sdk_dynamodb_1::from_item;

use crate::aws::DynamoDb;
use crate::failure::{Failure, chain};
use crate::ids::{StreamId, Version};
use crate::statement::Item;
use crate::store::format::{CommitFormat, Format};
use crate::store::item::{ChunkItem, CommitItem, parse};

/// Partition key of the event store's table; a string.
pub const PARTITION_KEY: &str = "stream";
/// Sort key of the event store's table; a number.
pub const SORT_KEY: &str = "version";

/// The event store in a DynamoDB table.
///
/// The table has the partition key `stream` (string) and the sort key `version` (number).
#[derive(Clone, Debug)]
pub struct DynamoDbEventStore {
    pub(super) dynamodb: DynamoDb,
    pub(super) table: Arc<str>,
    pub(super) format: CommitFormat,
}

impl DynamoDbEventStore {
    /// Creates the store in this table.
    pub fn new(dynamodb: impl Into<DynamoDb>, table: impl Into<Arc<str>>) -> Self {
        let format = CommitFormat::default();
        Self { dynamodb: dynamodb.into(), table: table.into(), format }
    }

    /// Sets the format in which commits are written; by default the newest.
    ///
    /// Commits in every format are read.
    #[must_use]
    pub fn format(self, format: CommitFormat) -> Self {
        Self { format, ..self }
    }
}

/// Reads the item of a commit.
pub(super) fn commit_of(item: Item, stream: &StreamId) -> Result<CommitItem, Failure> {
    let version = item.get(SORT_KEY).and_then(|version| version.as_n().ok()?.parse().ok());
    let format = item.check(stream.as_str(), version.map(Version::new))?;
    parse(item, format).map_err(|error| corrupt(stream, &error))
}

/// Reads a part of a split commit.
pub(super) fn chunk_of(item: Item, stream: &StreamId) -> Result<ChunkItem, Failure> {
    item.check(stream.as_str(), None)?;
    from_item(item).map_err(|error| corrupt(stream, &error))
}

fn corrupt(stream: &StreamId, error: &serde_dynamo::Error) -> Failure {
    Failure::permanent("corrupt_commit", format!("{stream}: {}", chain(error)))
}
