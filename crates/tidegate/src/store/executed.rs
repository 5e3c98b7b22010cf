//! What became of a command: the decision that it led to, and whether that is new.

use super::aggregate::Decision;
use super::commit::{RecordedCommit, RecordedEvent};
use super::port::EventReader;
use super::verdict::Verdict;
use crate::batch::Handled;
use crate::failure::Failure;
use crate::ids::{Cause, StreamId, Version};
use crate::message::MessageSet;

/// The decision that a command led to, now or when it came first.
///
/// A command leads to one decision, so every delivery of it returns the same events and version. An
/// answer that is made of these alone is the same each time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Executed<E> {
    /// Events of the decision.
    pub decision: Decision<E>,
    /// Version of the stream after the decision: that of its last event.
    ///
    /// The stream may have grown since if the decision is a duplicate.
    pub version: Version,
    /// Whether the command led to this decision before.
    pub duplicate: bool,
}

impl<E> Executed<E> {
    /// Returns the events of the decision in order; at least one.
    pub fn events(&self) -> &[E] {
        self.decision.events()
    }

    /// Returns the result that a handler returns for its record.
    pub fn handled(&self) -> Handled {
        if self.duplicate { Handled::Duplicate } else { Handled::Applied }
    }
}

impl<E: MessageSet> Executed<E> {
    /// Returns what became of a single command.
    ///
    /// Reads the stream if the command is a duplicate whose events were not read yet.
    pub(super) async fn from_verdicts(
        verdicts: Vec<Verdict<E>>,
        store: &dyn EventReader,
        stream: &StreamId,
        cause: &Cause,
    ) -> Result<Self, Failure> {
        match verdicts.into_iter().next() {
            Some(Verdict::Applied { decision, version }) => {
                Ok(Self { decision, version, duplicate: false })
            }
            Some(Verdict::Duplicate(Some(events))) => Self::before(stream, &events),
            Some(Verdict::Duplicate(None)) => {
                let commits = store.read(stream, Version::NONE).await?;
                match find(&commits, cause) {
                    Some(events) => Self::before(stream, events),
                    None => Err(Failure::transient(
                        "decision_missing",
                        format!("{stream}: {cause} was decided, but no commit has the decision"),
                    )),
                }
            }
            Some(Verdict::Failed(failure)) => Err(failure),
            // A single command has no command before it that could block it.
            Some(Verdict::NotRun(_)) | None => {
                Err(Failure::transient("not_run", "the command was not decided"))
            }
        }
    }

    pub(super) fn before(stream: &StreamId, events: &[RecordedEvent]) -> Result<Self, Failure> {
        let decoded: Result<Vec<E>, Failure> = events.iter().map(RecordedEvent::decode).collect();
        let decoded = decoded.map_err(|failure| failure.context(stream))?;
        let version = events.last().map_or(Version::NONE, |event| event.version);
        Ok(Self { decision: Decision::from_events(decoded), version, duplicate: true })
    }
}

/// Returns the events of the decision with this cause.
pub(super) fn find<'a>(
    commits: &'a [RecordedCommit],
    cause: &Cause,
) -> Option<&'a [RecordedEvent]> {
    let mut parts = commits.iter().flat_map(RecordedCommit::parts);
    parts.find(|(decision, _)| decision.cause == *cause).map(|(_, events)| events)
}
