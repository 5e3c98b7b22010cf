use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::{error, warn};

use super::delivered::{Delivered, SharedEvent};
use super::handler::{BatchContext, BatchHandler, Item, Stopwatch};
use super::isolation::{catch, isolate};
use super::letters::Written;
use super::metrics::{Counts, Measured, Metrics};
use super::observer::{Observation, Observer};
use super::outcome::{Handled, NotRun, Outcome};
use super::patience::Patience;
use super::progress::Progress;
use super::spans::{RecordSpan, Spans};
use super::visibility::Visibility;
use super::window::window;
use crate::dead_letter::DeadLetters;
use crate::failure::Failure;
use crate::source::{Delivery, Response, Source};

/// Time kept back at the end of an invocation for dead letters and the answer.
const RESERVE: Duration = Duration::from_millis(1000);
/// The part of it that is kept for the answer.
const ANSWER: Duration = Duration::from_millis(200);
/// The part of it in which a handler may hand over what it did up to the deadline. Without it the outcomes of a whole batch would be lost to the records that
/// are given up at the deadline, and what was applied would come again, or become a dead letter.
const HANDOVER: Duration = Duration::from_millis(100);

/// Runs the invocations of one function.
pub struct Runner<H> {
    pub(super) source: Source,
    pub(super) handler: H,
    pub(super) function: String,
    pub(super) dead_letters: Arc<dyn DeadLetters>,
    pub(super) patience: Patience,
    pub(super) written: Written,
    observer: Option<Arc<dyn Observer>>,
    metrics: Option<Metrics>,
    #[cfg(feature = "otel")]
    pub(super) traces: Option<Arc<crate::trace::Traces>>,
    pub(super) visibility: Option<Arc<dyn Visibility>>,
    progress: Progress,
}

impl<H> fmt::Debug for Runner<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("function", &self.function)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// One invocation, as the Lambda runtime hands it over.
#[derive(Debug)]
#[non_exhaustive]
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

impl<'a> Invocation<'a> {
    /// An invocation with this event that has this much time. It has no id, and is no replay, unless that is set.
    pub fn new(event: &'a RawValue, remaining: Duration) -> Self {
        Invocation { event, request_id: "", remaining, replay: false }
    }
}

/// What became of the deliveries of an invocation.
struct Run<R> {
    outcomes: Vec<Outcome>,
    took: Vec<Option<Duration>>,
    /// The decoded records with their places, if the invocation belongs to a window.
    items: Vec<(usize, Item<R>)>,
}

