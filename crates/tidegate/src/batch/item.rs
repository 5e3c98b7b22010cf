//! A decoded record, ready to be handled.

use jiff::Timestamp;
use tracing::Span;

use super::delivered::Delivered;
use super::stopwatch::Stopwatch;

/// A decoded record with its lane.
#[derive(Debug)]
#[non_exhaustive]
pub struct Item<R> {
    /// Lane of the record. The items of one lane are handled in order.
    pub lane: String,
    /// Time at which the transport accepted the record.
    pub arrived_at: Option<Timestamp>,
    /// Span in which the record is handled.
    pub span: Span,
    /// Measures how long the record is at work, if the runner is observed; see
    /// [`Observer`](super::Observer).
    pub stopwatch: Stopwatch,
    /// Delivery that contained the record.
    pub delivered: Option<Delivered>,
    /// Record.
    pub record: R,
}

impl<R> Item<R> {
    /// Creates an item of this lane without arrival time, delivery, span or measurement.
    pub fn new(lane: impl Into<String>, record: R) -> Self {
        Self {
            lane: lane.into(),
            arrived_at: None,
            span: Span::none(),
            stopwatch: Stopwatch::default(),
            delivered: None,
            record,
        }
    }
}
