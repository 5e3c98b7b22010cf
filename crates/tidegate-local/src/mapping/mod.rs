//! Event source mappings: deliver the records of streams and queues to functions by Lambda's rules.
//!
//! State machines without clock and I/O hold the rules: [`stream::shard::Shard`] for one shard of a
//! stream, [`queue::Queue`] for a queue. One driver runs them; a port for each kind does what they
//! ask for.

pub mod answer;
mod counts;
mod lane_status;
pub mod queue;
mod status;
pub mod stream;

pub use counts::Counts;
pub use lane_status::{LaneCondition, LaneReport, LaneStatus};
pub use status::{Mapping, MappingStatus};
