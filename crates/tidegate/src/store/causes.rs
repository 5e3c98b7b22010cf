//! The causes that a snapshot remembers.

use std::time::Duration;

use jiff::Timestamp;

use super::{Digest, digest};
use crate::ids::{Cause, content_uuid};

/// Largest assumed difference between the clocks of writers and transports.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// Bytes per cause in [`Causes::to_bytes`].
const BYTES: usize = 24 + digest::BYTES;
/// First byte of the format. The older format had no such byte and 24 bytes per cause, so the two
/// formats never have the same length.
const FORMAT: u8 = 2;

/// The remembered causes of a stream's commits.
///
/// Each cause takes 40 bytes: its hash, the time at which its commit was written, and the digest of
/// its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Causes {
    /// The causes of all commits written at or after this time are remembered.
    complete_since: Timestamp,
    kept: Vec<Kept>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    cause: u128,
    written_at: Timestamp,
    digest: Option<Digest>,
}

impl Causes {
    /// Creates the causes of a stream without commits. No cause is forgotten.
    pub fn none() -> Self {
        Self { complete_since: Timestamp::MIN, kept: Vec::new() }
    }

    /// Adds the cause of a commit.
    pub fn push(&mut self, cause: &Cause, written_at: Timestamp, digest: Option<&Digest>) {
        // The stored form has milliseconds.
        let written_at =
            Timestamp::from_millisecond(written_at.as_millisecond()).unwrap_or(written_at);
        let digest = digest.map(Digest::stored);
        self.kept.push(Kept { cause: hash(cause), written_at, digest });
    }

    /// Returns whether a commit with this cause is remembered.
    pub fn contain(&self, cause: &Cause) -> bool {
        self.find(cause).is_some()
    }

    /// Returns the digest of the commit with this cause, if the cause is remembered.
    pub(super) fn find(&self, cause: &Cause) -> Option<Option<&Digest>> {
        let hash = hash(cause);
        self.kept.iter().find(|kept| kept.cause == hash).map(|kept| kept.digest.as_ref())
    }

    /// Returns whether the causes reach back to a delivery that the transport accepted at this
    /// time.
    ///
    /// If so, and if the delivery led to a commit, that commit's cause is remembered. A delivery of
    /// unknown age (`None`) may be older than every remembered cause.
    pub fn reach_back_to(&self, arrived_at: Option<Timestamp>) -> bool {
        if self.complete_since == Timestamp::MIN {
            return true;
        }
        let earliest = arrived_at.and_then(|at| at.checked_sub(CLOCKS_APART).ok());
        earliest.is_some_and(|at| at >= self.complete_since)
    }

    /// Forgets commits that were written before this time.
    pub fn forget_before(&mut self, time: Timestamp) {
        let before = self.kept.len();
        self.kept.retain(|kept| kept.written_at >= time);
        if self.kept.len() < before {
            self.complete_since = self.complete_since.max(time);
        }
    }

    /// Forgets the oldest causes until the rest fits into this many bytes.
    pub(super) fn fit(&mut self, bytes: usize) {
        let excess = self.kept.len().saturating_sub(bytes.saturating_sub(1) / BYTES);
        let mut times: Vec<Timestamp> = self.kept.iter().map(|kept| kept.written_at).collect();
        times.sort_unstable();
        if let Some(newest) = excess.checked_sub(1).and_then(|index| times.get(index)) {
            self.forget_before(
                newest.checked_add(Duration::from_millis(1)).unwrap_or(Timestamp::MAX),
            );
        }
    }

    /// Returns the time from which on no cause is forgotten.
    pub fn complete_since(&self) -> Timestamp {
        self.complete_since
    }

    /// Returns the number of remembered causes.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Returns whether no cause is remembered.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.kept.len() * BYTES);
        bytes.push(FORMAT);
        for kept in &self.kept {
            bytes.extend_from_slice(&kept.cause.to_be_bytes());
            bytes.extend_from_slice(&kept.written_at.as_millisecond().to_be_bytes());
            bytes.extend_from_slice(
                &kept.digest.as_ref().map_or([0; digest::BYTES], Digest::to_bytes),
            );
        }
        bytes
    }

    /// Decodes the output of [`Self::to_bytes`]. Returns `None` for any other bytes, such as those
    /// of an older format.
    pub(super) fn from_bytes(complete_since: Timestamp, bytes: &[u8]) -> Option<Self> {
        let (causes, rest) = bytes.strip_prefix(&[FORMAT])?.as_chunks::<BYTES>();
        let kept = causes.iter().map(|bytes| {
            let (cause, bytes) = bytes.split_first_chunk::<16>()?;
            let (millis, digest) = bytes.split_first_chunk::<8>()?;
            let written_at = Timestamp::from_millisecond(i64::from_be_bytes(*millis)).ok()?;
            let digest = Digest::from_bytes(digest.try_into().ok()?);
            Some(Kept { cause: u128::from_be_bytes(*cause), written_at, digest })
        });
        rest.is_empty()
            .then(|| kept.collect::<Option<Vec<_>>>())
            .flatten()
            .map(|kept| Self { complete_since, kept })
    }
}

fn hash(cause: &Cause) -> u128 {
    content_uuid(&["cause", &cause.source, &cause.id]).as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Content;

    fn cause(id: &str) -> Cause {
        Cause::new("test", id)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn three() -> Causes {
        let mut causes = Causes::none();
        for (id, second) in [("a", 1000), ("b", 3000), ("c", 2000)] {
            causes.push(&cause(id), at(second), None);
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
        // An earlier bound does not bring back forgotten causes.
        causes.forget_before(at(1200));
        assert_eq!(causes.complete_since(), at(1500));
    }

    #[test]
    fn what_does_not_fit_is_forgotten_by_age_whatever_the_order_of_writing() {
        let mut causes = three();
        causes.fit(1 + 3 * BYTES);
        assert_eq!(causes.len(), 3);
        causes.fit(3 * BYTES);
        assert!(
            !causes.contain(&cause("a"))
                && causes.contain(&cause("b"))
                && causes.contain(&cause("c"))
        );
        causes.fit(1 + BYTES);
        assert!(!causes.contain(&cause("c")) && causes.contain(&cause("b")));
        assert!(!causes.reach_back_to(Some(at(2000))));
        assert!(causes.reach_back_to(Some(at(2061))));
    }

    #[test]
    fn they_are_read_back_as_they_were_written() {
        let mut causes = three();
        let digest =
            Content::new("Added", 1, "{}").unwrap().digest(&"a#1".parse().unwrap(), &cause("d"));
        causes.push(&cause("d"), "2026-01-01T00:00:00.123456Z".parse().unwrap(), digest.as_ref());
        assert_eq!(causes.find(&cause("d")), Some(digest.as_ref()));
        assert!(!causes.is_empty() && Causes::none().is_empty());
        let bytes = causes.to_bytes();
        assert_eq!(Causes::from_bytes(causes.complete_since(), &bytes), Some(causes));
        assert_eq!(Causes::from_bytes(at(0), &bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn neither_format_is_taken_for_the_other() {
        // An older version of the toolkit would accept bytes of this length: no first byte, no
        // digests.
        for causes in 0..100 {
            let mut old = vec![FORMAT; causes * 24];
            assert_eq!(Causes::from_bytes(at(0), &old), None, "{causes} causes");
            old.clear();
            let mut new = Causes::none();
            (0..causes).for_each(|id| new.push(&cause(&id.to_string()), at(1), None));
            assert_ne!(new.to_bytes().len() % 24, 0, "{causes} causes");
        }
    }
}
