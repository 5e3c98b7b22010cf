//! Takes events for functions.

use futures::future::BoxFuture;

use crate::send_error::SendError;

/// Takes events for asynchronous invocation.
pub trait EventQueue: Send + Sync {
    /// Takes one event for a declared function, invoked by this version or alias, and gives the
    /// request id of its attempts. An event that was taken outlives the engine, as long as the
    /// emulator does.
    ///
    /// # Errors
    /// Why it was not taken, and whether it ever can be.
    fn accept<'a>(
        &'a self,
        function: &'a str,
        qualifier: Option<&'a str>,
        payload: String,
    ) -> BoxFuture<'a, Result<String, SendError>>;
}
