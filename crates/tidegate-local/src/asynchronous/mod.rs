//! Asynchronous invocation: the events that EventBridge rules hand to a function.
//!
//! In the emulator such a rule points to a queue of the engine's own. A message stays hidden there until its event's life has ended
//! and is only then deleted, so that an end of the engine at any moment loses nothing. The rules are in [`events::Events`], a state
//! machine without clock and I/O; [`start`] runs the driver around it.

mod driver;
pub mod events;
pub mod failure;

pub use driver::{AsynchronousQueue, AsynchronousStatus, Asynchronously, RuleQueue, start};
