//! Timelines of messages, for the console.
//!
//! The engine does not know how a toolkit stores events. The program that starts the engine knows
//! it and provides the timelines.

use futures::future::BoxFuture;
use serde_json::Value;

use crate::clients::Clients;
use topology::Topology;

/// Reads timelines and instances of processes.
///
/// The console shows the JSON as it comes. A timeline is an object:
///
/// - `streams`: names of the streams, in the order of their lanes.
/// - `entries`: objects with `number`, `at`, `stream`, `version`, `what` (kind) and `text`. If they
///   are known: `cause` (number), `outside` (`source`, `id`), `since_cause_ms`,
///   `since_arrival_ms`.
/// - `waits`: objects with `for` (kind) and `text`.
/// - `summary` and `missing`: lines about the whole, and about what is not there.
///
/// The answer to the list of instances is an object:
///
/// - `instances`: objects with `instance`, `state`, `since` and `ended`. If they are known: `due`
///   and `stuck`.
/// - `missing`: lines about what is not there.
pub trait Timelines: Send + Sync {
    /// Returns the timeline of a stream or correlation id; `None` if nothing has this id.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn timeline<'a>(
        &'a self,
        clients: &'a Clients,
        topology: &'a Topology,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, String>>;

    /// Returns the newest instances of processes, stuck ones first.
    ///
    /// # Errors
    /// Why they cannot be read, for people.
    fn instances<'a>(
        &'a self,
        clients: &'a Clients,
        topology: &'a Topology,
    ) -> BoxFuture<'a, Result<Value, String>>;
}
