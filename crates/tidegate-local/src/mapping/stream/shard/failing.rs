//! Remembers the failed batches of a shard across a restart.
//!
//! A batch that has failed must have the same records and the same used-up attempts after a
//! restart. Otherwise a restart would be a new beginning for it. The checkpoint does not say this,
//! because failed records are after it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lane::{History, Lane, Segment};
use lambda_shapes::sequence::SequenceNumber;

/// Batches that have failed, and are neither done nor at the destination.
///
/// Invariant: every failed batch is either a segment of a lane or in `resumed`.
#[derive(Debug, Default)]
pub struct Failing {
    /// Batches of the run before that are not formed again yet, by their first record.
    resumed: BTreeMap<SequenceNumber, Batch>,
    /// Whether there may be failed batches, or may have been; false spares the search for them.
    any: bool,
    /// The last value that [`Failing::take_change`] returned.
    kept: Option<String>,
}

/// A failed batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Batch {
    first: SequenceNumber,
    last: SequenceNumber,
    #[serde(flatten)]
    history: History,
}

/// What the records at the front of a lane belong to.
///
/// Example: a failed batch was the records 9 to 12. A front of `[7, 8, 9]` is new with an end of 2.
/// A front of `[9, 11, 12, 13]` is a failed batch of three records if 12 was read, and unread
/// before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// They belong to no failed batch.
    New {
        /// Number of new records if a failed batch follows them.
        end: Option<usize>,
    },
    /// They are a failed batch of this number of records.
    Failed(usize),
    /// They are the beginning of a failed batch that is not completely read.
    Unread,
}

impl Failing {
    /// Resumes with the last value that [`Failing::take_change`] returned.
    ///
    /// # Errors
    /// The value is not a list of failed batches.
    pub fn resume(&mut self, kept: &str) -> serde_json::Result<()> {
        let batches: Vec<Batch> = serde_json::from_str(kept)?;
        self.resumed = batches.into_iter().map(|batch| (batch.first.clone(), batch)).collect();
        self.any = !self.resumed.is_empty();
        self.kept = Some(kept.to_owned());
        Ok(())
    }

    /// Notes that a batch has failed.
    pub fn note(&mut self) {
        self.any = true;
    }

    /// Returns the value to store if it has changed.
    ///
    /// Batches from the run before are forgotten once the checkpoint has passed them, as when a new
    /// filter rejects their records.
    pub fn take_change(
        &mut self,
        lanes: &[Lane],
        checkpoint: Option<&SequenceNumber>,
    ) -> Option<String> {
        if !self.any {
            return None;
        }
        if let Some(checkpoint) = checkpoint {
            self.resumed.retain(|first, _| first > checkpoint);
        }
        let batches: Vec<Batch> = lanes
            .iter()
            .flat_map(Lane::segments)
            .filter_map(Batch::from_segment)
            .chain(self.resumed.values().cloned())
            .collect();
        self.any = !batches.is_empty();
        // It holds only numbers and texts, so serialising cannot fail.
        let kept = serde_json::to_string(&batches).unwrap_or_default();
        if self.kept.as_ref() == Some(&kept) {
            return None;
        }
        self.kept = Some(kept.clone());
        Some(kept)
    }

    /// Returns what the records at the front of a lane belong to.
    ///
    /// `read` is the last record read from the shard, in any lane.
    #[must_use]
    pub fn front<'a>(
        &self,
        mut records: impl Iterator<Item = &'a SequenceNumber> + Clone,
        read: Option<&SequenceNumber>,
    ) -> Front {
        if self.resumed.is_empty() {
            return Front::New { end: None };
        }
        match records.clone().next().and_then(|first| self.resumed.get(first)) {
            Some(batch) if read.is_some_and(|read| *read >= batch.last) => {
                Front::Failed(records.take_while(|sequence| **sequence <= batch.last).count())
            }
            Some(_) => Front::Unread,
            None => {
                Front::New { end: records.position(|sequence| self.resumed.contains_key(sequence)) }
            }
        }
    }

    /// Gives a new segment the history of the failed batch that began with the same record.
    #[must_use]
    pub fn again(&mut self, mut segment: Segment) -> Segment {
        if let Some(batch) =
            segment.entries.first().and_then(|entry| self.resumed.remove(&entry.record.sequence))
        {
            segment.history = batch.history;
        }
        segment
    }
}

impl Batch {
    fn from_segment(segment: &Segment) -> Option<Self> {
        if segment.history.invocations == 0 {
            return None;
        }
        Some(Self {
            first: segment.entries.first()?.record.sequence.clone(),
            last: segment.entries.last()?.record.sequence.clone(),
            history: segment.history.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: &str = r#"[{"first":"9","last":"12","attempts":2,"invocations":3,"request_id":"r","function_error":true}]"#;

    fn numbers(digits: &[&str]) -> Vec<SequenceNumber> {
        digits.iter().map(|digits| SequenceNumber::new(*digits)).collect()
    }

    fn front(records: &[&str], read: &str) -> Front {
        let mut failing = Failing::default();
        failing.resume(KEPT).unwrap();
        failing.front(numbers(records).iter(), Some(&SequenceNumber::new(read)))
    }

    #[test]
    fn a_failed_batch_has_the_records_it_had() {
        assert_eq!(front(&["9", "11", "12", "13"], "13"), Front::Failed(3));
        // With another number of lanes, records that are now in another lane are not waited for.
        assert_eq!(front(&["9", "13"], "13"), Front::Failed(1));
    }

    #[test]
    fn a_failed_batch_is_read_as_a_whole_before_it_goes() {
        assert_eq!(front(&["9", "11"], "11"), Front::Unread);
    }

    #[test]
    fn a_batch_before_a_failed_one_ends_there() {
        assert_eq!(front(&["7", "8", "9", "11"], "11"), Front::New { end: Some(2) });
        assert_eq!(front(&["13"], "13"), Front::New { end: None });
    }

    #[test]
    fn what_was_kept_stays_kept_until_its_records_come() {
        let mut failing = Failing::default();
        failing.resume(KEPT).unwrap();
        assert_eq!(failing.take_change(&[], Some(&SequenceNumber::new("8"))), None);
        assert_eq!(
            failing.take_change(&[], Some(&SequenceNumber::new("9"))).as_deref(),
            Some("[]")
        );
        assert_eq!(failing.take_change(&[], None), None);
    }

    #[test]
    fn anything_else_is_an_error() {
        assert!(Failing::default().resume("{}").is_err());
    }
}
