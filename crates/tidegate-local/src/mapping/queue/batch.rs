//! Messages that are on their way together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use lambda_shapes::moment::Moment;
use lambda_shapes::queue::Message;

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) messages: Vec<Message>,
    pub(super) state: BatchState,
    /// The earliest receive of its messages, or when their time was extended: they become visible
    /// again so long after it.
    pub(super) received: Moment,
    pub(super) throttles: u32,
}

impl Batch {
    /// What its messages are deleted by.
    pub(super) fn receipts(&self) -> Vec<String> {
        self.messages.iter().map(|message| message.receipt.clone()).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchState {
    InFlight,
    Waiting(Moment),
    Deleting,
    /// As above, without ever having been with the function.
    Dropping,
}

impl fmt::Display for BatchState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InFlight => "in flight",
            Self::Waiting(_) => "waiting after a throttle",
            Self::Deleting | Self::Dropping => "being deleted",
        })
    }
}

/// Batches that count towards the concurrency.
pub(super) fn delivering(batches: &BTreeMap<u64, Batch>) -> impl Iterator<Item = &Batch> {
    batches.values().filter(|batch| batch.state != BatchState::Dropping)
}

/// The groups that have a batch on its way.
pub(super) fn busy(batches: &BTreeMap<u64, Batch>) -> BTreeSet<&str> {
    let messages = delivering(batches).flat_map(|batch| batch.messages.iter());
    messages.filter_map(|message| message.group.as_deref()).collect()
}
