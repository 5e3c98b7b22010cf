//! The shapes of Lambda: what it hands to functions, what functions answer, and what it sends on.
//!
//! The delivery engine writes these shapes as Lambda does, and the operator's commands read and write
//! the same ones when they replay dead letters.

pub mod asynchronous_record;
pub mod batching;
pub mod dynamodb;
pub mod kinesis;
pub mod message;
pub mod moment;
pub mod partial_response;
pub mod queue;
pub mod record;
pub mod sequence;
pub mod stream_failure;
pub mod stream_kind;
pub mod text;
