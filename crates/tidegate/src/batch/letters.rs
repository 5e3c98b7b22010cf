//! Writes the dead letters of an invocation.

use std::sync::Arc;

use futures::{StreamExt, stream};
use parking_lot::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};
use tracing::error;

use super::outcome::{Handled, Outcome};
use super::patience::{Patience, place};
use super::recent::Recent;
use crate::dead_letter::{DeadLetter, DeadLetters};
use crate::failure::{Class, Failure};
use crate::source::{Delivery, Source};

const LETTERS_AT_A_TIME: usize = 16;
/// Number of written letters that are remembered.
const WRITTEN: usize = 10_000;

/// The places of the records whose letters this environment has written.
///
/// On a stream a record with a letter comes again as long as a record before it fails. Its letter
/// is then not written a second time.
struct Written(Mutex<Recent<()>>);

impl Default for Written {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(WRITTEN)))
    }
}

impl Written {
    fn recent(&self) -> MutexGuard<'_, Recent<()>> {
        self.0.lock()
    }
}

/// Decides which deliveries become dead letters, and writes the letters of a function.
pub(super) struct Letters {
    source: Source,
    function: Arc<str>,
    sink: Arc<dyn DeadLetters>,
    /// Decides when a delivery that keeps failing becomes a dead letter.
    pub(super) patience: Patience,
    written: Written,
}

impl Letters {
    /// Creates the letters of `function` for deliveries of `source`. They are stored in `sink`.
    pub(super) fn new(source: Source, function: Arc<str>, sink: Arc<dyn DeadLetters>) -> Self {
        Self { source, function, sink, patience: Patience::default(), written: Written::default() }
    }

    /// Writes dead letters. A delivery whose letter is written becomes done; one whose letter
    /// cannot be written stays failed.
    ///
    /// Returns the places of the dead-lettered deliveries, in order, and their failures.
    pub(super) async fn write(
        &self,
        deliveries: &[Delivery<'_>],
        outcomes: &mut [Outcome],
        end: Instant,
    ) -> Vec<(usize, Failure)> {
        let places = self.unwritten(deliveries, outcomes);
        let mut given_up = Vec::new();
        for places in places.chunks(LETTERS_AT_A_TIME) {
            // The letter of a user record costs a scan of its aggregate, so no letter is built
            // ahead of time.
            let letters: Vec<_> = places
                .iter()
                .filter_map(|place| {
                    Some((*place, self.letter(deliveries.get(*place)?, outcomes.get(*place)?)?))
                })
                .collect();
            let put = |(place, letter): (usize, DeadLetter)| async move {
                let put = timeout_at(end, self.sink.put(&letter)).await;
                let put = put.unwrap_or_else(|_| {
                    Err(Failure::transient(
                        "deadline",
                        "the invocation's time ran out before the request ended",
                    ))
                });
                (place, letter.id, put)
            };
            let written: Vec<_> =
                stream::iter(letters).map(put).buffered(LETTERS_AT_A_TIME).collect().await;
            let mut all = true;
            for (place, letter, put) in written {
                let Some((delivery, outcome)) = deliveries.get(place).zip(outcomes.get_mut(place))
                else {
                    continue;
                };
                match put {
                    Ok(()) => {
                        self.remember(delivery);
                        self.patience.forget(delivery);
                        if let Outcome::Failed(failure) =
                            std::mem::replace(outcome, Outcome::Done(Handled::DeadLettered))
                        {
                            given_up.push((place, failure));
                        }
                    }
                    Err(put) => {
                        all = false;
                        error!(
                            letter,
                            reason = put.reason(),
                            "the dead letter could not be written; the record will come again"
                        );
                        *outcome = Outcome::Failed(put.context("writing the dead letter"));
                    }
                }
            }
            if !all && self.source.is_in_order() {
                // Everything behind the first of these records comes again.
                break;
            }
        }
        given_up
    }

    /// Returns the places of the deliveries whose letters must be written.
    ///
    /// A delivery whose letter this environment already wrote becomes done.
    fn unwritten(&self, deliveries: &[Delivery<'_>], outcomes: &mut [Outcome]) -> Vec<usize> {
        let mut places = self.given_up(deliveries, outcomes);
        places.retain(|place| {
            let Some((delivery, outcome)) = deliveries.get(*place).zip(outcomes.get_mut(*place))
            else {
                return false;
            };
            let is_written = self.is_written(delivery);
            if is_written {
                *outcome = Outcome::Done(Handled::Duplicate);
            }
            !is_written
        });
        places
    }

    fn letter(&self, delivery: &Delivery<'_>, outcome: &Outcome) -> Option<DeadLetter> {
        let Outcome::Failed(failure) = outcome else { return None };
        Some(DeadLetter::new(&self.function, self.source, delivery, failure))
    }

    /// Returns the places of the deliveries that become dead letters.
    ///
    /// On a stream everything from the first reported record on comes again, so a letter for a
    /// later record would be written with each attempt. The other user records in the aggregate of
    /// the first reported record come again too. Example: `[permanent, transient, permanent]` gives
    /// `[0]`; the last record gets its letter once the second no longer fails.
    fn given_up(&self, deliveries: &[Delivery<'_>], outcomes: &[Outcome]) -> Vec<usize> {
        let ends: Vec<bool> =
            deliveries.iter().zip(outcomes).map(|(d, o)| self.gives_up(d, o)).collect();
        let comes_again = |place: usize, outcome: &Outcome| {
            !matches!(outcome, Outcome::Done(_)) && !ends.get(place).copied().unwrap_or_default()
        };
        let unnamed =
            |place: usize| deliveries.get(place).is_some_and(|delivery| delivery.item.is_none());
        if self.source != Source::EventBridge
            && (0..)
                .zip(outcomes)
                .any(|(place, outcome)| comes_again(place, outcome) && unnamed(place))
        {
            // A record that cannot be named in the response makes the whole batch come again.
            return Vec::new();
        }
        let mut places = Vec::new();
        for (place, (delivery, outcome)) in deliveries.iter().zip(outcomes).enumerate() {
            if ends.get(place).copied().unwrap_or_default() {
                places.push(place);
            } else if self.source.is_in_order() && comes_again(place, outcome) {
                if delivery.subsequence.is_some() {
                    places.retain(|earlier| {
                        deliveries
                            .get(*earlier)
                            .is_some_and(|earlier| earlier.item != delivery.item)
                    });
                }
                break;
            }
        }
        places
    }

    /// Returns whether the delivery becomes a dead letter.
    ///
    /// Counts its failure, so call it once in each invocation.
    fn gives_up(&self, delivery: &Delivery<'_>, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Failed(failure) if failure.class() == Class::Permanent => true,
            Outcome::Failed(failure) => self.patience.ends(self.source, delivery, failure),
            Outcome::Done(_) => {
                self.patience.forget(delivery);
                false
            }
            Outcome::NotRun(_) => false,
        }
    }

    fn is_written(&self, delivery: &Delivery<'_>) -> bool {
        self.written.recent().get(place(delivery), (self.patience.clock)()).is_some()
    }

    fn remember(&self, delivery: &Delivery<'_>) {
        self.written.recent().admit(place(delivery), (self.patience.clock)(), || ());
    }
}
