//! Where a timeline begins, and how far it goes.

use crate::ids::StreamId;

/// Where a timeline begins, and how far it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    pub(super) streams: Vec<StreamId>,
    pub(super) also: Vec<StreamId>,
    pub(super) correlation_id: Option<String>,
    pub(super) most_streams: usize,
    pub(super) most_events: usize,
}

impl Trail {
    /// Number of streams that are read by default.
    pub const STREAMS: usize = 64;
    /// Number of events that are taken by default, of all streams together.
    pub const EVENTS: usize = 2_000;
    /// Number of events that are looked at, of all streams together. More only if more are taken.
    pub(super) const LOOKED_AT: usize = 50_000;

    /// Creates the trail of everything in these streams, and of what is connected with it.
    pub fn from_streams(streams: impl IntoIterator<Item = StreamId>) -> Self {
        Self {
            streams: streams.into_iter().collect(),
            also: Vec::new(),
            correlation_id: None,
            most_streams: Self::STREAMS,
            most_events: Self::EVENTS,
        }
    }

    /// Creates the trail of everything with a correlation id, and of what is connected with it.
    ///
    /// `streams` are those that have events with this id. Nothing finds them but a look at the
    /// whole store, such as [`correlated`](crate::store::DynamoDbEventStore::correlated).
    pub fn from_correlation(
        id: impl Into<String>,
        streams: impl IntoIterator<Item = StreamId>,
    ) -> Self {
        Self { correlation_id: Some(id.into()), ..Self::from_streams(streams) }
    }

    /// Adds candidates: streams that count only as far as a cause connects them.
    ///
    /// For example, the process with the same key as the stream where the trail begins. A stream
    /// that does not exist costs one read.
    #[must_use]
    pub fn also(mut self, streams: impl IntoIterator<Item = StreamId>) -> Self {
        self.also.extend(streams);
        self
    }

    /// Sets how many streams are read, and how many events are taken of those that belong to the
    /// timeline. At least one each.
    ///
    /// A stream is read whole, also if not all of its events are taken. To find those that belong
    /// to the timeline, the oldest 50,000 events are looked at, stream by stream. That takes about
    /// 40 MB.
    #[must_use]
    pub fn at_most(mut self, streams: usize, events: usize) -> Self {
        (self.most_streams, self.most_events) = (streams.max(1), events.max(1));
        self
    }
}
