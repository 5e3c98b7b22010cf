//! A bounded memory of items.

use std::collections::{HashMap, VecDeque};

/// Largest number of items that are remembered. They take a few megabytes.
const REMEMBERED: usize = 100_000;

/// What is known of items, by their hash. The oldest make room for new ones.
#[derive(Debug)]
pub(super) struct Recent<T> {
    /// What is known of each item, with its number in `order`.
    known: HashMap<u64, (T, u64)>,
    /// Number and item, in the order in which the items became known. It may still contain items
    /// that are gone.
    order: VecDeque<(u64, u64)>,
    last: u64,
    forgotten: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), last: 0, forgotten: 0 }
    }
}

impl<T> Recent<T> {
    pub(super) fn get(&self, item: u64) -> Option<&T> {
        self.known.get(&item).map(|(value, _)| value)
    }

    pub(super) fn remove(&mut self, item: u64) {
        self.known.remove(&item);
    }

    /// Returns how many items had to make room for others.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn remember(&mut self, item: u64, value: T) {
        if let Some((known, _)) = self.known.get_mut(&item) {
            *known = value;
            return;
        }
        self.last += 1;
        self.known.insert(item, (value, self.last));
        self.order.push_back((self.last, item));
        let is_known = |known: &HashMap<u64, (T, u64)>, (number, item): &(u64, u64)| {
            known.get(item).is_some_and(|(_, own)| own == number)
        };
        while self.known.len() > REMEMBERED {
            let Some(oldest) = self.order.pop_front() else { return };
            if is_known(&self.known, &oldest) {
                self.known.remove(&oldest.1);
                self.forgotten += 1;
            }
        }
        if self.order.len() > 2 * REMEMBERED {
            let known = &self.known;
            self.order.retain(|entry| is_known(known, entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_items_make_room_and_how_many_is_said() {
        let mut recent = Recent::default();
        for item in 0..REMEMBERED as u64 + 5 {
            recent.remember(item, 2000);
        }
        assert_eq!((recent.known.len(), recent.forgotten()), (REMEMBERED, 5));
        assert_eq!((recent.get(4), recent.get(5)), (None, Some(&2000)));
    }

    #[test]
    fn items_that_are_put_and_deleted_again_and_again_take_no_more_room() {
        let mut recent = Recent::default();
        recent.remember(0, 2000);
        for item in 0..3 * REMEMBERED as u64 {
            let item = 1 + item % 7;
            recent.remember(item, 2000);
            recent.remove(item);
        }
        assert!(recent.order.len() <= 2 * REMEMBERED, "{}", recent.order.len());
        assert_eq!((recent.known.len(), recent.forgotten()), (1, 0));
    }
}
