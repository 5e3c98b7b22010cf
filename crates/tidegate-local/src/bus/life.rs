//! One event of a bus, with its unfinished hand-overs.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use lambda_shapes::moment::Moment;

#[derive(Debug)]
pub(super) struct Life {
    pub(super) id: String,
    pub(super) accepted: Moment,
    /// Unfinished hand-overs, by rule.
    pub(super) left: BTreeMap<usize, HandOver>,
    /// When the event's visibility timeout in its queue must be extended.
    pub(super) extend: Moment,
}

#[derive(Debug)]
pub(super) struct HandOver {
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
