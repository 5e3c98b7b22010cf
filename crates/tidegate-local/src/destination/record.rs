//! A record, and what takes it.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::value::RawValue;

use crate::send_error::SendError;

/// What errors call it.
pub(super) const RECORD: &str = "the record";

/// The fields of a record as they are written. What a function was given, and what it answered,
/// need not be anything that a strict reader takes.
pub(super) type Fields = BTreeMap<String, Box<RawValue>>;

/// Takes records of failures, or of successes.
pub trait Destination: Send + Sync {
    /// Sends one record.
    ///
    /// # Errors
    /// Why it was not taken. The caller tries again unless the error is final: a record counts as
    /// finished once it has arrived, or once it never can.
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>>;

    /// Sends the record of a range of a stream, with the event of that range, which a bucket alone
    /// takes.
    ///
    /// # Errors
    /// As [`Destination::send`].
    fn send_range<'a>(
        &'a self,
        body: String,
        _shard: &'a str,
        _event: &'a Bytes,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        self.send(body)
    }
}
