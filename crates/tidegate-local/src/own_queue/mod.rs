//! The engine's own queues, of functions and of buses: what both deliver by.

mod resting;

pub(crate) use resting::{Resting, SHORTEST_REST, hidden_for};
