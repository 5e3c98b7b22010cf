//! Routes events of EventBridge buses: matches each event against every rule and hands it to the
//! targets.
//!
//! In the emulator a bus has one rule, which matches everything and sends it to a queue of the
//! engine's own. The engine itself decides which rules match an event, how a hand-over is retried
//! and where it ends, since no emulator does so as EventBridge does. A function gets an event by
//! asynchronous invocation, a queue or a topic as a message, a stream as a record. What it gets of
//! the event is the target's input ([`topology::input`]). Another bus gets the event itself.
//!
//! An event leaves the bus's queue only when every target, or its dead-letter queue, has it. So an
//! end of the engine at any moment loses nothing; as on EventBridge, an event may be handed over
//! twice.
//!
//! [`machine::Router`] holds the rules of delivery, as a state machine without clock and I/O.
//! [`start`] runs it.

mod bus_queue;
mod hand_over;
mod infinity;
mod letter;
mod life;
pub mod machine;
mod refusal;
mod routing;
mod rule;
pub mod settings;
mod status;
pub mod step;
#[cfg(test)]
mod tests;

pub use bus_queue::BusQueue;
pub use refusal::{GivenUp, Refusal};
pub use routing::start;
pub use rule::{OtherBus, Retries, Rule, Target};
pub use status::{BusRouter, BusStatus, RuleStatus};
