//! Invokes functions asynchronously, for EventBridge rules and for Invoke with the type `Event`.
//!
//! Each function with such events has a queue of the engine's own in the emulator. A message stays
//! hidden there until its event has ended, and is deleted only then. So an end of the engine at any
//! moment loses nothing; as on AWS, it may cause a duplicate.
//!
//! [`machine::Invocations`] holds the rules, as a state machine without clock and I/O. [`start`]
//! runs it.

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
