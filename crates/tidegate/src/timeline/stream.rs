//! Reads a stream, also around commits that cannot be read.

use super::timeline::Unreadable;
use crate::failure::{Class, Failure};
use crate::ids::{StreamId, Version};
use crate::store::{EventReader, RecordedCommit, is_incomplete};

/// Versions in a row that cannot be read, after which the rest of a stream is given up.
const MISSES: usize = 8;

/// A stream, as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) commits: Vec<RecordedCommit>,
    pub(super) unreadable: Vec<Unreadable>,
}

impl Stream {
    /// Reads a stream. If a commit cannot be read, the others are read one by one.
    ///
    /// # Errors
    /// The store cannot be read (transient).
    pub(super) async fn read(reader: &dyn EventReader, stream: &StreamId) -> Result<Self, Failure> {
        match reader.read(stream, Version::NONE).await {
            Ok(commits) => Ok(Self { commits, unreadable: Vec::new() }),
            Err(failure) if is_of_content(&failure) => Self::around(reader, stream).await,
            Err(failure) => Err(failure.context(stream)),
        }
    }

    async fn around(reader: &dyn EventReader, stream: &StreamId) -> Result<Self, Failure> {
        let (mut read, mut version, mut misses) = (Self::default(), Version::NONE.next(), 0);
        while misses < MISSES {
            match reader.read_at(stream, version).await {
                Ok(Some(commit)) => {
                    if misses > 0
                        && let Some(last) = read.unreadable.last_mut()
                    {
                        last.until = Some(commit.first_version());
                    }
                    misses = 0;
                    version = commit.last_version().max(version).next();
                    read.commits.push(commit);
                }
                Ok(None) => break,
                Err(failure) if is_of_content(&failure) => {
                    if misses == 0 {
                        read.unreadable.push(Unreadable {
                            stream: stream.clone(),
                            from: version,
                            until: None,
                            code: failure.code().to_owned(),
                            reason: failure.reason().to_owned(),
                        });
                    }
                    misses += 1;
                    version = version.next();
                }
                Err(failure) => return Err(failure.context(stream)),
            }
        }
        Ok(read)
    }
}

/// Returns whether a failure is about what is stored, and not about the store.
fn is_of_content(failure: &Failure) -> bool {
    failure.class() == Class::Permanent
        || failure.code() == Failure::NEWER
        || is_incomplete(failure)
}
