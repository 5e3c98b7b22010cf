//! What feeds a projection.

use topology::Function;

/// What feeds a projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// The DynamoDB stream of the event store.
    Table,
    /// A queue.
    Queue,
    /// A Kinesis stream.
    Stream,
    /// The rules of a bus, or a topic, which invoke the function.
    Event,
}

impl Feed {
    /// Returns what feeds the function, whose event store is this table.
    pub(super) fn of(function: &Function, event_store: &str) -> Self {
        let sources = || function.sources.values();
        if sources().any(|source| source.table.as_deref() == Some(event_store)) {
            Self::Table
        } else if sources().any(|source| source.queue.is_some()) {
            Self::Queue
        } else if sources().any(|source| source.stream.is_some()) {
            Self::Stream
        } else {
            Self::Event
        }
    }
}
