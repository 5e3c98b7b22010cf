//! What an environment remembers of records that came many in one.
//!
//! Kinesis knows an aggregate of the Kinesis Producer Library, and not the user records in it: as
//! long as one of them fails or had no time, all of them come again. Without a memory a handler that
//! needs longer than one invocation for an aggregate would begin with its first user record each
//! time, and never come to its last.
//!
//! The memory is a hint. It is bounded, and another environment does not have it: there the user
//! records run again, and are duplicates by their causes.
//!
//! An invocation with a tumbling window neither uses nor fills the memory. The state that it answers
//! has no user record of an aggregate that comes again, so all of them must be folded again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::outcome::Outcome;
use crate::source::Delivery;

/// Aggregates that are remembered, the newest.
const AGGREGATES: usize = 16;

/// Which user records of unfinished aggregates are done.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<VecDeque<Aggregate>>);

#[derive(Debug, PartialEq)]
struct Aggregate {
    name: (Option<String>, String),
    /// A bit for each user record.
    done: Vec<u64>,
}

impl Aggregate {
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

/// The aggregate that a delivery was taken out of, and its number there: an aggregate's position is
/// unique in its stream.
fn part(delivery: &Delivery<'_>) -> Option<((Option<String>, String), u64)> {
    let number = delivery.subsequence?;
    let (aggregate, _) = delivery.position.rsplit_once(':')?;
    Some(((delivery.source_arn(), aggregate.to_owned()), number))
}

impl Progress {
    /// Which of these deliveries are done already, by their places.
    pub(super) fn settled(&self, deliveries: &[Delivery<'_>]) -> Vec<bool> {
        if deliveries.iter().all(|delivery| delivery.subsequence.is_none()) {
            return Vec::new();
        }
        let known = self.known();
        let is_done = |delivery: &Delivery<'_>| {
            let Some((name, number)) = part(delivery).filter(|_| !known.is_empty()) else {
                return false;
            };
            known.iter().any(|aggregate| aggregate.name == name && aggregate.is_done(number))
        };
        deliveries.iter().map(is_done).collect()
    }

    /// Remembers what is done of the aggregates that come again, and forgets those that do not.
    pub(super) fn note(&self, deliveries: &[Delivery<'_>], outcomes: &[Outcome]) {
        let mut seen: Vec<(Aggregate, bool)> = Vec::new();
        for (delivery, outcome) in deliveries.iter().zip(outcomes) {
            let Some((name, number)) = part(delivery) else { continue };
            if seen.last().is_none_or(|(aggregate, _)| aggregate.name != name) {
                seen.push((Aggregate { name, done: Vec::new() }, true));
            }
            let Some((aggregate, finished)) = seen.last_mut() else { continue };
            match outcome {
                Outcome::Done(_) => aggregate.note(number),
                Outcome::Failed(_) | Outcome::NotRun(_) => *finished = false,
            }
        }
        if seen.is_empty() {
            return;
        }
        let mut known = self.known();
        // From the last to the first: the first of a stream comes again first, and is forgotten last.
        for (aggregate, finished) in seen.into_iter().rev() {
            known.retain(|known| known.name != aggregate.name);
            if !finished && !aggregate.done.is_empty() {
                known.push_back(aggregate);
            }
        }
        while known.len() > AGGREGATES {
            known.pop_front();
        }
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<Aggregate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
