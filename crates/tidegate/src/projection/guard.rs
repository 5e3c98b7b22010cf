//! The guard of an aggregate: how far it has been applied.

use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// How far an aggregate has been applied to a read model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guard {
    /// Last applied version and, after it, the parts of the next event applied so far.
    pub position: Position,
    /// Id of the event at the last applied version.
    pub event_id: Option<String>,
    /// The event that could not be applied, if the aggregate is parked.
    pub parked: Option<Version>,
    /// Code of the failure for which it is parked. Absent if an earlier version of the toolkit,
    /// which had no list of parked aggregates, parked it.
    pub parked_code: Option<String>,
    /// Reason of that failure, for people. A read model may leave it out of
    /// [`ReadModel::guards`](super::ReadModel::guards).
    pub parked_reason: Option<String>,
    /// Identifies this stay on the list of parked aggregates; in DynamoDB the milliseconds since
    /// 1970 at which the aggregate was parked. Absent if the aggregate is not on the list.
    pub listed: Option<i64>,
}

/// A version, and how many parts of the next version's event have been applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// All events up to this one are applied.
    pub version: Version,
    /// Parts of the next event that are applied; 0 between events.
    pub part: u32,
    /// Digest of how that event is cut into parts, while some of them are applied. The next parts
    /// must be cut at the same places, or a row would count twice. Absent if an earlier version of
    /// the toolkit, which had no digests, applied the parts. Between events it says nothing, because
    /// such a version leaves it behind.
    pub cut: Option<u64>,
}

impl Position {
    /// The place after all events up to this one, between events.
    pub fn after(version: Version) -> Self {
        Position { version, ..Position::default() }
    }
}

/// What a guard says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was applied before.
    Duplicate,
    /// The same version was applied with another event: history was rewritten.
    Rewritten,
    /// It must wait behind an event that cannot be applied.
    Parked,
    /// It is to be applied, after all that lies between.
    Due,
}

impl Guard {
    /// The store's event at the guard's version is the one that was applied. Of earlier versions nothing is kept that could tell.
    pub(super) fn agrees_with<'a>(&self, mut events: impl Iterator<Item = (Version, &'a str)>) -> bool {
        let Some(applied) = &self.event_id else { return true };
        events.all(|(version, id)| version != self.position.version || id == applied)
    }

    /// Whether it is parked at an event that only a newer version of the function knows. Such an
    /// aggregate is tried again with every delivery of it, and when the list is read.
    pub(super) fn waits_for_newer(&self) -> bool {
        self.parked.is_some() && self.parked_code.as_deref() == Some(Failure::NEWER)
    }

    /// What is to be done with a commit from version `first` to `last`, whose last event has this id. A replay of a parked aggregate is how it is
    /// released, whichever of its events is replayed.
    pub(super) fn judge(&self, first: Version, last: Version, last_id: &str, replay: bool) -> Verdict {
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

    /// The same for a commit that cannot be decoded, of which only the first version is known. It
    /// may have events above the guard even if that version is below.
    pub(super) fn judge_unread(&self, first: Version, replay: bool) -> Verdict {
        match self.parked {
            // The commit with the parked event is tried again whenever it comes.
            Some(parked) if first > parked && !replay && !self.waits_for_newer() => Verdict::Parked,
            _ => Verdict::Due,
        }
    }
}

/// A guard moving on in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The aggregate.
    pub stream: StreamId,
    /// Where the guard must be.
    pub from: Position,
    /// Where the aggregate must be parked; none: it must not be. Who releases it then knows, and applies what was passed over meanwhile.
    pub parked: Option<Version>,
    /// Where it is afterwards.
    pub to: Position,
    /// Id of the event at `to.version`, when that changes.
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
    fn an_aggregate_that_waits_for_a_newer_version_is_tried_with_every_delivery() {
        let code = Some(Failure::NEWER.to_owned());
        let guard = Guard { parked: Some(Version::new(6)), parked_code: code, ..guard() };
        assert_eq!(judge(&guard, 9, 9, "e9"), Verdict::Due);
        assert_eq!(guard.judge_unread(Version::new(9), false), Verdict::Due);
        assert_eq!(judge(&guard, 5, 5, "e5"), Verdict::Duplicate);
    }

    #[test]
    fn of_a_commit_that_cannot_be_decoded_events_above_the_guard_are_possible() {
        assert_eq!(guard().judge_unread(Version::new(4), false), Verdict::Due);
        let parked = Guard { parked: Some(Version::new(6)), parked_code: Some("bad".to_owned()), ..guard() };
        assert_eq!(parked.judge_unread(Version::new(7), false), Verdict::Parked);
        assert_eq!(parked.judge_unread(Version::new(7), true), Verdict::Due);
    }
}
