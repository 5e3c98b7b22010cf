//! Decodes the deliveries of an invocation and passes the records to the handler.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::{error, warn};

use super::context::BatchContext;
use super::decided::Decided;
use super::decode::Decode;
use super::delivered::{Delivered, SharedEvent};
use super::handler::BatchHandler;
use super::isolation::{catch, isolate};
use super::item::Item;
use super::outcome::{Handled, NotRun, Outcome};
use super::stopwatch::Stopwatch;
use crate::failure::Failure;
use crate::source::{Delivery, Source};

/// The deliveries of one invocation, and the handler of `function` for them.
pub(super) struct Handling<'a, H> {
    pub(super) handler: &'a H,
    pub(super) function: &'a Arc<str>,
    pub(super) source: Source,
    pub(super) event: &'a SharedEvent,
    pub(super) deliveries: &'a [Delivery<'a>],
    pub(super) context: &'a BatchContext,
    /// Time at which a handler that still runs is dropped, with the outcomes of all its records.
    pub(super) handover: Instant,
}

/// The decoded deliveries of an invocation.
pub(super) struct Decoded<R> {
    /// Records of the deliveries that could be decoded.
    pub(super) items: Vec<Item<R>>,
    /// Place of each of these records among the deliveries.
    pub(super) places: Vec<usize>,
    /// One outcome for each delivery. Handling a record overwrites that of its place.
    outcomes: Vec<Outcome>,
}

