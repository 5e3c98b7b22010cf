//! Event source mappings: what is read from streams and queues is delivered to functions by Lambda's rules.
//!
//! The rules are in state machines without clock and I/O ([`shard::Shard`] for one shard of a stream); the drivers around them
//! poll, invoke, wait and store ([`stream::start`]).

pub mod answer;
pub mod dynamodb;
pub mod failing;
pub mod kinesis;
pub mod lane;
pub mod pace;
pub mod position;
pub mod queue;
pub(crate) mod queue_deletion;
pub mod queue_driver;
pub(crate) mod queue_hides;
pub(crate) mod queue_receiver;
mod reader;
pub mod retry;
pub mod scale;
pub mod settings;
pub mod shard;
pub mod source;
pub mod start;
mod status;
pub mod step;
pub mod stream;
pub mod window;

pub use status::MappingStatus;

/// A running mapping.
pub type Mapping = crate::running::Running<MappingStatus>;
