//! Where a projection keeps its rows and counters: the port of a read model.

use std::collections::HashMap;

use futures::future::BoxFuture;

use super::apply_error::ApplyError;
use super::guard::Guard;
use super::transaction::Transaction;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// What [`ReadModel::guards`] answers.
pub type Guards = HashMap<StreamId, Result<Guard, Failure>>;

/// Where a projection keeps its rows and counters.
///
/// It also keeps a list of parked aggregates, so that they can be found without a scan. An
/// aggregate is on the list from [`park`](Self::park) to [`unlist`](Self::unlist). After its
/// release it stays on the list until the projector has applied all of its events.
pub trait ReadModel: Send + Sync {
    /// The guards of these aggregates, strongly consistent. An aggregate without a row has none in
    /// the answer, and one whose row cannot be a guard has a failure there: `corrupt_guard`
    /// (permanent).
    ///
    /// # Errors
    /// A failure to read any of them.
    fn guards<'a>(&'a self, streams: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>>;

    /// Applies a transaction, whole or not at all.
    ///
    /// # Errors
    /// See [`ApplyError`].
    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Parks an aggregate at an event that cannot be applied and puts it on the list.
    ///
    /// The guard must be before the event; parts of the event may be applied. The guard keeps the
    /// failure's code and reason.
    ///
    /// # Errors
    /// As [`Self::apply`].
    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Reads at most `limit` aggregates of the list, strongly consistent, in any fixed order: those
    /// after `after`, or from the beginning.
    ///
    /// # Errors
    /// A failure to read.
    fn parked<'a>(
        &'a self,
        after: Option<&'a StreamId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, Failure>>;

    /// Releases a parked aggregate, if its guard is still this one. It stays on the list.
    ///
    /// # Errors
    /// As [`Self::apply`].
    fn unpark<'a>(&'a self, stream: &'a StreamId, guard: &'a Guard) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Takes an aggregate off the list, if its guard is still this one and it is not parked.
    ///
    /// # Errors
    /// As [`Self::apply`].
    fn unlist<'a>(&'a self, stream: &'a StreamId, guard: &'a Guard) -> BoxFuture<'a, Result<(), ApplyError>>;
}
