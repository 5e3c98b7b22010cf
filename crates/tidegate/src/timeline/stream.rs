//! Reads a stream, also around commits that cannot be read.

use super::timeline::Unreadable;
use crate::failure::{Class, Failure};
use crate::ids::{StreamId, Version};
use crate::store::{EventReader, RecordedCommit, is_incomplete};

/// Versions behind one that cannot be read that are all looked at.
const NEAR: usize = 8;
/// Versions behind one that cannot be read within which the next commit is looked for. A commit has
/// at most about 3,000 events.
const FAR: usize = 4_096;

/// A stream, as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) commits: Vec<RecordedCommit>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// What is at a version of a stream.
enum Found {
    Commit(RecordedCommit),
    /// Nothing: the stream ends before.
    End,
    Unreadable(Failure),
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
        let (mut read, mut version) = (Self::default(), Version::NONE.next());
        loop {
            let next = match look(reader, stream, version).await? {
                Found::Commit(commit) => Some(commit),
                Found::End => None,
                Found::Unreadable(failure) => {
                    let next = behind(reader, stream, version).await?;
                    read.unreadable.push(Unreadable {
                        stream: stream.clone(),
                        from: version,
                        until: next.as_ref().map(RecordedCommit::first_version),
                        code: failure.code().to_owned(),
                        reason: failure.reason().to_owned(),
                    });
                    next
                }
            };
            let Some(commit) = next else { return Ok(read) };
            version = commit.last_version().max(version).next();
            read.commits.push(commit);
        }
    }
}

/// Finds a commit behind a version that cannot be read.
///
/// Nothing tells how many events the commit at this version has: each of its versions fails. So the
/// nearest versions are looked at one by one, and further ones in steps that double. Once something
/// else is there, the search goes back to where it begins. Invariant: `low` cannot be read, and
/// `high` can, or is behind the end.
///
/// For example, the versions 2 to 40 cannot be read, and the stream ends with 42. 3 to 10, 18 and
/// 34 fail, and 66 is behind the end. So is 50. 42 can be read, 38 and 40 fail, 41 can be read.
async fn behind(
    reader: &dyn EventReader,
    stream: &StreamId,
    from: Version,
) -> Result<Option<RecordedCommit>, Failure> {
    let far = std::iter::successors(Some(NEAR * 2), |step| Some(step * 2));
    let steps = (1..=NEAR).chain(far.take_while(|step| *step <= FAR));
    let (mut low, mut high, mut found) = (from, None, None);
    for step in steps {
        let version = from.plus(step);
        match look(reader, stream, version).await? {
            Found::Unreadable(_) => low = version,
            Found::End => high = Some(version),
            Found::Commit(commit) => {
                high = Some(commit.first_version());
                found = Some(commit);
            }
        }
        if high.is_some() {
            break;
        }
    }
    let Some(mut high) = high else { return Ok(None) };
    while low.next() < high {
        let middle = Version::new(low.number().midpoint(high.number()));
        match look(reader, stream, middle).await? {
            Found::Commit(commit) => {
                high = commit.first_version();
                found = Some(commit);
            }
            Found::End if found.is_none() => high = middle,
            Found::End | Found::Unreadable(_) => low = middle,
        }
    }
    Ok(found)
}

async fn look(
    reader: &dyn EventReader,
    stream: &StreamId,
    version: Version,
) -> Result<Found, Failure> {
    match reader.read_at(stream, version).await {
        Ok(Some(commit)) => Ok(Found::Commit(commit)),
        Ok(None) => Ok(Found::End),
        Err(failure) if is_of_content(&failure) => Ok(Found::Unreadable(failure)),
        Err(failure) => Err(failure.context(stream)),
    }
}

/// Returns whether a failure is about what is stored, and not about the store.
fn is_of_content(failure: &Failure) -> bool {
    failure.class() == Class::Permanent
        || failure.code() == Failure::NEWER
        || is_incomplete(failure)
}
