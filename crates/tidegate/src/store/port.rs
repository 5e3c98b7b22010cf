//! The ports of an event store, on which functions and projections depend.

use futures::future::{BoxFuture, FutureExt};

use super::commit::{Commit, CommitOutcome, RecordedCommit};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Reads streams.
///
/// Pass this trait to code that must not write.
pub trait EventReader: Send + Sync {
    /// Reads the commits of a stream that hold events above `after`, in order and strongly
    /// consistent.
    ///
    /// Returns an empty list for an unknown stream.
    ///
    /// # Errors
    /// - Any failure to read the store (transient).
    /// - `incomplete_commit` (transient): a part of a large commit cannot be read yet.
    /// - [`Failure::NEWER`] (transient): a newer version of the function wrote a commit in its own
    ///   format.
    /// - `corrupt_commit` (permanent): an item of the store is not a valid commit.
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>>;

    /// Reads the commit that holds the event at `version`, strongly consistent.
    ///
    /// Other commits of the stream need not be readable. For example, a later commit may have the
    /// format of a newer version of the function.
    ///
    /// The default implementation reads all commits from `version` on. Override it if your store
    /// can read fewer.
    ///
    /// # Errors
    /// Same as [`Self::read`].
    fn read_at<'a>(
        &'a self,
        stream: &'a StreamId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<RecordedCommit>, Failure>> {
        async move {
            let before = Version::new(version.number().saturating_sub(1));
            Ok(holding(self.read(stream, before).await?, version))
        }
        .boxed()
    }
}

/// Returns the commit that holds the event at this version.
pub(super) fn holding(commits: Vec<RecordedCommit>, version: Version) -> Option<RecordedCommit> {
    let holds = |commit: &RecordedCommit| {
        commit.first_version() <= version && version <= commit.last_version()
    };
    commits.into_iter().find(holds)
}

/// Reads and extends streams.
pub trait EventStore: EventReader {
    /// Writes a commit if its place in the stream is free.
    ///
    /// A place that is taken is not an error. The outcome is then [`CommitOutcome::Duplicate`] or
    /// [`CommitOutcome::Conflict`].
    ///
    /// # Errors
    /// - `commit_too_large` (permanent): the commit has more than about 3.9 MB as JSON, or more
    ///   than about 3,000 events.
    /// - `invalid_commit` (permanent): the versions are not consecutive.
    /// - `attributes_too_large` (permanent): the extension attributes of a decision have more than
    ///   16 KB.
    /// - `cause_reused` (permanent): the commit at this place has the same cause and other content.
    /// - Any failure of the store (transient).
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>>;

    /// Returns whether a commit may hold several decisions. Otherwise each gets its own commit.
    ///
    /// The default implementation returns `true`.
    fn takes_several_decisions(&self) -> bool {
        true
    }
}
