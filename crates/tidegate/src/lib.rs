//! Toolkit for event-driven functions on AWS Lambda in which every event takes effect exactly once, in order, and none is lost.

pub mod aws;
pub mod batch;
pub mod config;
pub mod dead_letter;
pub mod envelope;
#[cfg(feature = "schema")]
mod envelope_schema;
pub mod failure;
pub mod function;
pub mod idempotency;
pub mod ids;
pub mod log;
pub mod message;
pub mod projection;
pub mod source;
pub mod store;

#[doc(hidden)]
pub use serde_json;
