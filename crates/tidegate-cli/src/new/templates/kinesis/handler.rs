//! What becomes of one record.

use serde::Deserialize;
use tidegate::batch::{BatchContext, Handled};
use tidegate::failure::Failure;
use tracing::info;

/// The fields of a record's data that the function needs.
///
/// Any other JSON fails permanently: it becomes a dead letter, and does not affect its neighbours.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    id: String,
}

/// Decides what each record of the stream leads to.
///
/// Must be idempotent: the same record may be delivered again. Change state through
/// `tidegate::store::execute`, and run effects outside DynamoDB through
/// `tidegate::idempotency::Effect`.
pub(crate) async fn handle(record: &Record, _: &BatchContext) -> Result<Handled, Failure> {
    info!(record.id, "handled");
    Ok(Handled::Applied)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tidegate::batch::{Invocation, Runner};
    use tidegate::each;
    use tidegate::source::Source;
    use tidegate::test::{KinesisEvent, MemoryDeadLetters};

    use super::*;

    #[tokio::test]
    async fn a_record_that_cannot_be_read_becomes_a_dead_letter_and_the_next_one_is_applied() {
        let letters = Arc::new(MemoryDeadLetters::default());
        let queue = Arc::clone(&letters);
        let runner = Runner::new(Source::Kinesis, each!(1, handle), "function", queue);
        let event =
            KinesisEvent::new().record("key", "not JSON").record("key", r#"{"id":"7"}"#).build();
        let report = runner.run(Invocation::new(&event, Duration::from_secs(10))).await;
        let counts = report.counts;
        assert_eq!((counts.applied, counts.dead_lettered, counts.total()), (1, 1, 2));
        assert_eq!(letters.letters()[0].code, "invalid_body");
        assert_eq!(report.response.unwrap().items().count(), 0, "nothing comes again");
    }
}
