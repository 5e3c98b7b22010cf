//! The port of a read model, which keeps rows and counters.

use std::collections::HashMap;

use futures::future::BoxFuture;

use super::apply_error::ApplyError;
use super::delta::{Added, Addition, Aside, Delta, Head};
use super::guard::Guard;
use super::transaction::Transaction;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// The result of [`ReadModel::guards`]: a guard or a failure for each aggregate that has a row.
pub type Guards = HashMap<StreamId, Result<Guard, Failure>>;

/// Stores the rows and counters of a projection.
///
/// Counters are kept in slices. The value of a counter is the sum over its slices. How deltas reach
/// counters is in the documentation of [`Delta`].
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

    /// Returns the slice in which this environment counts.
    fn slice(&self) -> u32;

    /// Reads the head of a slice, strongly consistent. A slice without a delta has the number 0.
    ///
    /// # Errors
    /// Any failure to read it.
    fn head(&self, slice: u32) -> BoxFuture<'_, Result<Head, Failure>>;

    /// Reads the heads of all slices that have a delta, strongly consistent.
    ///
    /// # Errors
    /// Any failure to read them.
    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>>;

    /// Reads the newest deltas of a slice, strongly consistent: at least those that are not
    /// confirmed, in any order.
    ///
    /// # Errors
    /// Any failure to read them.
    fn deltas(&self, slice: u32) -> BoxFuture<'_, Result<Vec<Delta>, Failure>>;

    /// Applies a transaction as a whole or not at all.
    ///
    /// A transaction with a delta requires that the head's `last` is the number before it, and that
    /// the head's `applied` is not above the transaction's. It sets both.
    ///
    /// # Errors
    /// See [`ApplyError`].
    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>>;

    /// Adds amounts to counters of a slice, each for itself. Returns the results in the order of
    /// the additions.
    fn add<'a>(&'a self, slice: u32, additions: &'a [Addition]) -> BoxFuture<'a, Vec<Added>>;

    /// Raises the head's `applied` to this number, if it is below.
    ///
    /// # Errors
    /// Any failure to write it.
    fn confirm(&self, slice: u32, number: u64) -> BoxFuture<'_, Result<(), Failure>>;

    /// Sets the amounts of an addition aside, which the counter refused. The counter's number
    /// changes as if it had them.
    fn set_aside<'a>(
        &'a self,
        slice: u32,
        addition: &'a Addition,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Added>;

    /// Reads the amounts that are set aside.
    ///
    /// # Errors
    /// Any failure to read them.
    fn aside(&self) -> BoxFuture<'_, Result<Vec<Aside>, Failure>>;

    /// Adds amounts that were set aside to their counter, if they are still the same.
    ///
    /// # Errors
    /// Same as [`Self::apply`].
    fn restore<'a>(&'a self, aside: &'a Aside) -> BoxFuture<'a, Result<(), ApplyError>>;

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
