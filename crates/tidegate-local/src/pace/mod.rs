//! Polling intervals, waits and back-off.

mod earliest;
mod pacer;
pub mod retry;
pub mod scale;
pub(crate) mod wait;

pub(crate) use earliest::Earliest;
pub use pacer::{Due, Pace, Pacer, QUICK_POLLS};
pub(crate) use wait::{Seen, Signals};
