use crate::ids::{StreamId, Version};

/// How far an aggregate has been applied to a read model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Last applied version and, after it, the parts of the next event applied so far.
    pub position: Position,
    /// Id of the event at the last applied version.
    pub event_id: Option<String>,
    /// The event that could not be applied, if the aggregate is parked.
    pub parked: Option<Version>,
}

/// A version, and how many parts of the next version's event have been applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// All events up to this one are applied.
    pub version: Version,
    /// Parts of the next event that are applied; 0 between events.
    pub part: u32,
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
    /// What is to be done with the event at `version`; its id is unknown when the data must be read from the store first.
    pub(super) fn judge(&self, version: Version, event_id: Option<&str>) -> Verdict {
        if version < self.position.version {
            return Verdict::Duplicate;
        }
        if version == self.position.version {
            return match (&self.event_id, event_id) {
                (Some(applied), Some(event_id)) if applied != event_id => Verdict::Rewritten,
                _ => Verdict::Duplicate,
            };
        }
        match self.parked {
            // The parked event itself is tried again whenever it comes: a replay is how the aggregate is released.
            Some(parked) if version > parked => Verdict::Parked,
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
            position: Position { version: Version::new(5), part: 0 },
            event_id: Some("e5".to_owned()),
            parked: None,
        }
    }

    #[test]
    fn what_is_at_or_below_the_guard_is_a_duplicate() {
        assert_eq!(guard().judge(Version::new(4), Some("e4")), Verdict::Duplicate);
        assert_eq!(guard().judge(Version::new(5), Some("e5")), Verdict::Duplicate);
    }

    #[test]
    fn another_event_at_the_same_version_is_noticed() {
        assert_eq!(guard().judge(Version::new(5), Some("other")), Verdict::Rewritten);
    }

    #[test]
    fn what_is_above_is_due_even_with_a_gap() {
        assert_eq!(guard().judge(Version::new(6), Some("e6")), Verdict::Due);
        assert_eq!(guard().judge(Version::new(9), Some("e9")), Verdict::Due);
    }

    #[test]
    fn a_parked_aggregate_tries_only_the_event_it_is_parked_at() {
        let guard = Guard { parked: Some(Version::new(6)), ..guard() };
        assert_eq!(guard.judge(Version::new(6), Some("e6")), Verdict::Due);
        assert_eq!(guard.judge(Version::new(7), Some("e7")), Verdict::Parked);
        assert_eq!(guard.judge(Version::new(5), Some("e5")), Verdict::Duplicate);
    }
}
