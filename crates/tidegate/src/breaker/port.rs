//! The port of the rows of breakers.

use futures::future::BoxFuture;

use super::change::{Change, Count};
use super::state::BreakerState;
use crate::failure::Failure;

/// Rows of breakers by name.
///
/// [`BreakerState`] says what each request does to a row.
pub trait BreakerStore: Send + Sync {
    /// Reads the state, strongly consistent. A breaker without a row has the default state.
    ///
    /// # Errors
    /// Any failure to read the store, or a row that cannot be read (transient).
    fn look<'a>(&'a self, breaker: &'a str) -> BoxFuture<'a, Result<BreakerState, Failure>>;

    /// Counts calls by atomic additions, if [`BreakerState::counted`] takes them. Returns the state
    /// afterwards, whether they were counted or not.
    ///
    /// # Errors
    /// Any failure of the store (transient). The calls may have been counted all the same.
    fn count<'a>(
        &'a self,
        breaker: &'a str,
        count: &'a Count,
    ) -> BoxFuture<'a, Result<BreakerState, Failure>>;

    /// Changes the phase, if [`BreakerState::changed`] takes the change. Stores the event about it
    /// in the same transaction, if the store keeps events.
    ///
    /// # Errors
    /// Any failure of the store (transient). The change may have taken place all the same.
    fn change<'a>(
        &'a self,
        breaker: &'a str,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Changed, Failure>>;
}

/// The outcome of a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The breaker has this state now.
    Yes(BreakerState),
    /// Another change was faster. The breaker has this state.
    No(BreakerState),
}
