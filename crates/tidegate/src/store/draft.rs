//! A commit that grows in memory, before it is stored.

use jiff::Timestamp;

use super::aggregate::{Aggregate, Decision};
use super::commit::{RecordedCommit, RecordedDecision, RecordedEvent};
use super::digest::resent;
use super::history::{Loaded, Memory};
use super::item::{Size, size_of};
use super::origin::Origin;
use super::verdict::Verdict;
use crate::batch::catch;
use crate::failure::Failure;
use crate::ids::StreamId;

/// A commit that grows in memory, and what became of the commands that led to it.
///
/// The verdicts hold only once the commit is stored. If its place is taken, all of its commands are
/// decided again on the new state, refused ones too.
pub(super) struct Draft<E> {
    pub(super) record: RecordedCommit,
    pub(super) verdicts: Vec<Verdict<E>>,
    /// Place of the first decision among the verdicts.
    pub(super) first: Option<usize>,
    size: Size,
}

/// A decision with its events, ready to be stored and applied.
pub(super) struct Decided<E> {
    decision: Decision<E>,
    recorded: RecordedDecision,
    events: Vec<RecordedEvent>,
    size: Size,
}

impl<E> Draft<E> {
    pub(super) fn new(stream: &StreamId, source: &str) -> Self {
        Self {
            record: RecordedCommit::empty(stream.clone(), source, Timestamp::now()),
            verdicts: Vec::new(),
            first: None,
            size: Size::default(),
        }
    }

    /// Returns whether another decision of this size fits into the commit.
    pub(super) fn has_room_for(&self, decided: &Decided<E>) -> bool {
        self.first.is_none() || self.size.and(decided.size).fits()
    }

    /// Applies a decision to the aggregate, and adds it to the commit.
    pub(super) fn push<A: Aggregate<Event = E>, M: Memory>(
        &mut self,
        decided: Decided<E>,
        loaded: &mut Loaded<A, M>,
    ) -> Result<(), Failure> {
        let Decided { decision, recorded, events, size } = decided;
        catch(|| {
            decision.events().iter().for_each(|event| loaded.aggregate.apply(event));
            Ok(())
        })?;
        self.record.push(recorded, events);
        self.size = self.size.and(size);
        self.first.get_or_insert(self.verdicts.len());
        loaded.version = self.record.last_version();
        self.verdicts.push(Verdict::Applied { decision, version: loaded.version });
        if let Some(recorded) = self.record.decisions.last() {
            loaded.memory.remember(recorded, self.record.written_at);
        }
        Ok(())
    }
}

/// Decides a command on the aggregate. Returns `None` if it was decided before.
///
/// A panic in `decide` is a transient failure.
pub(super) fn decide<A: Aggregate, M: Memory>(
    loaded: &Loaded<A, M>,
    stream: &StreamId,
    command: &A::Command,
    origin: &Origin,
) -> Result<Option<Decided<A::Event>>, Failure> {
    if let Some(stored) = loaded.memory.find(&origin.cause) {
        let digest = origin.digest(stream);
        let at = format_args!("at or before version {}", loaded.version).to_string();
        resent(stream, &origin.cause, at, stored, digest.as_ref())?;
        return Ok(None);
    }
    let decision = catch(|| loaded.aggregate.try_decide(command))?;
    let events = RecordedCommit::events_after(
        stream,
        loaded.version,
        &origin.cause,
        origin.time,
        decision.events(),
    )?;
    let recorded = origin.decision(stream, origin.cause.clone());
    let size = size_of(&recorded, &events);
    Ok(Some(Decided { decision, recorded, events, size }))
}
