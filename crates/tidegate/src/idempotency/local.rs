//! Remembers effects in this process, so that a duplicate costs no request.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::EffectKey;
use super::payload_hash::PayloadHash;
use super::record::Kept;

/// Largest number of remembered effects whose completion could not be written.
const UNRECORDED: usize = 100;

/// Completed records that this process has seen, so that a duplicate costs no request.
///
/// Nothing else is stored here: a claim, or an effect that failed, does not predict the next
/// delivery.
#[derive(Debug)]
pub(super) struct Completed {
    entries: Bounded<CompletedEffect>,
    age: Duration,
}

/// A completed effect.
#[derive(Clone, Debug)]
pub(super) struct CompletedEffect {
    pub(super) payload_hash: PayloadHash,
    pub(super) result: Kept<String>,
    pub(super) expires_at: Timestamp,
}

impl Completed {
    /// Creates a memory of at most `number` records, each for at most `age`.
    pub(super) fn new(number: usize, age: Duration) -> Self {
        Self { entries: Bounded::new(number), age }
    }

    pub(super) fn insert(&self, key: &EffectKey, effect: CompletedEffect) {
        self.entries.insert(key, effect);
    }

    /// Returns the completed effect, if it still counts.
    pub(super) fn get(&self, key: &EffectKey) -> Option<CompletedEffect> {
        let (since, effect) = self.entries.get(key)?;
        (since.elapsed() < self.age && effect.expires_at > Timestamp::now()).then_some(effect)
    }
}

/// Effects of this process that took place but whose completion could not be written, so that they
/// do not run again here.
#[derive(Debug)]
pub(super) struct Unrecorded {
    entries: Bounded<UnrecordedEffect>,
}

/// An effect that took place, with the token of the claim that is not completed yet.
#[derive(Clone, Debug)]
pub(super) struct UnrecordedEffect {
    pub(super) owner: String,
    pub(super) effect: CompletedEffect,
}

impl Default for Unrecorded {
    fn default() -> Self {
        Self { entries: Bounded::new(UNRECORDED) }
    }
}

impl Unrecorded {
    pub(super) fn insert(&self, key: &EffectKey, effect: UnrecordedEffect) {
        self.entries.insert(key, effect);
    }

    pub(super) fn get(&self, key: &EffectKey) -> Option<UnrecordedEffect> {
        self.entries.get(key).map(|(_, effect)| effect)
    }

    pub(super) fn remove(&self, key: &EffectKey) {
        self.entries.remove(key);
    }
}

/// A map that drops its oldest entry when it is full.
#[derive(Debug)]
struct Bounded<V> {
    entries: Mutex<Entries<V>>,
    number: usize,
}

#[derive(Debug)]
struct Entries<V> {
    by_key: HashMap<String, (Instant, V)>,
    order: VecDeque<String>,
}

impl<V: Clone> Bounded<V> {
    fn new(number: usize) -> Self {
        Self {
            entries: Mutex::new(Entries { by_key: HashMap::new(), order: VecDeque::new() }),
            number,
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries<V>> {
        self.entries.lock()
    }

    fn insert(&self, key: &EffectKey, value: V) {
        let mut entries = self.entries();
        if entries.by_key.insert(key.to_string(), (Instant::now(), value)).is_none() {
            entries.order.push_back(key.to_string());
        }
        while entries.by_key.len() > self.number {
            let Some(oldest) = entries.order.pop_front() else { break };
            entries.by_key.remove(&oldest);
        }
    }

    fn get(&self, key: &EffectKey) -> Option<(Instant, V)> {
        self.entries().by_key.get(key.as_str()).cloned()
    }

    fn remove(&self, key: &EffectKey) {
        let mut entries = self.entries();
        if entries.by_key.remove(key.as_str()).is_some() {
            entries.order.retain(|kept| kept != key.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> EffectKey {
        EffectKey::new("test", "effect", &number).unwrap()
    }

    fn effect(lives: i64) -> CompletedEffect {
        let expires_at = Timestamp::from_second(Timestamp::now().as_second() + lives).unwrap();
        CompletedEffect { payload_hash: "h".into(), result: Kept::Unknown, expires_at }
    }

    #[tokio::test(start_paused = true)]
    async fn completed_effects_are_forgotten_by_number_by_age_and_by_expiry() {
        let completed = Completed::new(2, Duration::from_secs(60));
        for number in 0..3 {
            completed.insert(&key(number), effect(3600));
        }
        assert!(completed.get(&key(0)).is_none(), "the first of three");
        assert!(completed.get(&key(1)).is_some() && completed.get(&key(2)).is_some());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(completed.get(&key(2)).is_none());
        completed.insert(&key(3), effect(-1));
        assert!(completed.get(&key(3)).is_none(), "the record counts no longer");
    }

    #[tokio::test]
    async fn what_is_removed_makes_room_and_is_not_counted_twice() {
        let bounded = Bounded::new(2);
        for (number, value) in [(1, "a"), (1, "b"), (2, "c")] {
            bounded.insert(&key(number), value);
        }
        let kept = || [1, 2, 3, 4].map(|number| bounded.get(&key(number)).map(|(_, value)| value));
        bounded.remove(&key(2));
        bounded.insert(&key(3), "d");
        assert_eq!(kept(), [Some("b"), None, Some("d"), None]);
        bounded.insert(&key(4), "e");
        assert_eq!(kept(), [None, None, Some("d"), Some("e")], "the first of those that are left");
    }
}
