//! The port of a read model, which keeps rows and counters.

use std::collections::HashMap;

use futures::future::BoxFuture;

use super::apply_error::ApplyError;
use super::guard::Guard;
use super::transaction::Transaction;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// The result of [`ReadModel::guards`]: a guard or a failure for each aggregate that has a row.
pub type Guards = HashMap<StreamId, Result<Guard, Failure>>;

/// Stores the rows and counters of a projection.
///
/// It also stores a list of parked aggregates, so that they can be found without a scan. An
/// aggregate is on the list from [`park`](Self::park) to [`unlist`](Self::unlist). After its
/// release it stays on the list until the projector has applied all of its events.
pub trait ReadModel: Send + Sync {
    /// Reads the guards of these aggregates, strongly consistent.
    ///
    /// An aggregate without a row is absent from the result. If a row cannot be read as a guard,
    /// its entry is the failure `corrupt_guard` (permanent).
    ///
    /// # Errors
    /// Any failure to read one of the rows.
    fn guards<'a>(&'a self, streams: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>>;

    /// Applies a transaction as a whole or not at all.
    ///
    /// # Errors
    /// See [`ApplyError`].
    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Parks an aggregate at an event that cannot be applied, and puts it on the list.
    ///
    /// The guard must be before the event; parts of the event may be applied. The guard keeps the
    /// failure's code and reason.
    ///
    /// # Errors
    /// Same as [`Self::apply`].
    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Reads at most `limit` aggregates of the list, strongly consistent, in any fixed order.
    ///
    /// The page begins after `after`, or at the beginning of the list.
    ///
    /// # Errors
    /// Any failure to read the list.
    fn parked<'a>(
        &'a self,
        after: Option<&'a StreamId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, Failure>>;

    /// Releases a parked aggregate if its guard is still equal to `guard`.
    ///
    /// The aggregate stays on the list.
    ///
    /// # Errors
    /// Same as [`Self::apply`].
    fn unpark<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Takes an aggregate off the list if its guard is still equal to `guard` and it is not parked.
    ///
    /// # Errors
    /// Same as [`Self::apply`].
    fn unlist<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>>;
}
