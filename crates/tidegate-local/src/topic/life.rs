//! One message of a topic, with its unfinished deliveries.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use lambda_shapes::moment::Moment;

#[derive(Debug)]
pub(super) struct Life {
    pub(super) id: String,
    /// Message group, within which deliveries stay in order.
    pub(super) group: Option<String>,
    /// Unfinished deliveries, by subscription.
    pub(super) left: BTreeMap<usize, Delivery>,
    /// When the message's visibility timeout in its queue must be extended.
    pub(super) extend: Moment,
}

#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) state: State,
    /// Number of failed tries.
    pub(super) failed: u32,
    /// Why the last try failed.
    pub(super) refusal: Option<Refusal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Due(Moment),
    Trying,
    Parking,
}
