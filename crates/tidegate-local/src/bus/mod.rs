//! EventBridge buses: every event of a bus is matched against every rule of it, and handed over to
//! the targets of those that match.
//!
//! In the emulator a bus has one rule that matches everything and sends it to a queue of the
//! engine's own; which events a rule means, how a hand-over is retried and where it ends is decided
//! here, since no emulator does it as EventBridge does. To a function an event is handed by
//! asynchronous invocation, to a queue as a message. An event leaves the bus's queue only when
//! every target, or its dead-letter queue, has it: an end of the engine at any moment loses
//! nothing, and may hand an event over twice, as EventBridge may. The rules are in
//! [`machine::Router`], a state machine without clock and I/O; [`start`] runs it.

mod infinity;
mod letter;
mod life;
pub mod machine;
mod refusal;
mod routing;
mod rule;
mod status;
pub mod step;
#[cfg(test)]
mod tests;

pub use refusal::{Exhausted, GivenUp, Refusal};
pub use routing::{BusQueue, start};
pub use rule::{Retries, Rule, Target};
pub use status::{BusRouter, BusStatus, RuleStatus};
