//! The interface of the declared functions, wherever they run.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;

use super::spec::FunctionSpec;
use super::status::FunctionStatus;
use crate::invocation::Invoker;

/// The declared functions, ready to be invoked.
///
/// [`Fleet`](super::Fleet) runs them as processes of the engine's own.
/// [`RemoteFunctions`](crate::remote::RemoteFunctions) passes every invocation to something else.
pub trait Functions: Invoker + Debug {
    /// Returns all functions, ordered by name.
    fn specs(&self) -> Vec<&FunctionSpec>;

    /// Returns the function with this name.
    fn spec(&self, name: &str) -> Option<&FunctionSpec>;

    /// Returns the status of each function, by name.
    fn status(&self) -> BTreeMap<String, FunctionStatus>;

    /// Returns the number of invocations that were accepted and have no result yet.
    fn in_flight(&self) -> usize;

    /// Throttles the invocations that wait in line for a busy function, now and later.
    ///
    /// An engine that is about to stop begins nothing new.
    fn close_lines(&self);

    /// Ends the engine's own processes.
    ///
    /// Waits up to `grace` for their invocations in flight. Then kills every process and waits
    /// until all are gone.
    fn stop(&self, grace: Duration) -> BoxFuture<'_, ()>;
}