/// How an invocation ended.
#[derive(Debug)]
#[non_exhaustive]
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
        Runner {
            source,
            handler,
            function: function.into(),
            dead_letters,
            patience: Patience::default(),
            written: Written::default(),
            observer: None,
            metrics: None,
            #[cfg(feature = "otel")]
            traces: None,
            visibility: None,
            progress: Progress::default(),
        }
    }

    /// Tells `observer` what became of each delivery. Without one nothing is measured.
    #[must_use]
    pub fn observe(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Writes metrics of each invocation. Without them nothing is measured, and nothing written.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Makes spans of each invocation and each record, and sends them before the invocation is answered.
    #[cfg(feature = "otel")]
    #[must_use]
    pub fn traces(mut self, traces: Arc<crate::trace::Traces>) -> Self {
        self.traces = Some(traces);
        self
    }

    /// Hides a failed message of a queue for as long as its failure says; see [`Failure::retry_after`].
    #[must_use]
    pub fn visibility(mut self, visibility: Arc<dyn Visibility>) -> Self {
        self.visibility = Some(visibility);
        self
    }

    /// Dead-letters a delivery, with its payload, if it keeps failing beyond this age.
    ///
    /// Age alone is not enough: a delivery that is old because its mapping was paused may still
    /// succeed. After this age it must fail three times in this execution environment. Each failure
    /// must come at least a minute after the last one that counts, or a tenth of `age` if that is
    /// less. Throttles, missed deadlines and lost races do not count ([`Failure::is_passing`]). For
    /// an SQS message three receives count as well, if the first was two minutes ago. The
    /// environment counts up to 10,000 failing records at a time.
    ///
    /// Set it to at most half of the age at which the source discards a record. A stream mapping
    /// that gives up discards everything from the failed record on, and leaves only a pointer that
    /// expires. See [`Self::maximum_record_age`] for deliveries that fail until then.
    #[must_use]
    pub fn dead_letter_after(mut self, age: Option<Duration>) -> Self {
        self.patience.after = age;
        self
    }

    /// The age at which the source discards a record: the mapping's maximum record age, the
    /// retention of a queue, the maximum event age of an asynchronous invocation.
    ///
    /// In the last twelfth of this age the second failure of any kind, throttles included, gives up
    /// a delivery, because the next try may not come. The two failures must be as far apart as
    /// those of [`Self::dead_letter_after`], unless less time is left. Without `dead_letter_after`
    /// no delivery is given up. Without this age throttles, deadlines and lost races never become
    /// letters.
    ///
    /// A function with several sources takes the largest age of them: what a source discards before
    /// goes to its on-failure destination or redrive queue. A delivery that comes
    /// although it is older than this age and another twelfth of it is judged as without this age.
    #[must_use]
    pub fn maximum_record_age(mut self, age: Option<Duration>) -> Self {
        self.patience.record_age = age;
        self
    }

    /// Takes the time from this clock.
    #[cfg(test)]
    pub(super) fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.patience.clock = Arc::new(now);
        self
    }

    /// Runs one invocation.
    pub async fn run(&self, invocation: Invocation<'_>) -> Report {
        let event = SharedEvent::new(invocation.event.to_owned());
        self.run_again(Invocation { event: event.raw(), ..invocation }, &event, None).await
    }

    /// Runs one invocation with this event. `occasion` names the one that it repeats: an event
    /// without an id is then the same delivery as there.
    pub(super) async fn run_again(
        &self,
        invocation: Invocation<'_>,
        event: &SharedEvent,
        occasion: Option<&str>,
    ) -> Report {
        let mut counts = Counts::default();
        let mut measured =
            self.metrics.as_ref().map(|metrics| (metrics, Instant::now(), Measured::default()));
        let spans = Spans::begin(self, &invocation);
        let noted = measured.as_mut().map(|(_, _, measured)| measured);
        let response =
            spans.within(self.respond(&invocation, event, occasion, &mut counts, noted, &spans)).await;
        if let Some((metrics, begun, mut measured)) = measured {
            metrics.emit(&self.function, &counts, &mut measured, begun.elapsed());
        }
        spans.end(&response).await;
        Report { response, counts }
    }

    async fn respond(
        &self,
        invocation: &Invocation<'_>,
        event: &SharedEvent,
        occasion: Option<&str>,
        counts: &mut Counts,
        measured: Option<&mut Measured>,
        spans: &Spans<'_>,
    ) -> Result<Response, Failure> {
        let context = BatchContext {
            request_id: invocation.request_id.to_owned(),
            deadline: Instant::now()
                + invocation.remaining.saturating_sub(RESERVE.min(invocation.remaining / 10)),
            lease_until: Timestamp::now().saturating_add(invocation.remaining)?,
            replay: invocation.replay,
            window: self.is_in_order().then(|| window(invocation.event)).flatten().map(Arc::new),
            delivered: None,
        };
        let end = Instant::now() + invocation.remaining.saturating_sub(ANSWER.min(invocation.remaining / 20));
        // Lambda retries an asynchronous invocation under the same request id. Without a request
        // id, the time tells invocations apart.
        let occasion = match (occasion, invocation.request_id) {
            (Some(occasion), _) => occasion.to_owned(),
            (None, "") => Timestamp::now().to_string(),
            (None, request_id) => request_id.to_owned(),
        };
        let deliveries = self.source.split_on(invocation.event, &occasion)?;
        spans.open(&deliveries);
        let handover = context.deadline + HANDOVER.min(invocation.remaining / 40);
        let Run { mut outcomes, took, items } =
            self.handle(event, &deliveries, &context, handover, spans).await;
        let mut given_up = Vec::new();
        if !invocation.replay {
            given_up = self.dead_letter(&deliveries, &mut outcomes, end).await;
            self.hide(&deliveries, &outcomes, end).await;
            if context.window.is_none() {
                self.progress.note(&deliveries, &outcomes);
            }
        }
        if let Some(observer) = &self.observer {
            self.report(observer.as_ref(), &deliveries, &outcomes, &given_up, &took);
        }
        spans.close(&outcomes, &given_up, &took);
        if let Some(measured) = measured {
            measured.note(&deliveries, &outcomes, &given_up);
        }
        for outcome in &outcomes {
            counts.add(outcome);
        }
        let failed = deliveries
            .iter()
            .zip(&outcomes)
            .filter_map(|(delivery, outcome)| Some((delivery, outcome.failure()?)));
        let response = Response::redeliver(self.source, failed)?;
        match &context.window {
            None => Ok(response),
            Some(window) => {
                let concluded = self.conclude(response, window, &deliveries, &outcomes, &items, &context);
                isolate(end, concluded).await.flatten()
            }
        }
    }

    async fn handle(
        &self,
        event: &SharedEvent,
        deliveries: &[Delivery<'_>],
        context: &BatchContext,
        handover: Instant,
        spans: &Spans<'_>,
    ) -> Run<H::Record> {
        let observed = self.observer.is_some() || spans.are_wanted();
        let mut took = if observed { vec![None; deliveries.len()] } else { Vec::new() };
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(deliveries.len());
        let mut items = Vec::with_capacity(deliveries.len());
        let mut places = Vec::with_capacity(deliveries.len());
        let mut stopped = HashSet::new();
        // Of an aggregate that comes again a window's state has no user record: all are folded again.
        let remembers = !context.replay && context.window.is_none();
        let settled = if remembers { self.progress.settled(deliveries) } else { Vec::new() };
        let function: Arc<str> = Arc::from(self.function.as_str());
        for (place, delivery) in deliveries.iter().enumerate() {
            if delivery.is_test_event() {
                outcomes.push(Outcome::Done(Handled::Filtered));
                continue;
            }
            if settled.get(place) == Some(&true) {
                outcomes.push(Outcome::Done(Handled::Duplicate));
                continue;
            }
            let lane = self.lane(delivery);
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
                    let stopwatch = Stopwatch::new(observed, spans.of(place));
                    let delivered = Delivered::within(event, function.clone(), self.source, delivery);
                    items.push(Item {
                        lane,
                        arrived_at: delivery.arrived_at,
                        span,
                        stopwatch,
                        delivered: Some(delivered),
                        record,
                    });
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
        let whole = Stopwatch::new(observed, RecordSpan::none());
        let handled = whole.time(self.handle_isolated(&items, context, handover)).await;
        for ((place, item), outcome) in places.iter().copied().zip(&items).zip(handled) {
            if let Some(delivery) = deliveries.get(place) {
                item.span.in_scope(|| self.log(delivery, &outcome));
            }
            if let Some(took) = took.get_mut(place).filter(|_| !matches!(outcome, Outcome::NotRun(_))) {
                *took = item.stopwatch.took().or(whole.took());
            }
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
        let items =
            if context.window.is_some() { places.into_iter().zip(items).collect() } else { Vec::new() };
        Run { outcomes, took, items }
    }

    pub(super) fn lane(&self, delivery: &Delivery<'_>) -> String {
        catch(|| Ok(self.handler.lane(delivery))).unwrap_or_else(|_| delivery.ordering_key.clone())
    }

    /// A handler of whole batches isolates its records itself. Should it panic all the same, every record is run alone, so that only the one
    /// that cannot be handled pays.
    async fn handle_isolated(
        &self,
        items: &[Item<H::Record>],
        context: &BatchContext,
        handover: Instant,
    ) -> Vec<Outcome> {
        if items.is_empty() {
            return Vec::new();
        }
        let whole = isolate(handover, self.handler.handle_batch(items, context)).await;
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
                    isolate(handover, self.handler.handle_batch(std::slice::from_ref(item), context)).await;
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

    fn report(
        &self,
        observer: &dyn Observer,
        deliveries: &[Delivery<'_>],
        outcomes: &[Outcome],
        given_up: &[(usize, Failure)],
        took: &[Option<Duration>],
    ) {
        let given_up: HashMap<usize, &Failure> =
            given_up.iter().map(|(place, failure)| (*place, failure)).collect();
        for (place, (delivery, outcome)) in deliveries.iter().zip(outcomes).enumerate() {
            let failure = match outcome {
                Outcome::Failed(failure) => Some(failure),
                _ => given_up.get(&place).copied(),
            };
            let observation = Observation {
                source: self.source,
                delivery,
                lane: &self.lane(delivery),
                outcome,
                failure,
                took: took.get(place).copied().flatten(),
            };
            if let Err(panic) = catch(|| {
                observer.observe(&observation);
                Ok(())
            }) {
                error!(reason = panic.reason(), "the observer panicked");
            }
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
