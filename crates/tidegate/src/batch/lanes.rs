//! Runs the records of a batch one at a time: lanes concurrently, each lane in order.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::concurrency::Concurrency;
use super::context::BatchContext;
use super::decode::Decode;
use super::handler::{BatchHandler, Handler};
use super::isolation::isolate;
use super::item::Item;
use super::outcome::{NotRun, Outcome};
use crate::failure::Failure;
use crate::source::Delivery;

/// Runs a [`Handler`]: lanes concurrently, each lane in order.
///
/// A lane stops at its first failure that is not permanent. After a permanent failure it goes on,
/// because that record will never be applied and the records behind it must not wait.
///
/// Throttling lowers the concurrency: a failure with the code [`Failure::THROTTLED`] halves the
/// number of records that run at a time, down to one. Each round without such a failure raises it
/// by one, up to the configured number. The next invocation begins with the number of the last one.
#[derive(Debug)]
pub struct EachRecord<H> {
    handler: H,
    concurrency: Concurrency,
}

/// The rest of a lane: places of its records, in order.
type Lane = VecDeque<usize>;

impl<H: Handler> EachRecord<H> {
    /// Wraps `handler`, which then handles at most `concurrency` records at a time (at least one).
    pub fn new(handler: H, concurrency: usize) -> Self {
        Self { handler, concurrency: Concurrency::new(concurrency) }
    }

    /// Runs the records of a lane until it is empty or stops, or until lanes must take turns.
    ///
    /// Returns the outcomes by place, and the rest of the lane.
    async fn run_lane(
        &self,
        mut lane: Lane,
        turns: &Turns,
        items: &[Item<H::Record>],
        context: &BatchContext,
    ) -> (Vec<(usize, Outcome)>, Lane) {
        let mut outcomes = Vec::with_capacity(lane.len());
        while let Some(place) = lane.pop_front() {
            let Some(item) = items.get(place) else { continue };
            let outcome = self.run_one(item, context).await;
            let stopped = outcome.stops_lane();
            outcomes.push((place, outcome));
            if stopped {
                outcomes.extend(
                    lane.drain(..).map(|behind| (behind, Outcome::NotRun(NotRun::Blocked))),
                );
            } else if turns.are_due(self.concurrency.now()) {
                break;
            }
        }
        (outcomes, lane)
    }

    async fn run_one(&self, item: &Item<H::Record>, context: &BatchContext) -> Outcome {
        if Instant::now() >= context.deadline {
            return Outcome::NotRun(NotRun::OutOfTime);
        }
        let begun = self.concurrency.begin();
        let context = context.for_item(item);
        let handled = self.handler.handle(&item.record, &context).instrument(item.span.clone());
        let result = item.stopwatch.time(isolate(context.deadline, handled)).await.flatten();
        let throttled = result.as_ref().is_err_and(|failure| failure.code() == Failure::THROTTLED);
        self.concurrency.end(begun, throttled);
        result.into()
    }
}

/// How many lanes run and how many wait, shared with the lanes at work.
///
/// A lane checks this after each record. Example: two lanes run and one waits. If throttling lowers
/// the limit to 1, the next lane that ends a record returns its rest and waits. If the limit rises
/// to 3, a lane returns its rest so that the loop can start the waiting lane as well.
#[derive(Default)]
struct Turns {
    running: AtomicUsize,
    waiting: AtomicUsize,
}

impl Turns {
    fn note(&self, running: usize, waiting: usize) {
        self.running.store(running, Ordering::Relaxed);
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Returns whether more lanes run than may, or fewer although some wait.
    fn are_due(&self, may_run: usize) -> bool {
        let (running, waiting) =
            (self.running.load(Ordering::Relaxed), self.waiting.load(Ordering::Relaxed));
        running > may_run || (running < may_run && waiting > 0)
    }
}

/// Groups the items into lanes, in the order of their first records.
fn lanes<R>(items: &[Item<R>]) -> VecDeque<Lane> {
    let mut lanes: VecDeque<Lane> = VecDeque::new();
    let mut lane_of: HashMap<&str, usize> = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        let lane = *lane_of.entry(item.lane.as_str()).or_insert_with(|| {
            lanes.push_back(Lane::new());
            lanes.len() - 1
        });
        if let Some(lane) = lanes.get_mut(lane) {
            lane.push_back(place);
        }
    }
    lanes
}

impl<H: Handler> Decode for EachRecord<H> {
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
}

impl<H: Handler> BatchHandler for EachRecord<H> {
    async fn handle_batch(
        &self,
        items: &[Item<H::Record>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        let mut waiting = lanes(items);
        let turns = Turns::default();
        let mut running = FuturesUnordered::new();
        let mut outcomes: Vec<Outcome> =
            items.iter().map(|_| Outcome::NotRun(NotRun::OutOfTime)).collect();
        loop {
            while running.len() < self.concurrency.now()
                && let Some(lane) = waiting.pop_front()
            {
                running.push(self.run_lane(lane, &turns, items, context));
            }
            turns.note(running.len(), waiting.len());
            let Some((done, left)) = running.next().await else { return outcomes };
            turns.note(running.len(), waiting.len());
            if !left.is_empty() {
                // A lane that has begun continues before another lane begins.
                waiting.push_front(left);
            }
            for (place, outcome) in done {
                if let Some(slot) = outcomes.get_mut(place) {
                    *slot = outcome;
                }
            }
        }
    }
}
