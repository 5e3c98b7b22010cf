//! Tests a read model against a fake DynamoDB.

use serde_json::json;

use super::super::apply_error::ApplyError;
use super::super::guard::{Advance, Position};
use super::super::read_model::ReadModel;
use super::super::row_update::RowUpdate;
use super::super::transaction::Transaction;
use super::{DynamoDbReadModel, ReadModelTables};
use crate::aws::fake::{Answer, FakeDynamoDb};
use crate::failure::{Class, Failure};
use crate::ids::Version;

/// Applies a transaction that changes this number of rows. Returns its result and the operations
/// that DynamoDB got.
async fn applied(rows: u64, answer: Answer) -> (Result<(), ApplyError>, Vec<String>) {
    let fake = FakeDynamoDb::answering(vec![answer]).await;
    let tables =
        ReadModelTables { rows: "rows".to_owned(), counters: "counters".to_owned(), slice: 3 };
    let model = DynamoDbReadModel::new(fake.dynamodb.clone(), tables);
    let row = |order: u64| {
        let advance = Advance {
            stream: format!("order#{order}").parse().unwrap(),
            from: Position::after(Version::new(4)),
            parked: None,
            to: Position::after(Version::new(5)),
            event_id: Some("e5".to_owned()),
        };
        (advance, RowUpdate::default().set("status", "paid"))
    };
    let guards = (0..rows).map(row).collect();
    let result = model.apply(&Transaction { guards, ..Transaction::default() }).await;
    (result, fake.operations())
}

#[tokio::test]
async fn a_row_is_updated_by_itself_and_several_in_a_transaction() {
    let ok = || Answer::Body(200, json!({}));
    assert_eq!(applied(1, ok()).await, (Ok(()), vec!["updateitem".to_owned()]));
    assert_eq!(applied(2, ok()).await, (Ok(()), vec!["transactwriteitems".to_owned()]));
}

#[tokio::test]
async fn each_answer_to_an_update_has_its_meaning() {
    let refused = |code: &str, message: &str| Answer::refused(code, json!({ "message": message }));
    let of = async |answer| applied(1, answer).await.0.unwrap_err();
    let moved = of(refused("ConditionalCheckFailedException", "no")).await;
    assert_eq!(moved, ApplyError::GuardMoved);
    let conflict = of(refused("TransactionConflictException", "busy")).await;
    assert_eq!(conflict, ApplyError::Conflict);
    let large = "Item size to update has exceeded the maximum allowed size";
    let large = of(refused("ValidationException", large)).await;
    assert!(matches!(large, ApplyError::Refused { .. }), "{large:?}");
    for (code, message, expected) in [
        ("ProvisionedThroughputExceededException", "slow down", Failure::THROTTLED),
        (
            "ValidationException",
            "The provided key element does not match the schema",
            "wrong_table",
        ),
        ("ResourceNotFoundException", "no table", "read_model"),
    ] {
        let error = of(refused(code, message)).await;
        let ApplyError::Failed(failure) = error else { panic!("{code}: {error:?}") };
        assert_eq!((failure.class(), failure.code()), (Class::Transient, expected), "{code}");
    }
}
