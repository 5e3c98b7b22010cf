//! Asynchronous invocation: the events that EventBridge rules hand to a function, and those of Invoke with the type `Event`.
//!
//! In the emulator such a rule points to a queue of the engine's own, and Invoke sends to one. A message stays hidden there until its event's life has ended
//! and is only then deleted, so that an end of the engine at any moment loses nothing. The rules are in [`events::Events`], a state
//! machine without clock and I/O; [`start`] runs the driver around it.

mod driver;
pub mod events;
pub mod failure;

use futures::future::BoxFuture;

pub use driver::{AsynchronousQueue, AsynchronousStatus, Asynchronously, INVOKE, RuleQueue, start};

/// Takes events for asynchronous invocation.
pub trait EventQueue: Send + Sync {
    /// Takes one event for a declared function, and gives the request id of its attempts. An event that was taken outlives the engine, as long as the
    /// emulator does.
    ///
    /// # Errors
    /// Why it was not taken.
    fn accept<'a>(&'a self, function: &'a str, payload: String) -> BoxFuture<'a, Result<String, String>>;
}
