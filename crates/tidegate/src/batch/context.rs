//! What a handler may know of the invocation.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::delivered::Delivered;
use super::item::Item;
use super::window::Window;
use crate::idempotency::Lease;

/// What a handler may know of the invocation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchContext {
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// When no record is started any more and running ones are given up, so that there is time to
    /// answer.
    pub deadline: Instant,
    /// When Lambda kills the invocation: from then on a claim of this invocation has lost its owner.
    pub lease_until: Timestamp,
    /// A replay of dead letters, asked for by an operator.
    pub replay: bool,
    /// The tumbling window of the invocation, if its mapping has windows.
    pub window: Option<Arc<Window>>,
    /// The delivery of the record that is handled. `None` if a batch is handled together; see
    /// [`Self::for_item`].
    pub delivered: Option<Delivered>,
}

impl BatchContext {
    /// The context of an invocation that has this much time: a handler runs in it as in a batch. It
    /// has no id, and is no replay, unless that is set.
    pub fn new(remaining: Duration) -> Self {
        let Lease { deadline, until } = Lease::new(remaining);
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
    pub fn for_item<R>(&self, item: &Item<R>) -> Self {
        BatchContext { delivered: item.delivered.clone(), ..self.clone() }
    }
}

impl From<&BatchContext> for Lease {
    fn from(context: &BatchContext) -> Self {
        Lease { deadline: context.deadline, until: context.lease_until }
    }
}
