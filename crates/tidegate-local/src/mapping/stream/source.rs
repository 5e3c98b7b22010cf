//! Port through which a stream driver reads a stream.

use futures::future::BoxFuture;

use lambda_shapes::moment::Moment;
use lambda_shapes::record::Record;

/// A stream that can be read shard by shard.
pub trait StreamSource: Send + Sync {
    /// Returns all shards that can be read, including closed ones.
    ///
    /// # Errors
    /// The source cannot be read.
    fn shards(&self) -> BoxFuture<'_, Result<Vec<ShardInfo>, ReadError>>;

    /// Returns an iterator that begins at this position of a shard.
    ///
    /// # Errors
    /// The source cannot be read: [`ReadError::Trimmed`] if the position is no longer in the
    /// stream.
    fn iterator<'a>(
        &'a self,
        shard: &'a str,
        from: &'a ReadFrom,
    ) -> BoxFuture<'a, Result<String, ReadError>>;

    /// Returns the records at an iterator, at most `limit`.
    ///
    /// # Errors
    /// The source cannot be read: [`ReadError::Expired`] if the iterator was unused for too long.
    fn read<'a>(
        &'a self,
        shard: &'a str,
        iterator: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>>;
}

/// A shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Id of the shard.
    pub id: String,
    /// Shards whose records come before those of this shard.
    pub parents: Vec<String>,
}

/// Position at which reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// At the oldest record of the shard.
    Horizon,
    /// At the first record written at this moment or later.
    ///
    /// A source that cannot begin at a time begins at its oldest record, and the reader skips older
    /// records.
    Since(Moment),
    /// After this sequence number.
    After(String),
}

/// Result of one read.
#[derive(Clone, Debug)]
pub struct Page {
    /// Records in order.
    pub records: Vec<Record>,
    /// Iterator for the next read; `None` if the shard has ended.
    pub next: Option<String>,
    /// Distance of this page from the newest record in milliseconds, if the source reports it.
    pub millis_behind: Option<i64>,
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The iterator was unused for too long.
    #[error("the shard iterator has expired")]
    Expired,
    /// The position is older than the oldest record, or belongs to another stream.
    #[error("the position is no longer in the stream")]
    Trimmed,
    /// Any other failure, as a message for people.
    #[error("{0}")]
    Other(String),
}
