//! A bounded memory that an execution environment keeps between invocations.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

/// A bounded memory of an execution environment, which outlives its invocations.
///
/// It holds at most `capacity` entries, and admits every id while there is room. A full memory
/// replaces entries that were not used for [`Recent::STALE`]. If there are none, it does not admit
/// new ids. So the oldest entries stay until they are done, however many records fail at a time. If
/// a new entry replaced the oldest one, records that fail in turns would replace each other
/// endlessly.
#[derive(Debug)]
pub(super) struct Recent<T> {
    capacity: usize,
    entries: HashMap<Uuid, (Timestamp, T)>,
    /// No entry becomes stale before this time.
    fresh_until: Timestamp,
}

impl<T> Recent<T> {
    /// Time without use after which an entry may be forgotten.
    pub(super) const STALE: Duration = Duration::from_secs(3600);

    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: HashMap::new(), fresh_until: Timestamp::MIN }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the entry of this id, if there is one, and marks it as used `now`.
    pub(super) fn get(&mut self, id: Uuid, now: Timestamp) -> Option<&mut T> {
        self.entries.get_mut(&id).map(|(touched, entry)| {
            *touched = now;
            entry
        })
    }

    /// Returns the entry of this id, created if it is new, and marks it as used `now`.
    ///
    /// `None` if there is no room.
    pub(super) fn admit(
        &mut self,
        id: Uuid,
        now: Timestamp,
        new: impl FnOnce() -> T,
    ) -> Option<&mut T> {
        if !self.entries.contains_key(&id) && !self.has_room(now) {
            return None;
        }
        let (touched, entry) = self.entries.entry(id).or_insert_with(|| (now, new()));
        *touched = now;
        Some(entry)
    }

    pub(super) fn forget(&mut self, id: Uuid) {
        self.entries.remove(&id);
    }

    fn has_room(&mut self, now: Timestamp) -> bool {
        if self.entries.len() >= self.capacity && now >= self.fresh_until {
            let stale_at =
                |touched: &Timestamp| touched.saturating_add(Self::STALE).unwrap_or(Timestamp::MAX);
            self.entries.retain(|_, (touched, _)| now < stale_at(touched));
            let first = self.entries.values().map(|(touched, _)| stale_at(touched)).min();
            self.fresh_until = first.unwrap_or(Timestamp::MIN);
        }
        self.entries.len() < self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn a_full_memory_keeps_what_is_in_use_and_admits_nothing_else() {
        let mut recent = Recent::new(2);
        for number in 0..3 {
            recent.admit(id(number), at(0), || number);
        }
        assert_eq!(
            [0, 1, 2].map(|number| recent.get(id(number), at(1)).copied()),
            [Some(0), Some(1), None]
        );
        recent.forget(id(0));
        assert_eq!(recent.admit(id(2), at(1), || 2), Some(&mut 2));
    }

    #[test]
    fn what_was_not_used_for_an_hour_makes_room() {
        let mut recent = Recent::new(2);
        recent.admit(id(0), at(0), || 0);
        recent.admit(id(1), at(0), || 1);
        recent.get(id(0), at(1800));
        assert_eq!(recent.admit(id(2), at(3599), || 2), None);
        assert_eq!(recent.admit(id(2), at(3600), || 2), Some(&mut 2));
        assert_eq!([0, 1].map(|number| recent.get(id(number), at(3600)).copied()), [Some(0), None]);
        assert_eq!(recent.admit(id(3), at(3601), || 3), None);
    }

    #[test]
    fn an_entry_that_is_not_stale_outlives_any_pause_while_there_is_room() {
        let mut recent = Recent::new(2);
        recent.admit(id(0), at(0), || 0);
        recent.admit(id(1), at(100_000), || 1);
        assert_eq!(recent.get(id(0), at(100_000)), Some(&mut 0));
    }
}
