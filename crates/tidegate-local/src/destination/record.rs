//! The interface of destinations.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::value::RawValue;

use crate::send_error::SendError;

/// Name of a record in error messages.
pub(super) const RECORD: &str = "the record";

/// The fields of a record, unchanged: payloads and answers may hold JSON that a strict reader
/// refuses.
pub(super) type Fields = BTreeMap<String, Box<RawValue>>;

/// Receives the records of failures or successes.
pub trait Destination: Send + Sync {
    /// Sends one record.
    ///
    /// # Errors
    /// Why the receiver did not accept the record. Unless the error is final, the caller sends
    /// again: a record is finished once it has arrived or never can.
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>>;

    /// Sends the on-failure record of a stream range together with the event of that range.
    ///
    /// Only a bucket keeps the event. By default the event is left out.
    ///
    /// # Errors
    /// As for [`Destination::send`].
    fn send_range<'a>(
        &'a self,
        body: String,
        _shard: &'a str,
        _event: &'a Bytes,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        self.send(body)
    }
}
