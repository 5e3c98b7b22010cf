//! Runs the deliveries of one invocation.
//!
//! Records are decoded one by one, grouped into lanes by ordering key, and handled: lanes concurrently, each lane in order up to its first
//! failure. What fails for good is dead-lettered with its payload and acknowledged; the rest of the failures is reported for redelivery.

mod handler;
mod isolation;
mod lanes;
mod metrics;
mod outcome;
mod runner;

pub use handler::{BatchContext, BatchHandler, Handler, Item};
pub use lanes::EachRecord;
pub use metrics::Counts;
pub use outcome::{Effect, NotRun, Outcome};
pub use runner::{Invocation, Report, Runner};

#[cfg(test)]
mod tests;
