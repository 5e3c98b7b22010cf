//! Event source mappings: what is read from streams and queues is delivered to functions by
//! Lambda's rules.
//!
//! The rules are in state machines without clock and I/O: [`stream::shard::Shard`] for one shard of
//! a stream, [`queue::Queue`] for a queue. The drivers around them poll, invoke, wait and store.

pub mod answer;
mod counts;
pub mod queue;
mod status;
pub mod stream;

pub use counts::Counts;
pub use status::{Mapping, MappingStatus};
