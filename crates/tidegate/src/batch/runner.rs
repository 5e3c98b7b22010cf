//! Runs the invocations of a function.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::client_context::Asked;
use super::context::BatchContext;
use super::decided::Decided;
use super::delivered::SharedEvent;
use super::handler::BatchHandler;
use super::handling::{Handling, lane};
use super::invocation::{Invocation, Report};
use super::isolation::isolate;
use super::item::Item;
use super::letters::Letters;
use super::metrics::Metrics;
use super::observer::Observer;
use super::outcome::{Handled, Outcome};
use super::progress::Progress;
use super::timetable::Timetable;
use super::visibility::{Visibility, hide};
use super::watch::{Watch, Watchers};
use super::window::Window;
use crate::dead_letter::DeadLetters;
use crate::failure::Failure;
use crate::source::{Delivery, Response, Source};

/// Runs the invocations of one function.
pub struct Runner<H> {
    source: Source,
    handler: H,
    function: Arc<str>,
    pub(super) letters: Letters,
    watchers: Watchers,
    visibility: Option<Arc<dyn Visibility>>,
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

impl<H: BatchHandler> Runner<H> {
    /// Returns the function's name.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// Creates a runner for `function` that takes events of `source` and puts dead letters into
    /// `dead_letters`.
    pub fn new(
        source: Source,
        handler: H,
        function: impl Into<String>,
        dead_letters: Arc<dyn DeadLetters>,
    ) -> Self {
        let function = Arc::<str>::from(function.into());
        Self {
            source,
            handler,
            letters: Letters::new(source, Arc::clone(&function), dead_letters),
            function,
            watchers: Watchers::default(),
            visibility: None,
            progress: Progress::default(),
        }
    }

    /// Reports the outcome of each delivery to `observer`.
    ///
    /// Records are timed only for an observer or for traces.
    #[must_use]
    pub fn observe(mut self, observer: Arc<dyn Observer>) -> Self {
        self.watchers.observer = Some(observer);
        self
    }

    /// Writes metrics of each invocation. Without this setting, no metrics are measured or written.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.watchers.metrics = Some(metrics);
        self
    }

    /// Creates spans of each invocation and each record, and sends them before the response.
    #[cfg(feature = "otel")]
    #[must_use]
    pub fn traces(mut self, traces: Arc<crate::trace::Traces>) -> Self {
        self.watchers.traces = Some(traces);
        self
    }

