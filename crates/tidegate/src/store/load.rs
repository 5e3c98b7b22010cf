//! Loads an aggregate without writing.

use super::aggregate::Aggregate;
use super::history::{History, Loaded, WholeStream};
use super::port::EventReader;
use super::snapshot::{FromSnapshot, Snapshots, Snapshotted};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// An aggregate at a version of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AggregateAt<A> {
    /// Aggregate, with all events up to the version.
    pub aggregate: A,
    /// Version of the last event. [`Version::NONE`]: the stream has no events, and the aggregate is
    /// the default one.
    pub version: Version,
}

impl<A> AggregateAt<A> {
    /// Returns the aggregate if its stream has an event.
    pub fn existing(self) -> Option<A> {
        (self.version != Version::NONE).then_some(self.aggregate)
    }
}

impl<A, M> From<Loaded<A, M>> for AggregateAt<A> {
    fn from(loaded: Loaded<A, M>) -> Self {
        Self { aggregate: loaded.aggregate, version: loaded.version }
    }
}

/// Loads an aggregate by all events of its stream, strongly consistent. Writes nothing.
///
/// Costs the read of the stream. The state is that of the moment of the read: a command that is
/// decided on it needs [`execute`](super::execute()), which loads it again.
///
/// # Errors
/// - [`Failure::NEWER`] (transient): a newer version of the function wrote an event or a commit of
///   the stream.
/// - Any failure of the store, and any failure to decode stored events.
pub async fn load<A: Aggregate>(
    store: &dyn EventReader,
    stream: &StreamId,
) -> Result<AggregateAt<A>, Failure> {
    History::<A>::load(&WholeStream { store }, stream, &[]).await.map(AggregateAt::from)
}

/// Loads an aggregate like [`load`], starting from a snapshot if there is one.
///
/// # Errors
/// Same as [`load`]. A failure of the snapshots is not an error: it is logged.
pub async fn load_with_snapshots<A: Snapshotted>(
    store: &dyn EventReader,
    snapshots: &Snapshots,
    stream: &StreamId,
) -> Result<AggregateAt<A>, Failure> {
    let history = FromSnapshot { store, snapshots };
    History::<A>::load(&history, stream, &[]).await.map(AggregateAt::from)
}
