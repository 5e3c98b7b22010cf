use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::Span;

use super::delivered::Delivered;
use super::outcome::{Handled, Outcome};
use super::spans::RecordSpan;
use super::window::Window;
use crate::failure::Failure;
use crate::idempotency::Lease;
use crate::source::Delivery;

/// Handles one record at a time. Lanes, isolation, deadlines and dead letters are done around it.
pub trait Handler: Send + Sync {
    /// What a delivery is decoded into.
    type Record: Send + Sync;

    /// Decodes a delivery. Synchronous and without effects.
    ///
    /// # Errors
    /// A failure costs this delivery only. A body that no redelivery mends must fail *permanently*, as [`Delivery::json`] and
    /// [`Envelope::parse`](crate::envelope::Envelope::parse) do; other errors are transient and stop the lane.
    fn decode(&self, delivery: &Delivery<'_>) -> Result<Self::Record, Failure>;

    /// The lane of a delivery, known even when it cannot be decoded; by default its ordering key.
    fn lane(&self, delivery: &Delivery<'_>) -> String {
        delivery.ordering_key.clone()
    }

    /// The span in which the record is handled, with its correlation and causation ids; see
    /// [`Envelope::span`](crate::envelope::Envelope::span).
    fn span(&self, _record: &Self::Record) -> Span {
        Span::none()
    }

    /// Handles one record. It may be called again for the same delivery and must then find its effect.
    fn handle(
        &self,
        record: &Self::Record,
        context: &BatchContext,
    ) -> impl Future<Output = Result<Handled, Failure>> + Send;
}

/// Handles the records of an invocation together, for handlers that save requests that way.
pub trait BatchHandler: Send + Sync {
    /// What a delivery is decoded into.
    type Record: Send + Sync;

    /// As [`Handler::decode`].
    ///
    /// # Errors
    /// A failure costs this delivery only.
    fn decode(&self, delivery: &Delivery<'_>) -> Result<Self::Record, Failure>;

    /// The lane of a delivery, known even when it cannot be decoded; by default its ordering key.
    fn lane(&self, delivery: &Delivery<'_>) -> String {
        delivery.ordering_key.clone()
    }

    /// The span in which the record is handled, with its correlation and causation ids; see
    /// [`Envelope::span`](crate::envelope::Envelope::span).
    fn span(&self, _record: &Self::Record) -> Span {
        Span::none()
    }

    /// Handles the items, which are in the order of their deliveries, and answers one outcome for each, in the same order.
    fn handle_batch(
        &self,
        items: &[Item<Self::Record>],
        context: &BatchContext,
    ) -> impl Future<Output = Vec<Outcome>> + Send;

    /// Returns the state of the invocation's tumbling window, a JSON object.
    ///
    /// Called only in an invocation with a [`Window`], after the dead letters are written.
    /// `applied` has, in order, the items that ended as [`Handled::Applied`] and do not come again.
    /// By default the state stays as it came with the event. To fold records into a state use
    /// [`WindowHandler`](super::WindowHandler).
    ///
    /// # Errors
    /// A failure fails the invocation: all of its records come again with the state they had.
    fn conclude(
        &self,
        _applied: &[&Item<Self::Record>],
        window: &Window,
        _context: &BatchContext,
    ) -> impl Future<Output = Result<Box<RawValue>, Failure>> + Send {
        std::future::ready(Ok(window.state.clone()))
    }
}

/// A decoded record with its lane.
#[derive(Debug)]
#[non_exhaustive]
pub struct Item<R> {
    /// Items of one lane depend on each other's order.
    pub lane: String,
    /// When the transport took the record.
    pub arrived_at: Option<jiff::Timestamp>,
    /// The span in which it is handled.
    pub span: Span,
    /// Measures how long the record is at work, where somebody wants to know; see [`Observer`](super::Observer).
    pub stopwatch: Stopwatch,
    /// The delivery that the record came in.
    pub delivered: Option<Delivered>,
    /// The record.
    pub record: R,
}

impl<R> Item<R> {
    /// Creates an item of this lane without age, delivery, span or measurement.
    pub fn new(lane: impl Into<String>, record: R) -> Self {
        Item {
            lane: lane.into(),
            arrived_at: None,
            span: Span::none(),
            stopwatch: Stopwatch::default(),
            delivered: None,
            record,
        }
    }
}

/// Measures one record, and does nothing when nobody observes the runner.
#[derive(Debug, Default)]
pub struct Stopwatch {
    observed: bool,
    took: OnceLock<Duration>,
    span: RecordSpan,
}

impl Stopwatch {
    pub(super) fn new(observed: bool, span: RecordSpan) -> Self {
        Stopwatch { observed, took: OnceLock::new(), span }
    }

    /// Runs a future and notes how long it took, the first time it is asked to.
    pub async fn time<T>(&self, run: impl Future<Output = T>) -> T {
        if !self.observed {
            return run.await;
        }
        let begun = Instant::now();
        let result = self.span.within(run).await;
        let _ = self.took.set(begun.elapsed());
        result
    }

    pub(super) fn took(&self) -> Option<Duration> {
        self.took.get().copied()
    }
}

/// What a handler may know of the invocation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchContext {
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// When no record is started any more and running ones are given up, so that there is time to answer.
    pub deadline: Instant,
    /// When Lambda kills the invocation: from then on a claim of this invocation has lost its owner.
    pub lease_until: jiff::Timestamp,
    /// A replay of dead letters, asked for by an operator.
    pub replay: bool,
    /// The tumbling window of the invocation, if its mapping has windows.
    pub window: Option<Arc<Window>>,
    /// The delivery of the record that is handled. `None` if a batch is handled together; see
    /// [`Self::of`].
    pub delivered: Option<Delivered>,
}

impl BatchContext {
    /// The context of an invocation that has this much time: a handler runs in it as in a batch. It has no id, and is no replay, unless that is set.
    pub fn new(remaining: Duration) -> Self {
        let Lease { deadline, until } = Lease::of(remaining);
        BatchContext {
            request_id: String::new(),
            deadline,
            lease_until: until,
            replay: false,
            window: None,
            delivered: None,
        }
    }

    /// The context of one record of a batch that is handled together.
    #[must_use]
    pub fn of<R>(&self, item: &Item<R>) -> Self {
        BatchContext { delivered: item.delivered.clone(), ..self.clone() }
    }
}
