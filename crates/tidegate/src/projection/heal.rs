//! Brings a read model up to date without a delivery, for a rebuild.

use std::sync::Arc;

use tokio::time::Instant;

use super::change::{Projected, Projection};
use super::deadline::Deadline;
use super::projector::Projector;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::store::{RecordedCommit, RecordedEvent};

impl<P: Projection> Projector<P> {
    /// Applies all events of an aggregate in the event store. One that is parked for good stays as
    /// it is.
    pub(crate) async fn heal(&self, stream: &StreamId, deadline: Instant) -> Result<(), Failure> {
        self.catch_up(stream, false, Deadline(deadline)).await
    }

    /// Brings all stored deltas into their counters.
    pub(crate) async fn count_all(&self, deadline: Instant) -> Result<(), Failure> {
        let deadline = Deadline(deadline);
        for head in deadline.call(self.read_model.heads()).await? {
            if head.applied < head.last {
                self.finish(head.slice, deadline).await?;
            }
        }
        Ok(())
    }
}

impl<P: Projection + ?Sized> Projection for Arc<P> {
    fn concerns(&self, stream: &StreamId) -> bool {
        (**self).concerns(stream)
    }

    fn project(
        &self,
        commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        (**self).project(commit, event)
    }
}
