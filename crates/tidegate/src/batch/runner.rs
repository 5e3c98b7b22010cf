use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

use super::handler::{BatchContext, BatchHandler, Item};
use super::isolation::{catch, isolate};
use super::metrics::Counts;
use super::outcome::{Effect, NotRun, Outcome};
use crate::dead_letter::{DeadLetter, DeadLetters};
use crate::failure::{Class, Failure};
use crate::source::{Delivery, Response, Source};

/// Time kept back at the end of an invocation for dead letters and the answer.
const RESERVE: Duration = Duration::from_millis(1000);
/// The part of it that is kept for the answer.
const ANSWER: Duration = Duration::from_millis(200);
const LETTERS_AT_A_TIME: usize = 16;

/// Runs the invocations of one function.
pub struct Runner<H> {
    source: Source,
    handler: H,
    function: String,
    dead_letters: Arc<dyn DeadLetters>,
    dead_letter_after: Option<Duration>,
}

/// One invocation, as the Lambda runtime hands it over.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The event.
    pub event: &'a RawValue,
    /// Lambda's id of the invocation.
    pub request_id: &'a str,
    /// Time left until Lambda kills the function.
    pub remaining: Duration,
    /// A replay of dead letters: what fails for good is reported instead of dead-lettered again.
    pub replay: bool,
}

/// How an invocation ended.
#[derive(Debug)]
pub struct Report {
    /// The answer. A failure when the event is no batch of the source, or a failed delivery cannot be named in a partial response: the invocation must then
    /// fail as a whole.
    pub response: Result<Response, Failure>,
    /// How its deliveries ended.
    pub counts: Counts,
}

impl<H: BatchHandler> Runner<H> {
    /// The function's name.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// A runner for `function` that takes events of `source` and puts dead letters into `dead_letters`.
    pub fn new(
        source: Source,
        handler: H,
        function: impl Into<String>,
        dead_letters: Arc<dyn DeadLetters>,
    ) -> Self {
        Runner { source, handler, function: function.into(), dead_letters, dead_letter_after: None }
    }

    /// Dead-letters, with its payload, a delivery that still fails at this age. Set it well below the age at which the source gives up: a stream mapping that
    /// gives up discards everything from the failed record on, and leaves a pointer that expires.
    #[must_use]
    pub fn dead_letter_after(mut self, age: Option<Duration>) -> Self {
        self.dead_letter_after = age;
        self
    }

    /// Runs one invocation.
    pub async fn run(&self, invocation: Invocation<'_>) -> Report {
        let mut counts = Counts::default();
        let response = self.respond(&invocation, &mut counts).await;
        Report { response, counts }
    }

    async fn respond(&self, invocation: &Invocation<'_>, counts: &mut Counts) -> Result<Response, Failure> {
        let context = BatchContext {
            request_id: invocation.request_id.to_owned(),
            deadline: Instant::now()
                + invocation.remaining.saturating_sub(RESERVE.min(invocation.remaining / 10)),
            lease_until: Timestamp::now().saturating_add(invocation.remaining)?,
            replay: invocation.replay,
        };
        let end = Instant::now() + invocation.remaining.saturating_sub(ANSWER.min(invocation.remaining / 20));
        let deliveries = self.source.split(invocation.event)?;
        let mut outcomes = self.handle(&deliveries, &context).await;
        if !invocation.replay {
            self.dead_letter(&deliveries, &mut outcomes, end).await;
        }
        for outcome in &outcomes {
            counts.add(outcome);
        }
        let failed = deliveries
            .iter()
            .zip(&outcomes)
            .filter_map(|(delivery, outcome)| Some((delivery, outcome.failure()?)));
        Response::redeliver(self.source, failed)
    }

