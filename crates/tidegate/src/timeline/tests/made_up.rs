//! A store whose commits a test makes up, also such as no process writes.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;

use super::world::cause;
use crate::envelope::DataSchema;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::store::{EventReader, RecordedCommit, RecordedEvent};

/// A commit, or the failure to read it.
#[derive(Clone)]
struct Stored {
    first: Version,
    events: usize,
    commit: Result<RecordedCommit, Failure>,
}

impl Stored {
    fn last(&self) -> Version {
        Version::new(self.first.number() + self.events as u64 - 1)
    }
}

/// Commits by stream.
#[derive(Default)]
pub(super) struct MadeUp {
    streams: BTreeMap<StreamId, Vec<Stored>>,
}

impl MadeUp {
    /// Adds a commit of one event at this second. Its id is `id`, and its cause has the id `of` in
    /// the same source.
    pub(super) fn event(&mut self, stream: &str, id: &str, of: &str, second: i64) -> &mut Self {
        self.event_of_type(stream, id, of, second, "Happened", "{}")
    }

    /// Adds a commit of one event of this type.
    pub(super) fn event_of_type(
        &mut self,
        stream: &str,
        id: &str,
        of: &str,
        second: i64,
        kind: &str,
        data: &str,
    ) -> &mut Self {
        let at = Timestamp::from_second(second).unwrap();
        let event = RecordedEvent::new(id, self.next(stream), DataSchema::new(kind, 1), at, data);
        let id: StreamId = stream.parse().unwrap();
        let commit = RecordedCommit::new(id, "tests", cause(of), at, vec![event]);
        self.add(stream, 1, Ok(commit))
    }

    /// Adds a commit of several events that cannot be read.
    pub(super) fn broken(&mut self, stream: &str, events: usize, failure: Failure) -> &mut Self {
        self.add(stream, events, Err(failure))
    }

    fn add(
        &mut self,
        stream: &str,
        events: usize,
        commit: Result<RecordedCommit, Failure>,
    ) -> &mut Self {
        let first = self.next(stream);
        let commits = self.streams.entry(stream.parse().unwrap()).or_default();
        commits.push(Stored { first, events, commit });
        self
    }

    fn next(&self, stream: &str) -> Version {
        let stream: StreamId = stream.parse().unwrap();
        let last = self.streams.get(&stream).and_then(|all| all.last());
        last.map_or(Version::NONE, Stored::last).next()
    }
}

/// Reads as DynamoDB does.
impl EventReader for MadeUp {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let all = self.streams.get(stream).cloned().unwrap_or_default().into_iter();
        let above = all.filter(|stored| stored.last() > after);
        ready(above.map(|stored| stored.commit).collect()).boxed()
    }

    /// Looks at the last commit that begins at or before the version. So behind a commit that
    /// cannot be read, nothing tells where the stream ends.
    fn read_at<'a>(
        &'a self,
        stream: &'a StreamId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<RecordedCommit>, Failure>> {
        let all = self.streams.get(stream).into_iter().flatten();
        let found = all.rev().find(|stored| stored.first <= version);
        let holds = |commit: &RecordedCommit| commit.last_version() >= version;
        let found = found.map(|stored| stored.commit.clone()).transpose();
        ready(found.map(|commit| commit.filter(holds))).boxed()
    }
}
