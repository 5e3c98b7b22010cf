//! Event source mappings: deliver the records of streams and queues to functions by Lambda's rules.
//!
//! State machines without clock and I/O hold the rules: [`stream::shard::Shard`] for one shard of a
//! stream, [`queue::Queue`] for a queue. The drivers around them poll, invoke, wait and store.

pub mod answer;
mod counts;
pub mod queue;
mod status;
pub mod stream;

pub use counts::Counts;
pub use status::{Mapping, MappingStatus};