impl<H: BatchHandler> Handling<'_, H> {
    /// Decodes each delivery by itself. `settled` says for each place whether the delivery was
    /// already handled.
    pub(super) fn decode(&self, settled: &[bool]) -> Decoded<H::Record> {
        let count = self.deliveries.len();
        let mut decoded = Decoded {
            items: Vec::with_capacity(count),
            places: Vec::with_capacity(count),
            outcomes: Vec::with_capacity(count),
        };
        let mut stopped = HashSet::new();
        for (place, delivery) in self.deliveries.iter().enumerate() {
            let is_settled = settled.get(place) == Some(&true);
            let outcome = match self.decode_one(delivery, is_settled, &mut stopped) {
                Ok(item) => {
                    decoded.items.push(item);
                    decoded.places.push(place);
                    // The outcome if the handler does not reach the record.
                    Outcome::NotRun(NotRun::OutOfTime)
                }
                Err(outcome) => outcome,
            };
            decoded.outcomes.push(outcome);
        }
        decoded
    }

    /// Decodes a delivery. Returns its outcome instead if it is not to be handled.
    ///
    /// `stopped` contains the lanes with a delivery that could not be decoded and must come again.
    fn decode_one(
        &self,
        delivery: &Delivery<'_>,
        is_settled: bool,
        stopped: &mut HashSet<String>,
    ) -> Result<Item<H::Record>, Outcome> {
        if delivery.is_test_event() {
            return Err(Outcome::Done(Handled::Filtered));
        }
        if is_settled {
            return Err(Outcome::Done(Handled::Duplicate));
        }
        let lane = lane(self.handler, delivery);
        if stopped.contains(&lane) {
            return Err(Outcome::NotRun(NotRun::Blocked));
        }
        let decoded = catch(|| {
            let record = self.handler.decode(delivery)?;
            Ok((self.handler.span(&record), record))
        });
        match decoded {
            Ok((span, record)) => {
                let function = Arc::clone(self.function);
                let delivered = Delivered::within(self.event, function, self.source, delivery);
                Ok(Item {
                    lane,
                    arrived_at: delivery.arrived_at,
                    span,
                    stopwatch: Stopwatch::default(),
                    delivered: Some(delivered),
                    record,
                })
            }
            Err(failure) => {
                let outcome = Outcome::Failed(failure);
                self.log(delivery, &outcome);
                if outcome.stops_lane() {
                    stopped.insert(lane);
                }
                Err(outcome)
            }
        }
    }

    /// Handles the decoded records. `whole` measures the time of the batch, if the runner is
    /// observed.
    pub(super) async fn handle(
        &self,
        decoded: Decoded<H::Record>,
        whole: Option<Stopwatch>,
    ) -> Decided<H::Record> {
        let Decoded { items, places, mut outcomes } = decoded;
        let run = self.run(&items);
        let handled = match &whole {
            Some(whole) => whole.time(run).await,
            None => run.await,
        };
        let mut took = if whole.is_some() { vec![None; outcomes.len()] } else { Vec::new() };
        for ((place, item), outcome) in places.iter().copied().zip(&items).zip(handled) {
            if let Some(delivery) = self.deliveries.get(place) {
                item.span.in_scope(|| self.log(delivery, &outcome));
            }
            if let Some(took) =
                took.get_mut(place).filter(|_| !matches!(outcome, Outcome::NotRun(_)))
            {
                *took = item.stopwatch.took().or_else(|| whole.as_ref()?.took());
            }
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
        let in_window = self.context.window.is_some();
        let items = if in_window { places.into_iter().zip(items).collect() } else { Vec::new() };
        Decided { outcomes, took, items, given_up: Vec::new() }
    }

    /// Runs the handler and, if it panics or returns too few or too many outcomes, runs each record
    /// alone.
    ///
    /// A handler of whole batches isolates its records itself. If it panics nevertheless, only the
    /// records that cause the panic fail.
    async fn run(&self, items: &[Item<H::Record>]) -> Vec<Outcome> {
        if items.is_empty() {
            return Vec::new();
        }
        let failure =
            match isolate(self.handover, self.handler.handle_batch(items, self.context)).await {
                Ok(outcomes) if outcomes.len() == items.len() => return outcomes,
                Ok(outcomes) => Failure::transient(
                    "wrong_outcome_count",
                    format!(
                        "the handler returned {} outcomes for {} records",
                        outcomes.len(),
                        items.len()
                    ),
                ),
                Err(failure) => failure,
            };
        if items.len() == 1 || Instant::now() >= self.context.deadline {
            return items.iter().map(|_| Outcome::Failed(failure.clone())).collect();
        }
        error!(
            code = failure.code(),
            reason = failure.reason(),
            "the batch handler failed; each record is now run alone"
        );
        let mut outcomes = Vec::with_capacity(items.len());
        let mut stopped = HashSet::new();
        for item in items {
            let outcome = if stopped.contains(item.lane.as_str()) {
                Outcome::NotRun(NotRun::Blocked)
            } else if Instant::now() >= self.context.deadline {
                Outcome::NotRun(NotRun::OutOfTime)
            } else {
                self.run_alone(item, &failure).await
            };
            if outcome.stops_lane() {
                stopped.insert(item.lane.as_str());
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Runs one record after the handler of the whole batch failed.
    async fn run_alone(&self, item: &Item<H::Record>, failure: &Failure) -> Outcome {
        let alone = self.handler.handle_batch(std::slice::from_ref(item), self.context);
        match isolate(self.handover, alone).await {
            Ok(outcomes) => {
                outcomes.into_iter().next().unwrap_or_else(|| Outcome::Failed(failure.clone()))
            }
            Err(failure) => Outcome::Failed(failure),
        }
    }

    fn log(&self, delivery: &Delivery<'_>, outcome: &Outcome) {
        if let Outcome::Failed(failure) = outcome {
            warn!(
                source = self.source.as_str(),
                position = delivery.position,
                class = failure.class().as_str(),
                code = failure.code(),
                reason = failure.reason(),
                "delivery failed"
            );
        }
    }
}

/// Returns the lane of a delivery, or its ordering key if the handler panics.
pub(super) fn lane(handler: &impl Decode, delivery: &Delivery<'_>) -> String {
    catch(|| Ok(handler.lane(delivery))).unwrap_or_else(|_| delivery.ordering_key.clone())
}
