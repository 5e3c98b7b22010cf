//! The traits that a function implements to handle its records.

use std::future::Future;

use serde_json::value::RawValue;

use super::context::BatchContext;
use super::decode::Decode;
use super::item::Item;
use super::outcome::{Handled, Outcome};
use super::window::Window;
use crate::failure::Failure;

/// Handles one record at a time.
///
/// Wrap it in [`EachRecord`](super::EachRecord), which adds lanes, isolation and deadlines. The
/// [`Runner`](super::Runner) writes dead letters.
pub trait Handler: Decode {
    /// Handles one record.
    ///
    /// Must be idempotent: on redelivery, detect that the effect already happened and return
    /// [`Handled::Duplicate`].
    ///
    /// # Errors
    /// The class of the failure decides what happens to the delivery; see
    /// [`Class`](crate::failure::Class).
    fn handle(
        &self,
        record: &Self::Record,
        context: &BatchContext,
    ) -> impl Future<Output = Result<Handled, Failure>> + Send;
}

/// Handles the records of an invocation together, for handlers that save requests that way.
pub trait BatchHandler: Decode {
    /// Handles the items, which are in the order of their deliveries.
    ///
    /// Returns one outcome for each item, in the same order.
    fn handle_batch(
        &self,
        items: &[Item<Self::Record>],
        context: &BatchContext,
    ) -> impl Future<Output = Vec<Outcome>> + Send;

    /// Does a piece of work of a [rebuild](crate::rebuild) that a command asks for, and returns the
    /// answer, which is the response of the invocation.
    ///
    /// By default the handler cannot rebuild anything.
    ///
    /// # Errors
    /// Fails the invocation. `no_rebuild` (permanent): the handler has no projection that can be
    /// rebuilt.
    fn rebuild(
        &self,
        _request: &RawValue,
        _context: &BatchContext,
    ) -> impl Future<Output = Result<Box<RawValue>, Failure>> + Send {
        let reason = "this function has no projection that can be rebuilt";
        std::future::ready(Err(Failure::permanent("no_rebuild", reason)))
    }

    /// Returns the state of the invocation's tumbling window, a JSON object.
    ///
    /// Called only in an invocation with a [`Window`], after the dead letters are written.
    /// `applied` has, in order, the items that ended as [`Handled::Applied`] and do not come again.
    /// By default the state stays as it came with the event. To fold records into a state, use
    /// [`WindowHandler`](super::WindowHandler).
    ///
    /// # Errors
    /// A failure fails the invocation: all of its records come again with the state they had.
    fn conclude(
        &self,
        _applied: &[&Item<Self::Record>],
        window: &Window,
        _context: &BatchContext,
    ) -> impl Future<Output = Result<Box<RawValue>, Failure>> + Send {
        std::future::ready(Ok(window.state.clone()))
    }
}
