use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use tracing::error;

use super::outcome::{Handled, Outcome};
use super::runner::Runner;
use crate::dead_letter::DeadLetter;
use crate::failure::{Class, Failure};
use crate::source::{Delivery, Source};

const LETTERS_AT_A_TIME: usize = 16;

impl<H> Runner<H> {
    /// Writes dead letters. A delivery whose letter is written is done; one whose letter is not stays failed. Answers why those that are done had failed.
    pub(super) async fn dead_letter(
        &self,
        deliveries: &[Delivery<'_>],
        outcomes: &mut [Outcome],
        end: Instant,
    ) -> Vec<(usize, Failure)> {
        let mut letters = Vec::new();
        for place in self.given_up(deliveries, outcomes) {
            if let (Some(delivery), Some(Outcome::Failed(failure))) =
                (deliveries.get(place), outcomes.get(place))
            {
                letters.push((place, DeadLetter::new(&self.function, self.source, delivery, failure)));
            }
        }
        let put = |(place, letter): (usize, DeadLetter)| async move {
            let put = timeout_at(end, self.dead_letters.put(&letter)).await;
            (
                place,
                letter.id,
                put.unwrap_or_else(|_| Err(Failure::transient("deadline", "no time was left"))),
            )
        };
        let written: Vec<_> =
            stream::iter(letters).map(put).buffer_unordered(LETTERS_AT_A_TIME).collect().await;
        let mut given_up = Vec::new();
        for (place, letter, put) in written {
            let Some(outcome) = outcomes.get_mut(place) else { continue };
            match put {
                Ok(()) => {
                    if let Outcome::Failed(failure) =
                        std::mem::replace(outcome, Outcome::Done(Handled::DeadLettered))
                    {
                        given_up.push((place, failure));
                    }
                }
                Err(put) => {
                    error!(
                        letter,
                        reason = put.reason(),
                        "the dead letter could not be written; the record will come again"
                    );
                    *outcome = Outcome::Failed(put.context("writing the dead letter"));
                }
            }
        }
        given_up
    }

    /// Places of the deliveries that are to become dead letters. On a stream everything from the first reported record on comes again, so a letter for what is
    /// behind it would be written again and again. What was taken out of the same aggregate as the first reported record comes again too.
    fn given_up(&self, deliveries: &[Delivery<'_>], outcomes: &[Outcome]) -> Vec<usize> {
        let in_order = matches!(self.source, Source::Kinesis | Source::DynamoDb);
        let mut places = Vec::new();
        for (place, (delivery, outcome)) in deliveries.iter().zip(outcomes).enumerate() {
            if self.gives_up(delivery, outcome) {
                places.push(place);
            } else if in_order && !matches!(outcome, Outcome::Done(_)) {
                if delivery.subsequence.is_some() {
                    places.retain(|earlier| {
                        deliveries.get(*earlier).is_some_and(|earlier| earlier.item != delivery.item)
                    });
                }
                break;
            }
        }
        places
    }

    fn gives_up(&self, delivery: &Delivery<'_>, outcome: &Outcome) -> bool {
        let Outcome::Failed(failure) = outcome else { return false };
        if failure.class() == Class::Permanent {
            return true;
        }
        let Some((limit, arrived_at)) = self.dead_letter_after.zip(delivery.arrived_at) else { return false };
        arrived_at.saturating_add(limit).is_ok_and(|end| Timestamp::now() > end)
    }
}
