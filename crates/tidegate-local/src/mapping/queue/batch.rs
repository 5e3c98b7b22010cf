//! A batch of queue messages, from its invocation to its deletion.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use lambda_shapes::moment::Moment;
use lambda_shapes::queue::Message;

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) messages: Vec<Message>,
    pub(super) state: BatchState,
    /// When the visibility timeout of the messages began: at the earliest receive, or at the last
    /// extension.
    pub(super) received: Moment,
    pub(super) throttles: u32,
}

impl Batch {
    /// Returns the receipt handles of the messages.
    pub(super) fn receipts(&self) -> Vec<String> {
        self.messages.iter().map(|message| message.receipt.clone()).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchState {
    InFlight,
    Waiting(Moment),
    Deleting,
    /// As `Deleting`, for messages that the filter rejected: the function never had them.
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

/// Returns the batches that count towards the concurrency.
pub(super) fn delivering(batches: &BTreeMap<u64, Batch>) -> impl Iterator<Item = &Batch> {
    batches.values().filter(|batch| batch.state != BatchState::Dropping)
}

/// Returns the message groups that have a batch on its way.
pub(super) fn busy(batches: &BTreeMap<u64, Batch>) -> BTreeSet<&str> {
    let messages = delivering(batches).flat_map(|batch| batch.messages.iter());
    messages.filter_map(|message| message.group.as_deref()).collect()
}
