//! Settings of a queue mapping.

use std::sync::Arc;
use std::time::Duration;

use crate::pace::scale::{scale, scale_seconds};
use lambda_shapes::moment::Moment;
use topology::model::{Function, Source};
use topology::pattern::filter::Filter;

/// Time for a receive and a hand-over together.
const GRACE: Duration = Duration::from_secs(1);

/// Settings of a queue mapping.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// Most messages in one batch.
    pub batch_size: usize,
    /// Longest time for which messages are gathered into a batch.
    pub batching_window: Duration,
    /// Most concurrent batches.
    pub maximum_concurrency: usize,
    /// Whether partial batch responses are honoured.
    pub report_batch_item_failures: bool,
    /// Visibility timeout of received messages, in whole seconds.
    pub visibility: Duration,
    /// Timeout of the function, divided by the time scale as the visibility timeout is.
    pub timeout: Duration,
    /// Filter of the messages; without one all messages are delivered.
    pub filter: Option<Arc<Filter>>,
    /// Divides the waits after throttles; 1 is AWS's pace.
    ///
    /// Above 1, functions are slow compared with the shortened visibility timeout, so it is
    /// extended while messages are in flight.
    pub time_scale: f64,
}

impl QueueSettings {
    /// Creates the settings of a declared source with its parsed filter.
    ///
    /// `visibility_seconds` is the visibility timeout of the queue.
    #[must_use]
    pub fn new(
        source: &Source,
        function: &Function,
        visibility_seconds: u32,
        filter: Option<Arc<Filter>>,
        time_scale: f64,
    ) -> Self {
        // A mapping without a limit of its own runs as often as its function may.
        let concurrency = source.maximum_concurrency.unwrap_or(function.concurrency());
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self {
            batch_size: usize::try_from(source.batch_size).unwrap_or(usize::MAX),
            batching_window: scale(seconds(source.batching_window_seconds), time_scale),
            maximum_concurrency: usize::try_from(concurrency).unwrap_or(usize::MAX),
            report_batch_item_failures: source.report_batch_item_failures,
            visibility: scale_seconds(seconds(visibility_seconds), time_scale),
            timeout: scale(seconds(function.timeout_seconds), time_scale),
            filter,
            time_scale,
        }
    }

    /// Returns how long a message is held at most.
    ///
    /// With a visibility timeout of at least twice the function's timeout, the function can still
    /// end while the message is hidden. Otherwise the message is held for half of the visibility
    /// timeout. Example: 60 s of visibility and a function timeout of 10 s allow 50 s.
    pub(super) fn longest_hold(&self) -> Duration {
        self.visibility.saturating_sub(self.timeout.min(self.visibility / 2))
    }

    /// Returns how long after its receive a message may be handed to the function.
    ///
    /// It ends shortly before the visibility timeout, because the receive itself has taken some
    /// time.
    pub(super) fn certainly_hidden(&self) -> Duration {
        self.visibility.saturating_sub(GRACE.min(self.visibility / 10))
    }

    /// Returns how long a batch may wait in line for its function.
    ///
    /// After such a wait the function still ends while the messages are hidden.
    pub(super) fn patience(&self, received: Moment, now: Moment) -> Duration {
        received.after(self.certainly_hidden()).since(now).saturating_sub(self.timeout)
    }

    /// Returns after which time the visibility timeout of messages in flight is extended; `None`
    /// for never.
    ///
    /// Lambda never extends it. A time scale above 1 shortens everything except the run time of
    /// functions, so here it must be extended.
    pub(super) fn extended_after(&self) -> Option<Duration> {
        (self.time_scale > 1.0).then_some(self.visibility / 2)
    }
}
