//! What becomes of one change.

use serde::Deserialize;
use tidegate::batch::{BatchContext, Decode, Handled, Handler};
use tidegate::failure::Failure;
use tidegate::source::{ChangeKind, Delivery};
use tracing::info;

/// Decides what each change of the table leads to.
pub(crate) struct Records;

/// A change of an item.
#[derive(Debug)]
pub(crate) struct Record {
    kind: ChangeKind,
    key: Key,
}

/// The item's key. The item itself is in `new_image` and `old_image` of the change, if the stream
/// carries it.
#[derive(Debug, Deserialize)]
struct Key {
    key: String,
}

impl Decode for Records {
    type Record = Record;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Record, Failure> {
        let change = delivery.change()?;
        // Any other item fails permanently: it becomes a dead letter, and does not affect its
        // neighbours.
        let key = serde_dynamo::from_item(change.keys.clone())
            .map_err(|error| Failure::permanent("unexpected_item", error.to_string()))?;
        Ok(Record { kind: change.kind, key })
    }
}

impl Handler for Records {
    /// Must be idempotent: the same change may be delivered again. Change state through
    /// `tidegate::store::execute`, and run effects outside DynamoDB through
    /// `tidegate::idempotency::Effect`.
    async fn handle(&self, record: &Record, _context: &BatchContext) -> Result<Handled, Failure> {
        // An item that was removed because its time to live ended is not a business event.
        if record.kind == ChangeKind::Expire {
            return Ok(Handled::Filtered);
        }
        info!(kind = ?record.kind, record.key.key, "handled");
        Ok(Handled::Applied)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;
    use tidegate::batch::{EachRecord, Invocation, Runner};
    use tidegate::source::Source;
    use tidegate::test::{DynamoDbEvent, MemoryDeadLetters};

    use super::*;

    #[tokio::test]
    async fn a_change_of_an_unknown_item_becomes_a_dead_letter_and_the_next_one_is_applied() {
        let letters = Arc::new(MemoryDeadLetters::default());
        let queue = Arc::clone(&letters);
        let runner = Runner::new(Source::DynamoDb, EachRecord::new(Records, 1), "function", queue);
        let unknown = json!({ "key": true });
        let known = json!({ "key": "7" });
        let keys = ["key"];
        let event =
            DynamoDbEvent::new(keys).insert(&unknown).unwrap().insert(&known).unwrap().build();
        let report = runner.run(Invocation::new(&event, Duration::from_secs(10))).await;
        let counts = report.counts;
        assert_eq!((counts.applied, counts.dead_lettered, counts.total()), (1, 1, 2));
        assert_eq!(letters.letters()[0].code, "unexpected_item");
        assert_eq!(report.response.unwrap().items().count(), 0, "nothing comes again");
    }
}
