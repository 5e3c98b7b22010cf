//! Reports the outcome of each delivery to the caller.

use std::time::Duration;

use super::outcome::Outcome;
use crate::failure::Failure;
use crate::source::{Delivery, Source};

/// Receives the outcome of each delivery, for metrics.
///
/// See [`Runner::observe`](super::Runner::observe).
pub trait Observer: Send + Sync {
    /// Called once for each delivery of an invocation, in the order of the batch.
    ///
    /// The calls come after the outcomes of the whole batch are decided. A panic is logged and has
    /// no other effect.
    fn observe(&self, observation: &Observation<'_>);
}

/// The outcome of one delivery, with its measurements.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Observation<'a> {
    /// Source of the delivery.
    pub source: Source,
    /// Delivery: its position, arrival time and attempts.
    pub delivery: &'a Delivery<'a>,
    /// Lane of the delivery.
    pub lane: &'a str,
    /// Outcome, after dead letters were written.
    pub outcome: &'a Outcome,
    /// Why the delivery failed, even if it was dead-lettered.
    pub failure: Option<&'a Failure>,
    /// How long the record was at work. `None` if it was not started.
    ///
    /// If the handler handles whole batches and does not time each record, this is the time of the
    /// batch.
    pub took: Option<Duration>,
}