    async fn handle(&self, deliveries: &[Delivery<'_>], context: &BatchContext) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(deliveries.len());
        let mut items = Vec::with_capacity(deliveries.len());
        let mut places = Vec::with_capacity(deliveries.len());
        let mut stopped = HashSet::new();
        for (place, delivery) in deliveries.iter().enumerate() {
            let lane =
                catch(|| Ok(self.handler.lane(delivery))).unwrap_or_else(|_| delivery.ordering_key.clone());
            if stopped.contains(&lane) {
                outcomes.push(Outcome::NotRun(NotRun::Blocked));
                continue;
            }
            let decoded = catch(|| {
                let record = self.handler.decode(delivery)?;
                Ok((self.handler.span(&record), record))
            });
            match decoded {
                Ok((span, record)) => {
                    items.push(Item { lane, arrived_at: delivery.arrived_at, span, record });
                    places.push(place);
                    outcomes.push(Outcome::NotRun(NotRun::OutOfTime));
                }
                Err(failure) => {
                    let outcome = Outcome::Failed(failure);
                    self.log(delivery, &outcome);
                    if outcome.stops_lane() {
                        stopped.insert(lane);
                    }
                    outcomes.push(outcome);
                }
            }
        }
        let handled = self.handle_isolated(&items, context).await;
        for ((place, item), outcome) in places.into_iter().zip(&items).zip(handled) {
            if let Some(delivery) = deliveries.get(place) {
                item.span.in_scope(|| self.log(delivery, &outcome));
            }
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
        outcomes
    }

    /// A handler of whole batches isolates its records itself. Should it panic all the same, every record is run alone, so that only the one
    /// that cannot be handled pays.
    async fn handle_isolated(&self, items: &[Item<H::Record>], context: &BatchContext) -> Vec<Outcome> {
        if items.is_empty() {
            return Vec::new();
        }
        let whole = isolate(context.deadline, self.handler.handle_batch(items, context)).await;
        let failure = match whole {
            Ok(outcomes) if outcomes.len() == items.len() => return outcomes,
            Ok(outcomes) => Failure::transient(
                "wrong_outcome_count",
                format!("the handler answered {} outcomes for {} records", outcomes.len(), items.len()),
            ),
            Err(failure) => failure,
        };
        if items.len() == 1 || Instant::now() >= context.deadline {
            return items.iter().map(|_| Outcome::Failed(failure.clone())).collect();
        }
        error!(
            code = failure.code(),
            reason = failure.reason(),
            "the batch failed as a whole, its records are run one by one"
        );
        let mut outcomes = Vec::with_capacity(items.len());
        let mut stopped = HashSet::new();
        for item in items {
            let outcome = if stopped.contains(item.lane.as_str()) {
                Outcome::NotRun(NotRun::Blocked)
            } else if Instant::now() >= context.deadline {
                Outcome::NotRun(NotRun::OutOfTime)
            } else {
                let alone =
                    isolate(context.deadline, self.handler.handle_batch(std::slice::from_ref(item), context))
                        .await;
                match alone {
                    Ok(outcomes) => {
                        outcomes.into_iter().next().unwrap_or_else(|| Outcome::Failed(failure.clone()))
                    }
                    Err(failure) => Outcome::Failed(failure),
                }
            };
            if outcome.stops_lane() {
                stopped.insert(item.lane.as_str());
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Places of the deliveries that are to become dead letters. On a stream everything from the first reported record on comes again, so a letter for what is
    /// behind it would be written again and again.
    fn given_up(&self, deliveries: &[Delivery<'_>], outcomes: &[Outcome]) -> Vec<usize> {
        let in_order = matches!(self.source, Source::Kinesis | Source::DynamoDb);
        let mut places = Vec::new();
        for (place, (delivery, outcome)) in deliveries.iter().zip(outcomes).enumerate() {
            if self.gives_up(delivery, outcome) {
                places.push(place);
            } else if in_order && !matches!(outcome, Outcome::Done(_)) {
                break;
            }
        }
        places
    }

    fn gives_up(&self, delivery: &Delivery<'_>, outcome: &Outcome) -> bool {
        let Outcome::Failed(failure) = outcome else { return false };
        if failure.class() == Class::Permanent {
            return true;
        }
        let Some((limit, arrived_at)) = self.dead_letter_after.zip(delivery.arrived_at) else { return false };
        Timestamp::now() > arrived_at && Timestamp::now().duration_since(arrived_at).unsigned_abs() > limit
    }

    /// Writes dead letters. A delivery whose letter is written is done; one whose letter is not stays failed.
    async fn dead_letter(&self, deliveries: &[Delivery<'_>], outcomes: &mut [Outcome], end: Instant) {
        let mut letters = Vec::new();
        for place in self.given_up(deliveries, outcomes) {
            if let (Some(delivery), Some(Outcome::Failed(failure))) =
                (deliveries.get(place), outcomes.get(place))
            {
                letters.push((place, DeadLetter::new(&self.function, self.source, delivery, failure)));
            }
        }
        let put = |(place, letter): (usize, DeadLetter)| async move {
            let put = timeout_at(end, self.dead_letters.put(&letter)).await;
            (
                place,
                letter.id,
                put.unwrap_or_else(|_| Err(Failure::transient("deadline", "no time was left"))),
            )
        };
        let written: Vec<_> =
            stream::iter(letters).map(put).buffer_unordered(LETTERS_AT_A_TIME).collect().await;
        for (place, letter, put) in written {
            let Some(outcome) = outcomes.get_mut(place) else { continue };
            *outcome = match put {
                Ok(()) => Outcome::Done(Effect::DeadLettered),
                Err(put) => {
                    error!(
                        letter,
                        reason = put.reason(),
                        "the dead letter could not be written; the record will come again"
                    );
                    Outcome::Failed(put.context("writing the dead letter"))
                }
            };
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
