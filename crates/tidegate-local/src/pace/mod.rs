//! Time: how fast sources are polled, how long waits are, and when a moment has come.

mod earliest;
mod pacer;
pub mod retry;
pub mod scale;
pub(crate) mod wait;

pub(crate) use earliest::Earliest;
pub use pacer::{Due, Pace, Pacer};
