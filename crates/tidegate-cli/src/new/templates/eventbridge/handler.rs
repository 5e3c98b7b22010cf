//! What becomes of one event.

use serde::Deserialize;
use tidegate::batch::{BatchContext, Handled};
use tidegate::failure::Failure;
use tracing::info;

/// The fields of an event's `detail` that the function needs.
///
/// Any other JSON fails permanently: it becomes a dead letter, and does not affect its neighbours.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    id: String,
}

/// Decides what each event leads to.
///
/// Must be idempotent: the same event may be delivered again. Change state through
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

    use serde_json::json;
    use tidegate::batch::{Invocation, Runner};
    use tidegate::each;
    use tidegate::source::Source;
    use tidegate::test::{EventBridgeEvent, MemoryDeadLetters};

    use super::*;

    #[tokio::test]
    async fn an_event_is_applied_and_one_that_cannot_be_read_becomes_a_dead_letter() {
        let letters = Arc::new(MemoryDeadLetters::default());
        let queue = Arc::clone(&letters);
        let runner = Runner::new(Source::EventBridge, each!(1, handle), "function", queue);
        for (detail, applied) in [(json!({ "id": "7" }), 1), (json!("no object"), 0)] {
            let event = EventBridgeEvent::new("example", "ExampleHappened", detail).build();
            let report = runner.run(Invocation::new(&event, Duration::from_secs(10))).await;
            assert_eq!(
                (report.counts.applied, report.counts.dead_lettered),
                (applied, 1 - applied)
            );
            assert!(report.response.is_ok(), "Lambda does not invoke it again");
        }
        assert_eq!(letters.letters()[0].code, "invalid_body");
    }
}
