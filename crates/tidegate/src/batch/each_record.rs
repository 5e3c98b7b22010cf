//! Handles the records of a batch one at a time.

use tokio::time::Instant;
use tracing::Instrument;

use super::concurrency::Concurrency;
use super::context::BatchContext;
use super::decode::decode_as_its_handler;
use super::handler::{BatchHandler, Handler};
use super::isolation::isolate;
use super::item::Item;
use super::lanes::{Lane, Steps, run_lanes};
use super::outcome::{NotRun, Outcome};

/// Runs a [`Handler`]: lanes concurrently, each lane in order.
///
/// A lane stops at its first failure that is not permanent. After a permanent failure it goes on,
/// because that record will never be applied and the records behind it must not wait.
///
/// Throttling lowers the concurrency: a failure with the code
/// [`Failure::THROTTLED`](crate::failure::Failure::THROTTLED) halves the number of records that run
/// at a time, down to one. Each round without such a failure raises it by one, up to the
/// configured number. The next invocation begins with the number of the last one.
#[derive(Debug)]
pub struct EachRecord<H> {
    handler: H,
    concurrency: Concurrency,
}

impl<H: Handler> EachRecord<H> {
    /// Wraps `handler`, which then handles at most `concurrency` records at a time (at least one).
    pub fn new(handler: H, concurrency: usize) -> Self {
        Self { handler, concurrency: Concurrency::new(concurrency) }
    }
}

decode_as_its_handler!(EachRecord<H: Handler>);

impl<H: Handler> BatchHandler for EachRecord<H> {
    async fn handle_batch(
        &self,
        items: &[Item<H::Record>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        run_lanes(items, &self.concurrency, &Records { handler: &self.handler, context }).await
    }
}

/// Steps of one record each.
struct Records<'a, H> {
    handler: &'a H,
    context: &'a BatchContext,
}

impl<H: Handler> Steps<H::Record> for Records<'_, H> {
    fn take(&self, lane: &mut Lane, _: &[Item<H::Record>]) -> Vec<usize> {
        lane.pop_front().into_iter().collect()
    }

    async fn run(&self, step: &[&Item<H::Record>]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(step.len());
        for item in step {
            if Instant::now() >= self.context.deadline {
                outcomes.push(Outcome::NotRun(NotRun::OutOfTime));
                continue;
            }
            let context = self.context.for_item(item);
            let handled = self.handler.handle(&item.record, &context).instrument(item.span.clone());
            let handled = isolate(self.context.deadline, handled);
            outcomes.push(item.stopwatch.time(handled).await.flatten().into());
        }
        outcomes
    }
}
