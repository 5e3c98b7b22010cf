//! Remembers which user records of an aggregated Kinesis record are done.
//!
//! Kinesis knows an aggregate of the Kinesis Producer Library, but not the user records in it. As
//! long as one of them fails or has no time, all of them come again. Without this memory, a handler
//! that needs more than one invocation for an aggregate would start at its first user record each
//! time, and never reach the last.
//!
//! Example: an invocation has time for 2 of the 5 user records of an aggregate. The first
//! invocation handles 0 and 1, the second 2 and 3, the third 4; then Lambda moves on.
//!
//! The memory is only a hint: it is bounded, and other environments do not have it. There the user
//! records run again, and are recognised as duplicates by their causes.
//!
//! An invocation with a tumbling window neither uses nor fills the memory. The state that it
//! returns contains no user record of an aggregate that comes again, so all of them must be folded
//! again.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::outcome::Outcome;
use crate::source::Delivery;

/// Largest number of aggregates that are remembered; the newest are kept.
const AGGREGATES: usize = 16;

/// Which user records of unfinished aggregates are done.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<VecDeque<Aggregate>>);

#[derive(Debug)]
struct Aggregate {
    source_arn: Option<Arc<str>>,
    /// Unique in its stream.
    position: String,
    /// One bit for each user record.
    done: Vec<u64>,
}

impl Aggregate {
    fn new(part: &Part<'_>) -> Self {
        Self {
            source_arn: part.source_arn.cloned(),
            position: part.aggregate.to_owned(),
            done: Vec::new(),
        }
    }

    fn has(&self, part: &Part<'_>) -> bool {
        self.position == part.aggregate && self.source_arn.as_ref() == part.source_arn
    }

    fn is_done(&self, number: u64) -> bool {
        self.done.get(word(number)).is_some_and(|word| word & bit(number) != 0)
    }

    fn note(&mut self, number: u64) {
        if self.done.len() <= word(number) {
            self.done.resize(word(number) + 1, 0);
        }
        if let Some(word) = self.done.get_mut(word(number)) {
            *word |= bit(number);
        }
    }
}

fn word(number: u64) -> usize {
    usize::try_from(number / 64).unwrap_or(usize::MAX - 1)
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

/// A user record.
struct Part<'a> {
    source_arn: Option<&'a Arc<str>>,
    /// Position of the aggregate that contains the user record.
    aggregate: &'a str,
    /// Number of the user record in the aggregate.
    number: u64,
}

impl<'a> Part<'a> {
    fn from_delivery(delivery: &'a Delivery<'_>) -> Option<Self> {
        let number = delivery.subsequence?;
        let (aggregate, _) = delivery.position.rsplit_once(':')?;
        Some(Part { source_arn: delivery.source_arn.as_ref(), aggregate, number })
    }
}

impl Progress {
    /// Returns, for each delivery, whether it is already done. Empty if none is.
    pub(super) fn settled(&self, deliveries: &[Delivery<'_>]) -> Vec<bool> {
        let known = self.known();
        if known.is_empty() {
            return Vec::new();
        }
        let is_done = |delivery: &Delivery<'_>| {
            Part::from_delivery(delivery).is_some_and(|part| {
                known.iter().any(|aggregate| aggregate.has(&part) && aggregate.is_done(part.number))
            })
        };
        deliveries.iter().map(is_done).collect()
    }

    /// Remembers which user records are done in aggregates that come again.
    ///
    /// Forgets the other aggregates.
    pub(super) fn note(&self, deliveries: &[Delivery<'_>], outcomes: &[Outcome]) {
        let mut seen: Vec<(Aggregate, bool)> = Vec::new();
        for (delivery, outcome) in deliveries.iter().zip(outcomes) {
            let Some(part) = Part::from_delivery(delivery) else { continue };
            if !seen.last().is_some_and(|(aggregate, _)| aggregate.has(&part)) {
                seen.push((Aggregate::new(&part), true));
            }
            let Some((aggregate, finished)) = seen.last_mut() else { continue };
            match outcome {
                Outcome::Done(_) => aggregate.note(part.number),
                Outcome::Failed(_) | Outcome::NotRun(_) => *finished = false,
            }
        }
        if seen.is_empty() {
            return;
        }
        let mut known = self.known();
        // From the last to the first: the first aggregate of a stream comes again first, so it must
        // be forgotten last.
        for (aggregate, finished) in seen.into_iter().rev() {
            known.retain(|known| {
                known.position != aggregate.position || known.source_arn != aggregate.source_arn
            });
            if !finished && !aggregate.done.is_empty() {
                known.push_back(aggregate);
            }
        }
        while known.len() > AGGREGATES {
            known.pop_front();
        }
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<Aggregate>> {
        self.0.lock()
    }
}
