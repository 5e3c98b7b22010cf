//! Applies the commits of the event store to a read model.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::change::Projection;
use super::confirmed::Slices;
use super::look::{INTERVAL, Look};
use super::pace::Pace;
use super::read_model::ReadModel;
use crate::store::{EventReader, Retry};

/// Applies the commits of the event store to a read model.
///
/// It takes records of the store's DynamoDB stream, and messages with the envelopes of events: from
/// a queue, a bus, a topic or a Kinesis stream. A message is a hint to read the event from the
/// store. One that names an event which the store does not have fails with the code `not_in_store`
/// (permanent), and costs nothing else.
///
/// A delivery is acknowledged when all counters of its events are written, and not before.
///
/// Histories are read several at a time, and at most until half of the time to the deadline is
/// over. What is read by then is applied, so a slow event store costs only what it does not answer.
///
/// It begins no transaction after the invocation's deadline, and cancels every call that has no
/// answer by then. Events in such a call fail with the code `deadline` (transient), because they
/// may have taken effect. Events that were not begun are reported as not run.
pub struct Projector<P> {
    pub(super) projection: P,
    pub(super) read_model: Arc<dyn ReadModel>,
    pub(super) events: Arc<dyn EventReader>,
    pub(super) retry: Retry,
    /// How fast the read model accepts transactions.
    pub(super) pace: Pace,
    /// When the list of parked aggregates was last read.
    pub(super) look: Look,
    /// How far the deltas of the slices are counted.
    pub(super) slices: Slices,
}

impl<P> fmt::Debug for Projector<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projector").field("retry", &self.retry).finish_non_exhaustive()
    }
}

impl<P: Projection> Projector<P> {
    /// Creates a projector that applies `projection` to `read_model`. It fills gaps from `events`.
    pub fn new(
        projection: P,
        read_model: Arc<dyn ReadModel>,
        events: Arc<dyn EventReader>,
    ) -> Self {
        Self {
            projection,
            read_model,
            events,
            retry: Retry::default(),
            pace: Pace::default(),
            look: Look::every(INTERVAL),
            slices: Slices::default(),
        }
    }

    /// Sets the shortest time between two reads of the list of parked aggregates; 10 seconds by
    /// default.
    ///
    /// The first invocation of an environment always reads the list. A long list is read in parts,
    /// one in each invocation.
    #[must_use]
    pub fn look_for_parked_every(mut self, interval: Duration) -> Self {
        self.look = Look::every(interval);
        self
    }
}
