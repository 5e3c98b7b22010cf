//! The engine's own queues: one per function that is invoked asynchronously, one per bus, and one
//! per topic with subscriptions.
//!
//! A message stays hidden in its queue until its event is done, and is deleted only then. So an end
//! of the engine at any moment loses nothing. An event that must wait long for its next attempt
//! goes back to its queue, and is received again when it is due.
//!
//! `OwnQueuePort` connects such a queue with the loop of [`crate::driver`]. `Events` is what
//! differs between functions, buses and topics.

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
