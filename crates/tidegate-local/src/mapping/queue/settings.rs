//! What a queue mapping goes by.

use std::sync::Arc;
use std::time::Duration;

use crate::pace::scale::{scale, scale_seconds};
use lambda_shapes::moment::Moment;
use topology::model::{Function, Source};
use topology::pattern::filter::Filter;

/// What a receive and a hand-over may take together.
const GRACE: Duration = Duration::from_secs(1);

/// Settings of a queue mapping.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// Most messages in one batch.
    pub batch_size: usize,
    /// How long a batch is gathered.
    pub batching_window: Duration,
    /// Most concurrent batches.
    pub maximum_concurrency: usize,
    /// Partial responses are honoured.
    pub report_batch_item_failures: bool,
    /// How long a received message stays hidden, in whole seconds.
    pub visibility: Duration,
    /// Timeout of the function, as a part of that time.
    pub timeout: Duration,
    /// Which messages are delivered; all of them without one.
    pub filter: Option<Arc<Filter>>,
    /// Divides the waiting times after throttles. Above 1 the functions are slow beside everything
    /// else: what is in flight is hidden for as long as it is.
    pub time_scale: f64,
}

impl QueueSettings {
    /// Settings of a declared source of a queue that hides messages for so many seconds, with its
    /// filter as it was read.
    #[must_use]
    pub fn new(
        source: &Source,
        function: &Function,
        visibility_seconds: u32,
        filter: Option<Arc<Filter>>,
        time_scale: f64,
    ) -> Self {
        // A mapping without a bound of its own is run as often as its function may be.
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

    /// How long a message is held at most: so long that the function can end while it is hidden, if
    /// it is hidden for twice the function's timeout, and for half of that time in any case.
    pub(super) fn longest_hold(&self) -> Duration {
        self.visibility.saturating_sub(self.timeout.min(self.visibility / 2))
    }

    /// How long after its receive a message may be handed over. Shortly before its visibility ends
    /// it may not: its receive has taken some time too.
    pub(super) fn certainly_hidden(&self) -> Duration {
        self.visibility.saturating_sub(GRACE.min(self.visibility / 10))
    }

    /// How long a batch may wait in line for its function, so that the function ends while the
    /// messages are hidden.
    pub(super) fn patience(&self, received: Moment, now: Moment) -> Duration {
        received.after(self.certainly_hidden()).since(now).saturating_sub(self.timeout)
    }

    /// After how much of the time for which messages in flight are hidden it is extended. On AWS it
    /// never is; but functions do not run faster here where everything else does.
    pub(super) fn extended_after(&self) -> Option<Duration> {
        (self.time_scale > 1.0).then_some(self.visibility / 2)
    }
}
