//! The interface that accepts events for asynchronous invocation.

use futures::future::BoxFuture;

use crate::send_error::SendError;

/// Accepts events for asynchronous invocation.
pub trait EventQueue: Send + Sync {
    /// Accepts an event for a declared function and returns the request id of its attempts.
    ///
    /// `qualifier` is the version or alias to invoke. An accepted event outlives the engine for as
    /// long as the emulator runs.
    ///
    /// # Errors
    /// Why the event was not accepted, and whether it ever can be.
    fn accept<'a>(
        &'a self,
        function: &'a str,
        qualifier: Option<&'a str>,
        payload: String,
    ) -> BoxFuture<'a, Result<String, SendError>>;
}
