use std::collections::HashMap;

use futures::future::BoxFuture;

use super::{Guard, Transaction};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Where a projection keeps its rows and counters.
pub trait ReadModel: Send + Sync {
    /// The guards of these aggregates, strongly consistent; an aggregate without a row has none in the answer.
    ///
    /// # Errors
    /// A failure to read.
    fn guards<'a>(
        &'a self,
        streams: &'a [StreamId],
    ) -> BoxFuture<'a, Result<HashMap<StreamId, Guard>, Failure>>;

    /// Applies a transaction, whole or not at all.
    ///
    /// # Errors
    /// See [`ApplyError`].
    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Parks an aggregate at an event that cannot be applied, if its guard stands before it, whatever parts of the event are applied.
    ///
    /// # Errors
    /// As [`Self::apply`].
    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), ApplyError>>;
}

/// Why a transaction was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// A guard was not where it was expected: another environment was faster.
    GuardMoved,
    /// Another transaction was at work on the same rows; it may be tried again as it is.
    Conflict,
    /// Something else.
    Failed(Failure),
}
