//! The engine's own queues: one per function that is invoked asynchronously, and one per bus.
//!
//! A message stays hidden in its queue until the event in it is done with, and is deleted then: an
//! end of the engine at any moment loses nothing. Events that wait long for another attempt go back
//! to their queue, and come again from there.

mod held;
mod machine;
mod port;
mod queue;
pub(crate) mod resting;

pub(crate) use held::{EXTEND_AFTER, HELD, HELD_AT_MOST, Phase, too_many};
pub(crate) use machine::EventMachine;
pub(crate) use port::{EventAction, Events, OwnQueuePort};
pub(crate) use queue::OwnQueue;
pub(crate) use resting::Resting;
