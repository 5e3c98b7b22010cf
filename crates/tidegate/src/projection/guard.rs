//! The guard of an aggregate: the version up to which its events are applied.

use super::delta::Counted;
use super::entry::ENTRY_TAKEN;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// How far the events of an aggregate are applied to a read model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Guard {
    /// Last applied version, and how many parts of the next event are applied.
    pub position: Position,
    /// Id of the event at the last applied version.
    pub event_id: Option<String>,
    /// The delta with the newest step. Absent if no step changed a counter, or if an older version
    /// of the toolkit applied them, which had no deltas.
    pub counted: Option<Counted>,
    /// Version of the event that could not be applied, if the aggregate is parked.
    pub parked: Option<Version>,
    /// Code of the failure that parked the aggregate. Absent if an older version of the toolkit,
    /// which had no list of parked aggregates, parked it.
    pub parked_code: Option<String>,
    /// Reason of that failure, for people. A read model may omit it from
    /// [`ReadModel::guards`](super::ReadModel::guards).
    pub parked_reason: Option<String>,
    /// Identifies the current stay on the list of parked aggregates. In DynamoDB it is the time of
    /// parking, in milliseconds since 1970. Absent if the aggregate is not on the list.
    pub listed: Option<i64>,
}

/// A version, and how many parts of the next version's event are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Version up to which all events are applied.
    pub version: Version,
    /// Number of applied parts of the next event; 0 between events.
    pub part: u32,
    /// Digest of how that event is cut into parts, while some of them are applied. The remaining
    /// parts must be cut at the same places, or a row would count twice.
    ///
    /// Absent if an older version of the toolkit, which had no digests, applied the parts. Between
    /// events the value has no meaning, because such a version does not remove it.
    pub cut: Option<u64>,
}

impl Position {
    /// Creates the position between events, after all events up to this version.
    pub fn after(version: Version) -> Self {
        Self { version, ..Self::default() }
    }
}

/// What a guard decides about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The event was applied before.
    Duplicate,
    /// Another event was applied at the same version: history was rewritten.
    Rewritten,
    /// The event must wait behind an event that cannot be applied.
    Parked,
    /// The event must be applied, after all events before it.
    Due,
}

impl Guard {
    /// Returns whether the event at the guard's version is the one that was applied. The guard
    /// keeps no ids of earlier events.
    pub(super) fn agrees_with<'a>(
        &self,
        mut events: impl Iterator<Item = (Version, &'a str)>,
    ) -> bool {
        let Some(applied) = &self.event_id else { return true };
        events.all(|(version, id)| version != self.position.version || id == applied)
    }

    /// Returns whether the projector tries the parked aggregate again by itself: with every
    /// delivery, and when it reads the list.
    pub(super) fn is_tried_again(&self) -> bool {
        self.parked.is_some() && self.parked_code.as_deref().is_some_and(is_tried_again)
    }

    /// Decides about a commit from version `first` to `last`, whose last event has the id
    /// `last_id`.
    ///
    /// A replay releases a parked aggregate, whichever of its events is replayed. For example, let
    /// the guard be at version 3 and the aggregate not be parked. A commit of versions 2–3 is then
    /// a duplicate if its last id matches. A commit of versions 3–4 is due.
    pub(super) fn judge(
        &self,
        first: Version,
        last: Version,
        last_id: &str,
        replay: bool,
    ) -> Verdict {
        if last < self.position.version {
            return Verdict::Duplicate;
        }
        if last == self.position.version {
            return match &self.event_id {
                Some(applied) if applied != last_id => Verdict::Rewritten,
                _ => Verdict::Duplicate,
            };
        }
        self.judge_unread(first, replay)
    }

    /// Decides about a commit that cannot be decoded. Only its first version is known, so it may
    /// have events above the guard even if that version is below.
    pub(super) fn judge_unread(&self, first: Version, replay: bool) -> Verdict {
        match self.parked {
            // The commit with the parked event is tried again on every delivery.
            Some(parked) if first > parked && !replay && !self.is_tried_again() => Verdict::Parked,
            _ => Verdict::Due,
        }
    }
}

/// Returns whether aggregates that are parked with this code are tried again without an operator:
/// only a newer version of the function knows the event, or another aggregate has the entry.
pub(super) fn is_tried_again(code: &str) -> bool {
    [Failure::NEWER, ENTRY_TAKEN].contains(&code)
}

/// The move of a guard in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The aggregate.
    pub stream: StreamId,
    /// Position at which the guard must be.
    pub from: Position,
    /// Version at which the aggregate must be parked. `None`: it must not be parked. So only a
    /// writer that knows of the parking releases the aggregate. That writer also applies the events
    /// that were acknowledged meanwhile.
    pub parked: Option<Version>,
    /// Position of the guard afterwards.
    pub to: Position,
    /// Id of the event at `to.version`, if the version changes.
    pub event_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard {
            position: Position::after(Version::new(5)),
            event_id: Some("e5".to_owned()),
            ..Guard::default()
        }
    }

    fn judge(guard: &Guard, first: u64, last: u64, id: &str) -> Verdict {
        guard.judge(Version::new(first), Version::new(last), id, false)
    }

    #[test]
    fn what_is_at_or_below_the_guard_is_a_duplicate() {
        assert_eq!(judge(&guard(), 4, 4, "e4"), Verdict::Duplicate);
        assert_eq!(judge(&guard(), 5, 5, "e5"), Verdict::Duplicate);
        assert_eq!(judge(&guard(), 5, 6, "e6"), Verdict::Due, "half of the commit is above it");
    }

    #[test]
    fn another_event_at_the_same_version_is_noticed() {
        assert_eq!(judge(&guard(), 5, 5, "other"), Verdict::Rewritten);
    }

    #[test]
    fn what_is_above_is_due_even_with_a_gap() {
        assert_eq!(judge(&guard(), 6, 6, "e6"), Verdict::Due);
        assert_eq!(judge(&guard(), 9, 9, "e9"), Verdict::Due);
    }

    #[test]
    fn a_parked_aggregate_tries_only_the_commit_it_is_parked_at_or_a_replay() {
        let guard = Guard { parked: Some(Version::new(7)), ..guard() };
        assert_eq!(judge(&guard, 6, 8, "e8"), Verdict::Due, "the parked event is inside");
        assert_eq!(judge(&guard, 9, 9, "e9"), Verdict::Parked);
        assert_eq!(guard.judge(Version::new(9), Version::new(9), "e9", true), Verdict::Due);
        assert_eq!(judge(&guard, 5, 5, "e5"), Verdict::Duplicate);
    }

    #[test]
    fn what_may_heal_without_an_operator_is_tried_with_every_delivery() {
        for code in [Failure::NEWER, ENTRY_TAKEN] {
            let code = Some(code.to_owned());
            let guard = Guard { parked: Some(Version::new(6)), parked_code: code, ..guard() };
            assert_eq!(judge(&guard, 9, 9, "e9"), Verdict::Due);
            assert_eq!(guard.judge_unread(Version::new(9), false), Verdict::Due);
            assert_eq!(judge(&guard, 5, 5, "e5"), Verdict::Duplicate);
        }
    }

    #[test]
    fn of_a_commit_that_cannot_be_decoded_events_above_the_guard_are_possible() {
        assert_eq!(guard().judge_unread(Version::new(4), false), Verdict::Due);
        let parked =
            Guard { parked: Some(Version::new(6)), parked_code: Some("bad".to_owned()), ..guard() };
        assert_eq!(parked.judge_unread(Version::new(7), false), Verdict::Parked);
        assert_eq!(parked.judge_unread(Version::new(7), true), Verdict::Due);
    }
}
