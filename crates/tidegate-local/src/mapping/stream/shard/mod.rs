//! One shard of a stream: its records are delivered in order, tried again, given up and
//! checkpointed.

mod advance;
mod answered;
pub mod failing;
pub mod lane;
mod machine;
pub mod position;
mod report;
pub mod step;
pub mod window;

#[cfg(test)]
mod tests;

pub use machine::Shard;