    /// Hides a failed message of a queue for the delay of its failure; see
    /// [`Failure::retry_after`].
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
        self.letters.patience.after = age;
        self
    }

    /// Sets the age at which the source discards a record.
    ///
    /// This is the mapping's maximum record age, the retention of a queue, or the maximum event age
    /// of an asynchronous invocation.
    ///
    /// In the last twelfth of this age the second failure of any kind, throttles included, gives up
    /// a delivery, because the next attempt may not come. The two failures must be as far apart as
    /// those of [`Self::dead_letter_after`], unless less time is left. Without `dead_letter_after`
    /// no delivery is given up. Without this age throttles, missed deadlines and lost races never
    /// become dead letters.
    ///
    /// For a function with several sources, set the largest of their ages. A record that a source
    /// discards earlier goes to that source's on-failure destination or dead-letter queue. This age
    /// is ignored for a delivery that is older than the age plus a twelfth of it.
    #[must_use]
    pub fn maximum_record_age(mut self, age: Option<Duration>) -> Self {
        self.letters.patience.record_age = age;
        self
    }

    /// Sets the clock.
    #[cfg(test)]
    pub(super) fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.letters.patience.clock = Arc::new(now);
        self
    }

    /// Runs one invocation.
    pub async fn run(&self, invocation: Invocation<'_>) -> Report {
        let event = SharedEvent::new(invocation.event.to_owned());
        self.run_again(Invocation { event: event.raw(), ..invocation }, &event, Asked::default())
            .await
    }

    /// Does a piece of work of a rebuild, in place of a batch.
    pub(super) async fn rebuild(
        &self,
        request: &RawValue,
        invocation: &Invocation<'_>,
    ) -> Result<Box<RawValue>, Failure> {
        let times = Timetable::new(invocation.remaining);
        let context = BatchContext {
            request_id: invocation.request_id.to_owned(),
            ..BatchContext::new(invocation.remaining)
        };
        isolate(times.end, self.handler.rebuild(request, &context)).await.flatten()
    }

    /// Runs one invocation with this event.
    ///
    /// `asked` may name an invocation that this one repeats. An event without an id is then the
    /// same delivery as in that invocation.
    pub(super) async fn run_again(
        &self,
        invocation: Invocation<'_>,
        event: &SharedEvent,
        asked: Asked<'_>,
    ) -> Report {
        let mut watch = self.watchers.begun(self.source, &self.function, &invocation);
        let span = watch.spans.invocation();
        let response = span.within(self.respond(&invocation, event, asked, &mut watch)).await;
        let counts = watch.ended(&response).await;
        Report { response, counts }
    }

    async fn respond(
        &self,
        invocation: &Invocation<'_>,
        event: &SharedEvent,
        asked: Asked<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Response, Failure> {
        let times = Timetable::new(invocation.remaining);
        let occasion = occasion_of(invocation, asked.occasion);
        let context =
            BatchContext { types: asked.types, ..self.context(invocation, &times, watch)? };
        let deliveries = self.source.split_on(invocation.event, &occasion)?;
        let mut decided = self.handle(event, &deliveries, &context, &times, watch).await;
        if !invocation.replay {
            self.dead_letter(&deliveries, &mut decided, &context, &times).await;
        }
        watch.decided(&deliveries, &decided, |delivery| lane(&self.handler, delivery));
        self.answer(&deliveries, &decided, &context, &times).await
    }

    /// Creates the context of the invocation, for the handler.
    #[cfg_attr(
        not(feature = "custom-metrics"),
        expect(unused_variables, reason = "has the metrics")
    )]
    fn context(
        &self,
        invocation: &Invocation<'_>,
        times: &Timetable,
        watch: &Watch<'_>,
    ) -> Result<BatchContext, Failure> {
        let window =
            self.source.is_in_order().then(|| Window::from_event(invocation.event)).flatten();
        Ok(BatchContext {
            request_id: invocation.request_id.to_owned(),
            deadline: times.deadline,
            lease_until: Timestamp::now().saturating_add(invocation.remaining)?,
            replay: invocation.replay,
            types: None,
            window: window.map(Arc::new),
            delivered: None,
            #[cfg(feature = "custom-metrics")]
            metrics: watch.custom.clone(),
        })
    }

    /// Decodes the deliveries and passes the records to the handler.
    async fn handle(
        &self,
        event: &SharedEvent,
        deliveries: &[Delivery<'_>],
        context: &BatchContext,
        times: &Timetable,
        watch: &Watch<'_>,
    ) -> Decided<H::Record> {
        let handling = Handling {
            handler: &self.handler,
            function: &self.function,
            source: self.source,
            event,
            deliveries,
            context,
            handover: times.handover,
        };
        // A window's state contains no user record of an aggregate that comes again, so all its
        // user records are folded again.
        let remembers = !context.replay && context.window.is_none();
        let settled = if remembers { self.progress.settled(deliveries) } else { Vec::new() };
        watch.begun(deliveries);
        let mut decoded = handling.decode(&settled);
        let whole = watch.decoded(&mut decoded);
        handling.handle(decoded, whole).await
    }

    /// Writes the dead letters, hides the messages that must wait, and notes the progress of
    /// Kinesis aggregates.
    ///
    /// The progress of an aggregate is the set of its user records that were already handled when
    /// the aggregate comes again.
    async fn dead_letter(
        &self,
        deliveries: &[Delivery<'_>],
        decided: &mut Decided<H::Record>,
        context: &BatchContext,
        times: &Timetable,
    ) {
        decided.given_up = self.letters.write(deliveries, &mut decided.outcomes, times.end).await;
        if let Some(visibility) = &self.visibility {
            let lane = |delivery: &Delivery<'_>| lane(&self.handler, delivery);
            hide(visibility.as_ref(), deliveries, &decided.outcomes, lane, times.end).await;
        }
        if context.window.is_none() {
            self.progress.note(deliveries, &decided.outcomes);
        }
    }

    /// Builds the response: the deliveries that come again and, with a window, its new state.
    async fn answer(
        &self,
        deliveries: &[Delivery<'_>],
        decided: &Decided<H::Record>,
        context: &BatchContext,
        times: &Timetable,
    ) -> Result<Response, Failure> {
        let failed = deliveries
            .iter()
            .zip(&decided.outcomes)
            .filter_map(|(delivery, outcome)| Some((delivery, outcome.failure()?)));
        let response = Response::redeliver(self.source, failed)?;
        match &context.window {
            None => Ok(response),
            Some(window) => {
                let concluded = self.conclude(response, window, deliveries, decided, context);
                isolate(times.end, concluded).await.flatten()
            }
        }
    }

    /// Adds the state of the window to the response.
    async fn conclude(
        &self,
        response: Response,
        window: &Window,
        deliveries: &[Delivery<'_>],
        decided: &Decided<H::Record>,
        context: &BatchContext,
    ) -> Result<Response, Failure> {
        if window.is_final
            && let Some(failure) = decided.outcomes.iter().find_map(Outcome::failure)
        {
            // AWS does not document what Lambda does with a partial batch response to the last
            // invocation.
            return Err(failure.context("the last invocation of a window"));
        }
        let counts = |place: usize| {
            matches!(decided.outcomes.get(place), Some(Outcome::Done(Handled::Applied)))
                && deliveries.get(place).is_some_and(|delivery| !response.comes_again(delivery))
        };
        let items = decided.items.iter();
        let applied: Vec<&Item<H::Record>> =
            items.filter(|(place, _)| counts(*place)).map(|(_, item)| item).collect();
        let state = self.handler.conclude(&applied, window, context).await?;
        response.with_state(state)
    }
}

/// Returns the name of the occasion on which the event came, for events without an id.
///
/// Lambda retries an asynchronous invocation under the same request id. Without a request id, the
/// time distinguishes invocations.
fn occasion_of(invocation: &Invocation<'_>, repeated: Option<&str>) -> String {
    match (repeated, invocation.request_id) {
        (Some(occasion), _) => occasion.to_owned(),
        (None, "") => Timestamp::now().to_string(),
        (None, request_id) => request_id.to_owned(),
    }
}
