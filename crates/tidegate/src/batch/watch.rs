//! Reports invocations to the metrics, the spans and the caller's observer.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::error;

use super::counts::Counts;
use super::decided::Decided;
use super::handling::Decoded;
use super::invocation::Invocation;
use super::isolation::catch;
use super::metrics::{Measured, Metrics};
use super::observer::{Observation, Observer};
use super::spans::{Spans, Traced};
use super::stopwatch::Stopwatch;
use crate::failure::Failure;
use crate::source::{Delivery, Response, Source};

/// The watchers of a runner's invocations. The default has none and measures nothing.
#[derive(Default)]
pub(super) struct Watchers {
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) metrics: Option<Metrics>,
    pub(super) traces: Traced,
}

/// Watches one invocation.
///
/// Call its methods in this order: [`Watchers::begun`], [`Self::decoded`], [`Self::decided`],
/// [`Self::ended`]. If the event is not a batch, skip the second and the third.
pub(super) struct Watch<'r> {
    source: Source,
    function: &'r str,
    observer: Option<&'r dyn Observer>,
    metrics: Option<Measuring<'r>>,
    /// Spans of the invocation and of its records.
    pub(super) spans: Spans<'r>,
    counts: Counts,
    /// Custom metrics of the invocation.
    #[cfg(feature = "custom-metrics")]
    pub(super) custom: crate::metrics::CustomMetrics,
}

struct Measuring<'r> {
    metrics: &'r Metrics,
    begun: Instant,
    measured: Measured,
}

impl Watchers {
    /// Begins to watch an invocation of `function`.
    pub(super) fn begun<'r>(
        &'r self,
        source: Source,
        function: &'r str,
        invocation: &Invocation<'_>,
    ) -> Watch<'r> {
        let metrics = self.metrics.as_ref().map(|metrics| Measuring {
            metrics,
            begun: Instant::now(),
            measured: Measured::default(),
        });
        Watch {
            source,
            function,
            observer: self.observer.as_deref(),
            #[cfg(feature = "custom-metrics")]
            custom: metrics
                .as_ref()
                .map(|_| crate::metrics::CustomMetrics::of(function))
                .unwrap_or_default(),
            metrics,
            spans: Spans::begin(&self.traces, source, function, invocation),
            counts: Counts::default(),
        }
    }
}

impl Watch<'_> {
    /// Returns whether the times of records are measured.
    fn times(&self) -> bool {
        self.observer.is_some() || self.spans.are_wanted()
    }

    /// Opens the spans of the deliveries, before any of them is decoded.
    pub(super) fn begun(&self, deliveries: &[Delivery<'_>]) {
        if self.times() {
            self.spans.open(deliveries);
        }
    }

    /// Gives each decoded record its stopwatch. Returns a stopwatch for the whole batch, or `None`
    /// if times are not measured.
    pub(super) fn decoded<R>(&self, decoded: &mut Decoded<R>) -> Option<Stopwatch> {
        if !self.times() {
            return None;
        }
        for (place, item) in decoded.places.iter().zip(&mut decoded.items) {
            item.stopwatch = Stopwatch::running(self.spans.record(*place));
        }
        Some(Stopwatch::running(Default::default()))
    }

    /// Reports the outcomes, after the dead letters were written. `lane` returns the lane of a
    /// delivery.
    pub(super) fn decided<R>(
        &mut self,
        deliveries: &[Delivery<'_>],
        decided: &Decided<R>,
        lane: impl Fn(&Delivery<'_>) -> String,
    ) {
        if let Some(observer) = self.observer {
            self.observe(observer, deliveries, decided, lane);
        }
        self.spans.close(decided.each());
        if let Some(measuring) = &mut self.metrics {
            measuring.measured.note(deliveries, decided);
        }
        for outcome in &decided.outcomes {
            self.counts.add(outcome);
        }
    }

    /// Writes the metrics and sends the spans of an invocation that has ended.
    ///
    /// Must complete before the response: Lambda freezes the execution environment after it.
    pub(super) async fn ended(self, response: &Result<Response, Failure>) -> Counts {
        if let Some(Measuring { metrics, begun, mut measured }) = self.metrics {
            #[cfg(feature = "custom-metrics")]
            metrics.flush(&self.custom);
            metrics.emit(self.function, &self.counts, &mut measured, begun.elapsed());
        }
        self.spans.end(response).await;
        self.counts
    }

    fn observe<R>(
        &self,
        observer: &dyn Observer,
        deliveries: &[Delivery<'_>],
        decided: &Decided<R>,
        lane: impl Fn(&Delivery<'_>) -> String,
    ) {
        for (delivery, (outcome, failure, took)) in deliveries.iter().zip(decided.each()) {
            let lane = &lane(delivery);
            let observation =
                Observation { source: self.source, delivery, lane, outcome, failure, took };
            if let Err(panic) = catch(|| {
                observer.observe(&observation);
                Ok(())
            }) {
                error!(reason = panic.reason(), "the observer panicked");
            }
        }
    }
}
