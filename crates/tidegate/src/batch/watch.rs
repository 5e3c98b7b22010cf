//! Watches invocations: the metrics, the spans and the caller's observer, behind one.

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

/// Who watches the invocations of a runner. By default nobody does, and nothing is measured.
#[derive(Default)]
pub(super) struct Watchers {
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) metrics: Option<Metrics>,
    pub(super) traces: Traced,
}

/// The watch over one invocation.
///
/// It has four moments, in this order: the invocation has [begun](Watchers::begun), its deliveries are
/// [decoded](Self::decoded), what becomes of each is [decided](Self::decided), and the invocation has
/// [ended](Self::ended). If its event is no batch, the second and the third do not come.
pub(super) struct Watch<'r> {
    source: Source,
    function: &'r str,
    observer: Option<&'r dyn Observer>,
    metrics: Option<Measuring<'r>>,
    /// The spans of the invocation and of its records.
    pub(super) spans: Spans<'r>,
    counts: Counts,
}

struct Measuring<'r> {
    metrics: &'r Metrics,
    begun: Instant,
    measured: Measured,
}

impl Watchers {
    /// An invocation of `function` begins.
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
            metrics,
            spans: Spans::begin(&self.traces, source, function, invocation),
            counts: Counts::default(),
        }
    }
}

impl Watch<'_> {
    /// Whether somebody wants to know how long records are at work.
    fn times(&self) -> bool {
        self.observer.is_some() || self.spans.are_wanted()
    }

    /// The deliveries are decoded. Each record gets its stopwatch, and what is returned measures them
    /// as a whole; none if nobody wants to know.
    pub(super) fn decoded<R>(
        &self,
        deliveries: &[Delivery<'_>],
        decoded: &mut Decoded<R>,
    ) -> Option<Stopwatch> {
        if !self.times() {
            return None;
        }
        self.spans.open(deliveries);
        for (place, item) in decoded.places.iter().zip(&mut decoded.items) {
            item.stopwatch = Stopwatch::running(self.spans.record(*place));
        }
        Some(Stopwatch::running(Default::default()))
    }

    /// What becomes of each delivery is decided, and letters are written. `lane` tells the lane of a
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

    /// The invocation has ended. Metrics are written and spans sent, before it is answered: after the
    /// answer the process is frozen.
    pub(super) async fn ended(self, response: &Result<Response, Failure>) -> Counts {
        if let Some(Measuring { metrics, begun, mut measured }) = self.metrics {
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
            let observation = Observation { source: self.source, delivery, lane, outcome, failure, took };
            if let Err(panic) = catch(|| {
                observer.observe(&observation);
                Ok(())
            }) {
                error!(reason = panic.reason(), "the observer panicked");
            }
        }
    }
}
