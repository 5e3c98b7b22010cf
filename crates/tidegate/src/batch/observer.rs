//! The caller's view of what became of each delivery.

use std::time::Duration;

use super::outcome::Outcome;
use crate::failure::Failure;
use crate::source::{Delivery, Source};

/// Is told what became of each delivery, for metrics. See [`Runner::observe`](super::Runner::observe).
pub trait Observer: Send + Sync {
    /// Called once for each delivery of an invocation, in the order of the batch, when all of it has
    /// been decided. A panic is logged and changes nothing.
    fn observe(&self, observation: &Observation<'_>);
}

/// What became of one delivery.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Observation<'a> {
    /// Where it came from.
    pub source: Source,
    /// The delivery: its position, when it arrived, its attempts.
    pub delivery: &'a Delivery<'a>,
    /// Its lane.
    pub lane: &'a str,
    /// Its outcome, after dead letters were written.
    pub outcome: &'a Outcome,
    /// Why it failed, also where the outcome is that it was dead-lettered.
    pub failure: Option<&'a Failure>,
    /// How long it was at work. A handler of whole batches that times no record is measured as a whole; a record that was not begun has none.
    pub took: Option<Duration>,
}
