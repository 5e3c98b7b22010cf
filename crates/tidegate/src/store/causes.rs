use std::time::Duration;

use jiff::Timestamp;

use crate::ids::{Cause, content_uuid};

/// How far the clocks of writers and transports may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// Bytes of a cause in [`Causes::to_bytes`].
const BYTES: usize = 24;

/// What led to the commits of a stream, as far back as is remembered. A cause takes 24 bytes: a digest of it, and when its commit was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Causes {
    /// The cause of every commit written from then on is kept.
    complete_since: Timestamp,
    kept: Vec<(u128, Timestamp)>,
}

impl Causes {
    /// Of a stream without commits: none is missing.
    pub fn none() -> Self {
        Causes { complete_since: Timestamp::MIN, kept: Vec::new() }
    }

    /// One more commit.
    pub fn push(&mut self, cause: &Cause, written_at: Timestamp) {
        // Milliseconds are what is stored.
        let written_at = Timestamp::from_millisecond(written_at.as_millisecond()).unwrap_or(written_at);
        self.kept.push((digest(cause), written_at));
    }

    /// A commit with this cause is remembered.
    pub fn contain(&self, cause: &Cause) -> bool {
        let digest = digest(cause);
        self.kept.iter().any(|(kept, _)| *kept == digest)
    }

    /// A delivery that the transport took at this time has its commit, if it has one, among what is remembered. A delivery of unknown age may be older than
    /// anything.
    pub fn reach_back_to(&self, arrived_at: Option<Timestamp>) -> bool {
        if self.complete_since == Timestamp::MIN {
            return true;
        }
        let earliest = arrived_at.and_then(|at| at.checked_sub(CLOCKS_APART).ok());
        earliest.is_some_and(|at| at >= self.complete_since)
    }

    /// Forgets commits written before this time.
    pub fn forget_before(&mut self, time: Timestamp) {
        let before = self.kept.len();
        self.kept.retain(|(_, written_at)| *written_at >= time);
        if self.kept.len() < before {
            self.complete_since = self.complete_since.max(time);
        }
    }

    /// Forgets the oldest until no more than this many bytes are needed.
    pub(super) fn fit(&mut self, bytes: usize) {
        let excess = self.kept.len().saturating_sub(bytes / BYTES);
        let mut times: Vec<Timestamp> = self.kept.iter().map(|(_, written_at)| *written_at).collect();
        times.sort_unstable();
        if let Some(newest) = excess.checked_sub(1).and_then(|index| times.get(index)) {
            self.forget_before(newest.checked_add(Duration::from_millis(1)).unwrap_or(Timestamp::MAX));
        }
    }

    /// From which time on nothing is forgotten.
    pub fn complete_since(&self) -> Timestamp {
        self.complete_since
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// None is remembered.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.kept.len() * BYTES);
        for (digest, written_at) in &self.kept {
            bytes.extend_from_slice(&digest.to_be_bytes());
            bytes.extend_from_slice(&written_at.as_millisecond().to_be_bytes());
        }
        bytes
    }

    /// None when the bytes are none of [`Self::to_bytes`].
    pub(super) fn from_bytes(complete_since: Timestamp, bytes: &[u8]) -> Option<Self> {
        let (causes, rest) = bytes.as_chunks::<BYTES>();
        let kept = causes.iter().map(|cause| {
            let (digest, millis) = cause.split_first_chunk::<16>()?;
            let millis = i64::from_be_bytes(millis.try_into().ok()?);
            Some((u128::from_be_bytes(*digest), Timestamp::from_millisecond(millis).ok()?))
        });
        rest.is_empty()
            .then(|| kept.collect::<Option<Vec<_>>>())
            .flatten()
            .map(|kept| Causes { complete_since, kept })
    }
}

fn digest(cause: &Cause) -> u128 {
    content_uuid(&["cause", &cause.source, &cause.id]).as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(id: &str) -> Cause {
        Cause { source: "test".to_owned(), id: id.to_owned() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn three() -> Causes {
        let mut causes = Causes::none();
        for (id, second) in [("a", 1000), ("b", 3000), ("c", 2000)] {
            causes.push(&cause(id), at(second));
        }
        causes
    }

    #[test]
    fn while_nothing_is_forgotten_deliveries_of_any_age_are_answered_for() {
        let mut causes = three();
        causes.forget_before(at(1000));
        assert!(causes.contain(&cause("a")));
        assert!(causes.reach_back_to(Some(at(1))) && causes.reach_back_to(None));
    }

    #[test]
    fn what_is_older_than_anything_remembered_is_not_answered_for() {
        let mut causes = three();
        causes.forget_before(at(1500));
        assert!(!causes.contain(&cause("a")));
        assert!(causes.contain(&cause("b")) && causes.contain(&cause("c")));
        assert!(!causes.reach_back_to(None), "its age is unknown");
        assert!(
            !causes.reach_back_to(Some(at(1500))),
            "its commit may bear the time of a clock that is behind"
        );
        assert!(causes.reach_back_to(Some(at(1560))));
        // An earlier bound does not bring back what is forgotten.
        causes.forget_before(at(1200));
        assert_eq!(causes.complete_since(), at(1500));
    }

    #[test]
    fn what_does_not_fit_is_forgotten_by_age_whatever_the_order_of_writing() {
        let mut causes = three();
        causes.fit(3 * BYTES);
        assert_eq!(causes.len(), 3);
        causes.fit(2 * BYTES + 5);
        assert!(!causes.contain(&cause("a")) && causes.contain(&cause("b")) && causes.contain(&cause("c")));
        causes.fit(BYTES);
        assert!(!causes.contain(&cause("c")) && causes.contain(&cause("b")));
        assert!(!causes.reach_back_to(Some(at(2000))));
        assert!(causes.reach_back_to(Some(at(2061))));
    }

    #[test]
    fn they_are_read_back_as_they_were_written() {
        let mut causes = three();
        causes.push(&cause("d"), "2026-01-01T00:00:00.123456Z".parse().unwrap());
        assert!(!causes.is_empty() && Causes::none().is_empty());
        let bytes = causes.to_bytes();
        assert_eq!(Causes::from_bytes(causes.complete_since(), &bytes), Some(causes));
        assert_eq!(Causes::from_bytes(at(0), &bytes[1..]), None);
    }
}
