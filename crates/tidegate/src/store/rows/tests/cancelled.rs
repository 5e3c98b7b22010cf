//! Tests against a fake DynamoDB that cancels transactions.

use serde_json::{Value, json};

use crate::aws::fake::{Answer, FakeDynamoDb};
use crate::envelope::DataSchema;
use crate::failure::{Class, Failure};
use crate::ids::{Cause, Version};
use crate::projection::RowUpdate;
use crate::store::*;

/// Stores a commit with two rows in a DynamoDB that gives this answer.
async fn answered(answer: Answer) -> (Result<RowOutcome, Failure>, Vec<Value>) {
    let fake = FakeDynamoDb::answering(vec![answer]).await;
    let events = DynamoDbEventStore::new(fake.dynamodb.clone(), "event-store");
    let store = DynamoDbRowStore::new(events, "stock", "stock_code");
    let time = jiff::Timestamp::UNIX_EPOCH;
    let schema = DataSchema::new("Added", 1);
    let event = RecordedEvent::new("e", Version::new(1), schema, time, "1");
    let (stream, cause) = ("order#1".parse().unwrap(), Cause::new("test", "c"));
    let record = RecordedCommit::new(stream, "test", cause, time, vec![event]);
    let reserve = RowUpdate::default().add("on_hand", -3).add("reserved", 3);
    let open = RowUpdate::default().set("on_hand", 7);
    let changes = [
        RowChange::new("A", reserve).if_at_least("on_hand", 3).if_at_most("on_order", 0),
        RowChange::new("B", open).if_absent(),
    ];
    let outcome = store.commit_with_rows(&Commit::new(record, "attempt"), &changes).await;
    (outcome, fake.bodies())
}

/// Answers that the transaction was cancelled for these reasons: those of the head and the rows.
fn cancelled(reasons: [&str; 3]) -> Answer {
    let reasons = reasons.map(|code| json!({ "Code": code, "Message": code }));
    Answer::refused("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

#[tokio::test]
async fn a_transaction_has_the_commit_and_each_row_with_its_condition() {
    let (outcome, bodies) = answered(Answer::Body(200, json!({}))).await;
    assert_eq!(outcome, Ok(RowOutcome::Stored));
    let [body] = bodies.as_slice() else { panic!("{bodies:?}") };
    let items = body["TransactItems"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(items[0]["Put"]["TableName"], "event-store");
    assert_eq!(items[0]["Put"]["ConditionExpression"], "attribute_not_exists(#stream)");
    let reserve = &items[1]["Update"];
    assert_eq!(reserve["TableName"], "stock");
    assert_eq!(reserve["Key"], json!({ "stock_code": { "S": "A" } }));
    let condition = reserve["ConditionExpression"].as_str().unwrap();
    for part in [" >= :", " <= :", "attribute_type("] {
        assert!(condition.contains(part), "{condition}");
    }
    let open = items[2]["Update"]["ConditionExpression"].as_str().unwrap();
    assert!(open.starts_with("attribute_not_exists("), "{open}");
    assert!(body["ClientRequestToken"].is_string());
}

#[tokio::test]
async fn each_reason_of_a_cancelled_transaction_has_its_outcome() {
    let (none, failed, conflict) = ("None", "ConditionalCheckFailed", "TransactionConflict");
    for (reasons, expected) in [
        ([none, failed, none], RowOutcome::Moved),
        // A row that another transaction has may hold the condition again, the failed one not.
        ([none, conflict, failed], RowOutcome::Moved),
        ([none, none, conflict], RowOutcome::Busy),
        // Whoever writes to the stream decides it first.
        ([conflict, none, failed], RowOutcome::Conflict),
    ] {
        let (outcome, _) = answered(cancelled(reasons)).await;
        assert_eq!(outcome, Ok(expected), "{reasons:?}");
    }
    for throttled in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
        let (outcome, _) = answered(cancelled([none, throttled, none])).await;
        let failure = outcome.unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Transient, Failure::THROTTLED));
    }
    let (outcome, _) = answered(Answer::refused("TransactionInProgressException", json!({}))).await;
    assert_eq!(outcome, Ok(RowOutcome::Busy));
}

#[tokio::test]
async fn the_item_at_the_commits_place_tells_whose_it_is() {
    let item = |attempt: &str, cause: &str| {
        json!({
            "stream": { "S": "order#1" }, "version": { "N": "1" }, "format": { "N": "2" },
            "source": { "S": "test" }, "written_at": { "S": "1970-01-01T00:00:00Z" },
            "attempt": { "S": attempt },
            "decisions": { "L": [{ "M": {
                "cause": { "M": { "source": { "S": "test" }, "id": { "S": cause } } },
                "correlation": { "S": "c" },
                "events": { "L": [{ "M": {
                    "id": { "S": "e" }, "type": { "S": "Added" }, "dataversion": { "N": "1" },
                    "time": { "S": "1970-01-01T00:00:00Z" }, "data": { "S": "1" },
                } }] },
            } }] },
        })
    };
    for (attempt, cause, expected) in [
        ("attempt", "c", RowOutcome::Stored),
        ("other", "c", RowOutcome::Duplicate),
        ("other", "d", RowOutcome::Conflict),
    ] {
        let failed = "ConditionalCheckFailed";
        let reasons = json!([
            { "Code": failed, "Message": failed, "Item": item(attempt, cause) },
            { "Code": failed, "Message": failed },
            { "Code": "None" },
        ]);
        let body = json!({ "CancellationReasons": reasons });
        let (outcome, _) = answered(Answer::refused("TransactionCanceledException", body)).await;
        assert_eq!(outcome, Ok(expected), "{attempt} {cause}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_fit_the_table_loses_no_event() {
    for (message, expected) in [
        ("The provided key element does not match the schema", (Class::Transient, "wrong_table")),
        (
            "An operand in the update expression has an incorrect data type",
            (Class::Permanent, "unstorable"),
        ),
        ("something new", (Class::Transient, "row_store")),
    ] {
        let refused = Answer::refused("ValidationException", json!({ "message": message }));
        let reasons =
            json!([{ "Code": "None" }, { "Code": "ValidationError", "Message": message }]);
        let body = json!({ "CancellationReasons": reasons });
        let cancelled = Answer::refused("TransactionCanceledException", body);
        for answer in [refused, cancelled] {
            let failure = answered(answer).await.0.unwrap_err();
            assert_eq!((failure.class(), failure.code()), expected, "{message}");
        }
    }
}
