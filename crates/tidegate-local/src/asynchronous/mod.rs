//! Asynchronous invocation: the events that EventBridge rules hand to a function, and those of
//! Invoke with the type `Event`.
//!
//! Each function that gets such events has a queue of the engine's own in the emulator. A message
//! stays hidden there until its event's life has ended and is only then deleted, so that an end of
//! the engine at any moment loses nothing; it may cost a duplicate, as on AWS. The rules are in
//! [`machine::Invocations`], a state machine without clock and I/O; [`start`] runs it.

mod delivery;
mod event_queue;
mod life;
pub mod machine;
mod settings;
mod status;
pub mod step;
#[cfg(test)]
mod tests;

pub use delivery::{Asynchronously, start};
pub use event_queue::EventQueue;
pub use settings::AsynchronousSettings;
pub use status::{AsynchronousQueue, AsynchronousStatus};

pub(crate) use delivery::QUALIFIER;
pub(crate) use settings::HIDDEN_SECONDS;
