//! The declared functions, wherever they run.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;

use super::spec::FunctionSpec;
use super::status::FunctionStatus;
use crate::invocation::Invoker;

/// The declared functions, ready to be invoked.
///
/// [`Fleet`](super::Fleet) runs them as processes of the engine's own;
/// [`RemoteFunctions`](crate::remote::RemoteFunctions) hands every invocation to something else.
pub trait Functions: Invoker + Debug {
    /// All of them, in the order of their names.
    fn specs(&self) -> Vec<&FunctionSpec>;

    /// One of them.
    fn spec(&self, name: &str) -> Option<&FunctionSpec>;

    /// What each did and uses.
    fn status(&self) -> BTreeMap<String, FunctionStatus>;

    /// Returns the number of invocations that were accepted and have no result yet.
    fn in_flight(&self) -> usize;

    /// Throttles the invocations that wait in line for a busy function, now and later.
    ///
    /// An engine that is about to stop begins nothing new.
    fn close_lines(&self);

    /// Waits up to `grace` for the invocations in flight of the engine's own processes, then kills
    /// them and waits until they are gone.
    fn stop(&self, grace: Duration) -> BoxFuture<'_, ()>;
}
