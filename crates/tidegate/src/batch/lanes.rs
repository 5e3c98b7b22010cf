use std::collections::HashMap;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::handler::{BatchContext, BatchHandler, Handler, Item};
use super::isolation::isolate;
use super::outcome::{NotRun, Outcome};
use crate::failure::Failure;
use crate::source::Delivery;

/// Runs a [`Handler`]: lanes concurrently, each lane in order, up to its first failure that keeps the record at its place.
///
/// A permanent failure does not stop a lane: the record will never be applied, and what comes after it must not wait for it.
#[derive(Debug)]
pub struct EachRecord<H> {
    handler: H,
    concurrency: usize,
}

impl<H: Handler> EachRecord<H> {
    /// Runs `handler` with at most `concurrency` records at a time (at least one).
    pub fn new(handler: H, concurrency: usize) -> Self {
        EachRecord { handler, concurrency: concurrency.max(1) }
    }

    async fn run_lane(
        &self,
        lane: Vec<usize>,
        items: &[Item<H::Record>],
        context: &BatchContext,
    ) -> Vec<(usize, Outcome)> {
        let mut outcomes = Vec::with_capacity(lane.len());
        let mut blocked = false;
        for index in lane {
            let Some(item) = items.get(index) else { continue };
            let outcome = if blocked {
                Outcome::NotRun(NotRun::Blocked)
            } else if Instant::now() >= context.deadline {
                Outcome::NotRun(NotRun::OutOfTime)
            } else {
                let handled = self.handler.handle(&item.record, context).instrument(item.span.clone());
                isolate(context.deadline, handled).await.flatten().into()
            };
            blocked |= outcome.stops_lane();
            outcomes.push((index, outcome));
        }
        outcomes
    }
}

impl<H: Handler> BatchHandler for EachRecord<H> {
    type Record = H::Record;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<H::Record, Failure> {
        self.handler.decode(delivery)
    }

    fn lane(&self, delivery: &Delivery<'_>) -> String {
        self.handler.lane(delivery)
    }

    fn span(&self, record: &H::Record) -> Span {
        self.handler.span(record)
    }

    async fn handle_batch(&self, items: &[Item<H::Record>], context: &BatchContext) -> Vec<Outcome> {
        let mut lanes: Vec<Vec<usize>> = Vec::new();
        let mut lane_of: HashMap<&str, usize> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let lane = *lane_of.entry(item.lane.as_str()).or_insert_with(|| {
                lanes.push(Vec::new());
                lanes.len() - 1
            });
            if let Some(lane) = lanes.get_mut(lane) {
                lane.push(index);
            }
        }
        let mut waiting = lanes.into_iter();
        let mut running = FuturesUnordered::new();
        running
            .extend(waiting.by_ref().take(self.concurrency).map(|lane| self.run_lane(lane, items, context)));
        let mut outcomes: Vec<Outcome> = items.iter().map(|_| Outcome::NotRun(NotRun::OutOfTime)).collect();
        while let Some(done) = running.next().await {
            running.extend(waiting.next().map(|lane| self.run_lane(lane, items, context)));
            for (index, outcome) in done {
                if let Some(slot) = outcomes.get_mut(index) {
                    *slot = outcome;
                }
            }
        }
        outcomes
    }
}
