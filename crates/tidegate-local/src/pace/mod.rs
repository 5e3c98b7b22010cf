//! Time: how fast sources are polled, how long waits are, and when a moment has come.

mod pacer;
pub mod retry;
pub mod scale;
pub(crate) mod wait;

pub use pacer::{Due, Pace, Pacer};
