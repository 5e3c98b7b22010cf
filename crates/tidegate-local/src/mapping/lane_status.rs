//! What a lane of a shard, or a batch of a queue, is doing or waits for.

use serde::{Serialize, Serializer};

use lambda_shapes::moment::Moment;

/// A lane that has records, a shard that is not read, or a batch of a queue that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LaneStatus {
    /// The shard; `None` in a queue.
    pub shard: Option<String>,
    /// The lane and its state.
    #[serde(flatten)]
    pub report: LaneReport,
}

/// A lane and its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LaneReport {
    /// The lane, from 0; `None` if the state is that of the whole shard, and in a queue.
    pub lane: Option<usize>,
    /// What it is doing.
    pub state: LaneCondition,
    /// Attempts with the batch that failed. Throttles and splits do not count.
    pub attempt: u32,
    /// Records of the batch; for [`LaneCondition::ReadAhead`], those after the checkpoint.
    pub records: u64,
    /// When it goes on by itself, as RFC 3339.
    #[serde(serialize_with = "rfc_3339")]
    pub until: Option<Moment>,
    /// When it began, as RFC 3339; for [`LaneCondition::ReadAhead`], the last poll.
    #[serde(serialize_with = "rfc_3339")]
    pub since: Option<Moment>,
}

/// What a lane, or a whole shard, is doing or waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneCondition {
    /// An invocation is in flight, or waits in line for an execution environment.
    InFlight,
    /// A batch failed and waits for its next attempt.
    WaitingForRetry,
    /// No execution environment was free; the batch waits for its next try.
    Throttled,
    /// The on-failure record of a batch is on its way to the destination.
    HandingOver,
    /// Records wait until the batching window ends or the batch is full.
    Gathering,
    /// A tumbling window waits for its end.
    WindowOpen,
    /// The rest of a batch that failed before the last start has not been read yet.
    Unread,
    /// The shard is not polled, because enough records after its checkpoint were read.
    ReadAhead,
    /// The shard is not read, because a parent of it is not closed and done.
    ParentUnfinished,
}

impl LaneReport {
    /// Most reports of one shard or queue.
    pub(crate) const LIMIT: usize = 10;

    /// Creates a report without lane, attempt, records and times.
    pub(crate) fn new(state: LaneCondition) -> Self {
        Self { lane: None, state, attempt: 0, records: 0, until: None, since: None }
    }
}

#[allow(clippy::ref_option, reason = "serde passes a reference to the field")]
fn rfc_3339<S: Serializer>(moment: &Option<Moment>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(Moment::with_millis).serialize(serializer)
}
