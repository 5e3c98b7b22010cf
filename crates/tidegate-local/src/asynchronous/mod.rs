//! Asynchronous invocation: the events that EventBridge rules hand to a function, and those of Invoke with the type `Event`.
//!
//! Each function that gets such events has a queue of the engine's own in the emulator. A message stays hidden there until its event's life has ended
//! and is only then deleted, so that an end of the engine at any moment loses nothing; it may cost a duplicate, as on AWS. The rules are in
//! [`machine::Events`], a state machine without clock and I/O; [`start`] runs the driver around it.

mod delivery;
mod life;
pub mod machine;
mod settings;
pub mod step;
#[cfg(test)]
mod tests;

use futures::future::BoxFuture;

use crate::send_error::SendError;

pub use delivery::{AsynchronousQueue, AsynchronousStatus, Asynchronously, start};
pub use settings::AsynchronousSettings;

pub(crate) use delivery::QUALIFIER;
pub(crate) use settings::HIDDEN_SECONDS;

/// Takes events for asynchronous invocation.
pub trait EventQueue: Send + Sync {
    /// Takes one event for a declared function, invoked by this version or alias, and gives the request id of its attempts. An event that was taken
    /// outlives the engine, as long as the emulator does.
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
