//! Handles batches of the event store's DynamoDB stream, and of messages that say what it has.

use tracing::error;

use super::change::Projection;
use super::deadline::Deadline;
use super::projector::Projector;
use super::results::fail;
use super::round::{Next, Progress};
use crate::batch::{BatchContext, BatchHandler, Decode, Item, NotRun, Outcome};
use crate::failure::Failure;
use crate::source::{Body, Delivery};
use crate::store::CommitChange;

impl<P: Projection> Decode for Projector<P> {
    type Record = CommitChange;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<CommitChange, Failure> {
        match &delivery.body {
            Ok(Body::Bytes(_)) => CommitChange::hint(delivery),
            _ => CommitChange::from_delivery(delivery),
        }
    }

    fn lane(&self, delivery: &Delivery<'_>) -> String {
        CommitChange::lane(delivery)
    }
}

impl<P: Projection> BatchHandler for Projector<P> {
    async fn handle_batch(
        &self,
        items: &[Item<CommitChange>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        let deadline = Deadline(context.deadline);
        let listed = match self.listed(deadline).await {
            Ok(listed) => listed,
            Err(failure) => {
                return items.iter().map(|_| Outcome::Failed(failure.clone())).collect();
            }
        };
        let mut outcomes: Vec<Option<Outcome>> = items.iter().map(|_| None).collect();
        let mut progress = Progress::default();
        for attempt in 0..self.retry.attempts {
            if deadline.is_over()
                || self.round(items, &mut outcomes, &mut progress, context).await == Next::Nothing
            {
                break;
            }
            deadline.pause(self.retry.pause_after(attempt)).await;
        }
        for stream in progress.released {
            let Err(failure) = self.catch_up(&stream, context.replay, deadline).await else {
                continue;
            };
            let (stream_id, reason) = (stream.as_str(), failure.reason());
            error!(
                stream = stream_id,
                reason,
                "some events of a released aggregate are not applied yet; a later invocation applies them"
            );
            if context.replay {
                // The letter stays, so that it can be replayed again.
                let places =
                    (0..).zip(items).filter(|(_, item)| item.record.stream() == Some(&stream));
                fail(&mut outcomes, places.map(|(place, _)| place), &failure);
            }
        }
        self.release(listed, deadline).await;
        let undecided = if deadline.is_over() {
            Outcome::NotRun(NotRun::OutOfTime)
        } else {
            Outcome::Failed(Failure::transient(
                "guard_moved",
                "other environments changed the guard of this aggregate in every attempt",
            ))
        };
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| undecided.clone())).collect()
    }
}
