//! A store whose commits a test makes up, also such as no process writes.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;

use super::world::cause;
use crate::envelope::DataSchema;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::store::{EventReader, RecordedCommit, RecordedEvent};

/// Commits by stream. A place without a commit has a failure.
#[derive(Default)]
pub(super) struct MadeUp {
    streams: BTreeMap<StreamId, Vec<Result<RecordedCommit, Failure>>>,
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
        let stream: StreamId = stream.parse().unwrap();
        let at = Timestamp::from_second(second).unwrap();
        let commits = self.streams.entry(stream.clone()).or_default();
        let version = Version::new(commits.len() as u64 + 1);
        let event = RecordedEvent::new(id, version, DataSchema::new(kind, 1), at, data);
        commits.push(Ok(RecordedCommit::new(stream, "tests", cause(of), at, vec![event])));
        self
    }

    /// Adds a commit that cannot be read.
    pub(super) fn broken(&mut self, stream: &str, failure: Failure) -> &mut Self {
        self.streams.entry(stream.parse().unwrap()).or_default().push(Err(failure));
        self
    }
}

impl EventReader for MadeUp {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let all = self.streams.get(stream).cloned().unwrap_or_default();
        let from = usize::try_from(after.number()).unwrap();
        ready(all.into_iter().skip(from).collect()).boxed()
    }

    fn read_at<'a>(
        &'a self,
        stream: &'a StreamId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<RecordedCommit>, Failure>> {
        let place = usize::try_from(version.number()).unwrap() - 1;
        let found = self.streams.get(stream).and_then(|all| all.get(place)).cloned();
        ready(found.transpose()).boxed()
    }
}
