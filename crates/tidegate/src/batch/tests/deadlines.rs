//! Tests the time that is reserved for letters and the response.

use futures::future::BoxFuture;

use super::*;
use crate::dead_letter::{DeadLetter, DeadLetters};

/// Takes this long for a batch, or for a dead letter.
struct Slow(Duration);

impl Decode for Slow {
    type Record = ();

    fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

impl BatchHandler for Slow {
    async fn handle_batch(&self, items: &[Item<()>], _: &BatchContext) -> Vec<Outcome> {
        tokio::time::sleep(self.0).await;
        items.iter().map(|_| Outcome::Failed(Failure::permanent("never", ""))).collect()
    }
}

impl DeadLetters for Slow {
    fn put<'a>(&'a self, _: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async {
            tokio::time::sleep(self.0).await;
            Ok(())
        })
    }
}

/// Runs an invocation of one record.
///
/// Returns when it ended, in milliseconds, and whether the record was dead-lettered.
async fn ended(remaining: u64, handler: u64, letters: u64) -> (u128, bool) {
    let slow = |milliseconds| Slow(Duration::from_millis(milliseconds));
    let runner = Runner::new(Source::Sqs, slow(handler), "probe", Arc::new(slow(letters)));
    let event = event(Source::Sqs, &[("a", "")]);
    let begun = tokio::time::Instant::now();
    let remaining = Duration::from_millis(remaining);
    let report =
        runner.run(Invocation { event: &event, request_id: "r", remaining, replay: false }).await;
    (begun.elapsed().as_millis(), report.counts.dead_lettered == 1)
}

#[tokio::test(start_paused = true)]
async fn a_batch_and_a_dead_letter_have_their_parts_of_the_time_in_a_short_invocation_too() {
    const FOR_EVER: u64 = 1_000_000;
    for (remaining, handed_over, answered) in [(30_000, 29_100, 29_800), (1000, 925, 950)] {
        assert_eq!(
            ended(remaining, handed_over - 1, 0).await,
            ((handed_over - 1).into(), true),
            "{remaining}"
        );
        assert_eq!(ended(remaining, FOR_EVER, 0).await, (handed_over.into(), false), "{remaining}");
        assert_eq!(
            ended(remaining, 0, answered - 1).await,
            ((answered - 1).into(), true),
            "{remaining}"
        );
        assert_eq!(ended(remaining, 0, FOR_EVER).await, (answered.into(), false), "{remaining}");
    }
}
