//! What an event store does: the ports that functions and projections depend on.

use futures::future::{BoxFuture, FutureExt};

use super::commit::{Commit, CommitOutcome, RecordedCommit};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Reads streams. What a function has that only reads.
pub trait EventReader: Send + Sync {
    /// All commits of a stream that hold events above `after`, in order, strongly consistent. An unknown stream has none.
    ///
    /// # Errors
    /// - A failure to read the store (transient).
    /// - `incomplete_commit` (transient): a large commit cannot be read as a whole yet.
    /// - [`Failure::NEWER`] (transient): a newer version of the function wrote a commit in its own
    ///   format.
    /// - `corrupt_commit` (permanent): the store holds something else.
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>>;

    /// The commit that holds the event at `version`, strongly consistent. Others of its stream need
    /// not be readable: what a newer version of the function has written behind it is in nobody's
    /// way.
    ///
    /// By default it reads all commits from there on; a store that can read less should.
    ///
    /// # Errors
    /// As [`Self::read`].
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

/// The one of these commits that holds the event at this version.
pub(super) fn holding(commits: Vec<RecordedCommit>, version: Version) -> Option<RecordedCommit> {
    let holds =
        |commit: &RecordedCommit| commit.first_version() <= version && version <= commit.last_version();
    commits.into_iter().find(holds)
}

/// Reads and extends streams.
pub trait EventStore: EventReader {
    /// Writes a commit if its place in the stream is free.
    ///
    /// # Errors
    /// - `commit_too_large` (permanent): above about 3.9 MB as JSON, or some 3,000 events.
    /// - `invalid_commit` (permanent): versions that are not consecutive.
    /// - `attributes_too_large` (permanent): extension attributes of more than 16 KB.
    /// - `cause_reused` (permanent): the commit in the way has the same cause and other content.
    /// - A failure of the store (transient).
    ///
    /// A version that is taken is not an error but an outcome.
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>>;
}
