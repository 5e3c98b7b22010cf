//! The context of an invocation, for handlers.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::delivered::Delivered;
use super::item::Item;
use super::window::Window;
use crate::idempotency::Lease;

/// Information about the invocation, for handlers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchContext {
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// Time after which no record is started and running ones are dropped, so that there is time to
    /// respond.
    pub deadline: Instant,
    /// Time at which Lambda kills the invocation. From then on a claim of this invocation has no
    /// owner.
    pub lease_until: Timestamp,
    /// Whether an operator replays dead letters.
    pub replay: bool,
    /// Patterns of the types of events that a command publishes again; `None`: all. Only a
    /// [`Publisher`](crate::publish::Publisher) looks at them.
    pub types: Option<Arc<[String]>>,
    /// Tumbling window of the invocation, if its mapping has windows.
    pub window: Option<Arc<Window>>,
    /// The delivery of the record that is handled. `None` if a batch is handled together; see
    /// [`Self::for_item`].
    pub delivered: Option<Delivered>,
    /// Records custom metrics, which are written before the response.
    #[cfg(feature = "custom-metrics")]
    pub metrics: crate::metrics::CustomMetrics,
}

impl BatchContext {
    /// Creates the context of an invocation with this much time, as a handler sees it in a batch.
    ///
    /// It has no request id and is not a replay; set the fields to change that.
    pub fn new(remaining: Duration) -> Self {
        let Lease { deadline, until } = Lease::new(remaining);
        Self {
            request_id: String::new(),
            deadline,
            lease_until: until,
            replay: false,
            types: None,
            window: None,
            delivered: None,
            #[cfg(feature = "custom-metrics")]
            metrics: Default::default(),
        }
    }

    /// Returns the context of one record of a batch that is handled together.
    #[must_use]
    pub fn for_item<R>(&self, item: &Item<R>) -> Self {
        Self { delivered: item.delivered.clone(), ..self.clone() }
    }
}

impl From<&BatchContext> for Lease {
    fn from(context: &BatchContext) -> Self {
        Self { deadline: context.deadline, until: context.lease_until }
    }
}
