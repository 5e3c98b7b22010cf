//! Handles consecutive records of one event stream together.

use std::future::Future;

use tokio::time::Instant;
use tracing::Instrument;

use super::concurrency::Concurrency;
use super::context::BatchContext;
use super::decode::{Decode, decode_as_its_handler};
use super::handler::BatchHandler;
use super::isolation::isolate;
use super::item::Item;
use super::lanes::{Lane, Steps, run_lanes};
use super::outcome::{NotRun, Outcome};
use crate::failure::Failure;
use crate::ids::StreamId;

/// Handles consecutive records of one event stream together, such as the commands of an aggregate.
///
/// Wrap it in [`EachStream`], which adds lanes, isolation and deadlines.
pub trait StreamHandler: Decode {
    /// Returns the stream that the record is about.
    fn stream<'a>(&self, record: &'a Self::Record) -> &'a StreamId;

    /// Handles records of a stream, which are in the order of their lane.
    ///
    /// Returns one outcome for each record, in the same order. A record behind a failure that is
    /// not permanent must have the outcome [`NotRun::Blocked`], because it must not be handled
    /// before that record. Usually calls [`execute_all`](crate::store::execute_all), which returns
    /// such outcomes.
    ///
    /// Must be idempotent, as [`Handler::handle`](super::Handler::handle) must be.
    fn handle(
        &self,
        stream: &StreamId,
        records: &[&Self::Record],
        context: &BatchContext,
    ) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// Runs a [`StreamHandler`]: lanes concurrently, each lane in order.
///
/// Consecutive records of a lane that are about the same stream are handled together. If the
/// handler panics, or returns another number of outcomes, it handles each of them alone, so that
/// only the guilty record fails. Otherwise the same rules apply as for
/// [`EachRecord`](super::EachRecord).
#[derive(Debug)]
pub struct EachStream<H> {
    handler: H,
    concurrency: Concurrency,
}

impl<H: StreamHandler> EachStream<H> {
    /// Wraps `handler`, which then handles at most `concurrency` streams at a time (at least one).
    ///
    /// Their writes share requests, 25 in each, so a hundred streams cost four requests.
    pub fn new(handler: H, concurrency: usize) -> Self {
        Self { handler, concurrency: Concurrency::new(concurrency) }
    }
}

decode_as_its_handler!(EachStream<H: StreamHandler>);

impl<H: StreamHandler> BatchHandler for EachStream<H> {
    async fn handle_batch(
        &self,
        items: &[Item<H::Record>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        run_lanes(items, &self.concurrency, &Streams { handler: &self.handler, context }).await
    }
}

/// Steps of consecutive records of one stream.
struct Streams<'a, H> {
    handler: &'a H,
    context: &'a BatchContext,
}

impl<H: StreamHandler> Steps<H::Record> for Streams<'_, H> {
    fn take(&self, lane: &mut Lane, items: &[Item<H::Record>]) -> Vec<usize> {
        let stream = |place: usize| Some(self.handler.stream(&items.get(place)?.record));
        let mut step = Vec::with_capacity(lane.len());
        while let Some(place) = lane.front().copied()
            && step.first().is_none_or(|first| stream(*first) == stream(place))
        {
            lane.pop_front();
            step.push(place);
        }
        step
    }

    async fn run(&self, step: &[&Item<H::Record>]) -> Vec<Outcome> {
        let failure = match self.together(step).await {
            Ok(outcomes) if outcomes.len() == step.len() => return outcomes,
            Ok(outcomes) => wrong_count(outcomes.len(), step.len()),
            Err(failure) => failure,
        };
        if step.len() < 2 || Instant::now() >= self.context.deadline {
            return stopped(failure, step.len());
        }
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(step.len());
        for item in step {
            let outcome = match self.together(std::slice::from_ref(item)).await {
                Ok(alone) if alone.len() == 1 => alone.into_iter().next(),
                Ok(alone) => Some(Outcome::Failed(wrong_count(alone.len(), 1))),
                Err(failure) => Some(Outcome::Failed(failure)),
            };
            outcomes.extend(outcome);
            if outcomes.last().is_none_or(Outcome::stops_lane) {
                break;
            }
        }
        outcomes.resize(step.len(), Outcome::NotRun(NotRun::Blocked));
        outcomes
    }
}

impl<H: StreamHandler> Streams<'_, H> {
    /// Handles records together, in the span of the first.
    async fn together(&self, step: &[&Item<H::Record>]) -> Result<Vec<Outcome>, Failure> {
        let Some((first, others)) = step.split_first() else { return Ok(Vec::new()) };
        if Instant::now() >= self.context.deadline {
            return Ok(vec![Outcome::NotRun(NotRun::OutOfTime); step.len()]);
        }
        let records: Vec<&H::Record> = step.iter().map(|item| &item.record).collect();
        let context = self.context.for_item(first);
        let stream = self.handler.stream(&first.record);
        let handled =
            self.handler.handle(stream, &records, &context).instrument(first.span.clone());
        let handled = isolate(self.context.deadline, handled);
        let outcomes = first.stopwatch.time(handled).await;
        for other in others {
            other.stopwatch.share(&first.stopwatch).await;
        }
        outcomes
    }
}

fn wrong_count(outcomes: usize, records: usize) -> Failure {
    Failure::transient(
        "wrong_outcome_count",
        format!("the handler returned {outcomes} outcomes for {records} records"),
    )
}

/// Returns the outcomes of records that were handled together, if one of them failed and it is not
/// known which.
fn stopped(failure: Failure, records: usize) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Failed(failure)];
    outcomes.resize(records, Outcome::NotRun(NotRun::Blocked));
    outcomes
}
