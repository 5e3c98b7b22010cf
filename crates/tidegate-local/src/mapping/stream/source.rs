//! What a stream driver needs of a stream.

use futures::future::BoxFuture;

use lambda_shapes::moment::Moment;
use lambda_shapes::record::Record;

/// A stream that can be read shard by shard.
pub trait StreamSource: Send + Sync {
    /// All shards that can be read, closed ones included.
    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardInfo>, ReadError>>;

    /// An iterator into a shard.
    fn iterator<'a>(&'a self, shard: &'a str, from: &'a ReadFrom)
    -> BoxFuture<'a, Result<String, ReadError>>;

    /// The records at an iterator, at most `limit`.
    fn read<'a>(
        &'a self,
        shard: &'a str,
        iterator: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>>;
}

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Its id.
    pub id: String,
    /// The shards whose records come before its own.
    pub parents: Vec<String>,
}

/// Where reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// At the oldest record there is.
    Horizon,
    /// At the first record written at this moment or later. A source that cannot begin at a time
    /// begins at its oldest record; the reader leaves out what is older.
    Since(Moment),
    /// Behind this sequence number.
    After(String),
}

/// What one read brought.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records, in order.
    pub records: Vec<Record>,
    /// The iterator to go on with; none if the shard has ended.
    pub next: Option<String>,
    /// How far behind the newest record this page is, where the source says so.
    pub millis_behind: Option<i64>,
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The iterator was not used for too long.
    #[error("the shard iterator has expired")]
    Expired,
    /// The position is older than what the stream keeps, or not of this stream.
    #[error("the position is no longer in the stream")]
    Trimmed,
    /// Anything else: a message for people.
    #[error("{0}")]
    Other(String),
}
