//! The batches of a shard that failed and go again: what the next start has to know of them, so
//! that a restart is no new beginning for them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lane::{History, Lane, Segment};
use lambda_shapes::sequence::SequenceNumber;

/// Batches that failed and are neither done nor with the destination.
#[derive(Debug, Default)]
pub struct Failing {
    /// Those of the last run that have not been formed again, by their first record.
    resumed: BTreeMap<SequenceNumber, Batch>,
    /// There may be some, or may have been.
    any: bool,
    /// What was given out last.
    kept: Option<String>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Batch {
    first: SequenceNumber,
    last: SequenceNumber,
    #[serde(flatten)]
    history: History,
}

/// What the records at the front of a lane are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// In no failed batch.
    New {
        /// How many of them, where a failed batch is behind them.
        end: Option<usize>,
    },
    /// A failed batch of so many records.
    Failed(usize),
    /// A failed batch that is not read as a whole.
    Unread,
}

impl Failing {
    /// Goes on with what [`Failing::take_change`] gave last.
    ///
    /// # Errors
    /// It is something else.
    pub fn resume(&mut self, kept: &str) -> serde_json::Result<()> {
        let batches: Vec<Batch> = serde_json::from_str(kept)?;
        self.resumed = batches.into_iter().map(|batch| (batch.first.clone(), batch)).collect();
        self.any = !self.resumed.is_empty();
        self.kept = Some(kept.to_owned());
        Ok(())
    }

    /// A batch has failed.
    pub fn note(&mut self) {
        self.any = true;
    }

    /// What has to be kept, if that has changed. What `checkpoint` has passed without it, as when a
    /// filter is new, is forgotten.
    pub fn take_change(&mut self, lanes: &[Lane], checkpoint: Option<&SequenceNumber>) -> Option<String> {
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
        // Numbers and texts: nothing here fails.
        let kept = serde_json::to_string(&batches).unwrap_or_default();
        if self.kept.as_ref() == Some(&kept) {
            return None;
        }
        self.kept = Some(kept.clone());
        Some(kept)
    }

    /// Looks at the records at the front of a lane, of a shard that was read up to `read`.
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
            None => Front::New { end: records.position(|sequence| self.resumed.contains_key(sequence)) },
        }
    }

    /// Forms a batch again that failed in the last run.
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

    const KEPT: &str =
        r#"[{"first":"9","last":"12","attempts":2,"invocations":3,"request_id":"r","function_error":true}]"#;

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
        // Of another number of lanes: what is now in another one is not waited for.
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
        assert_eq!(failing.take_change(&[], Some(&SequenceNumber::new("9"))).as_deref(), Some("[]"));
        assert_eq!(failing.take_change(&[], None), None);
    }

    #[test]
    fn anything_else_is_an_error() {
        assert!(Failing::default().resume("{}").is_err());
    }
}
