//! Tests how writes share requests.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::{Value, json};

use super::writer::Answer as Written;
use super::{Change, Item, Statement};
use crate::aws::fake::{Answer, FakeDynamoDb};
use crate::failure::Failure;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn insert(key: &str) -> Statement {
    let item: Item = [("key".to_owned(), text(key))].into();
    Statement::insert("store", &Arc::from("table"), key.to_owned(), item)
}

fn update(key: &str) -> Statement {
    let change = Change {
        text: r#"SET "n" = ? WHERE "key" = ?"#.into(),
        parameters: vec![text("1"), text(key)],
    };
    Statement::update("store", &Arc::from("table"), key.to_owned(), change)
}

async fn all(fake: &FakeDynamoDb, statements: Vec<Statement>) -> Vec<Written> {
    join_all(statements.into_iter().map(|statement| fake.dynamodb.writer.write(statement))).await
}

/// Returns the statements of each batch that was sent.
fn batches(fake: &FakeDynamoDb) -> Vec<Vec<Value>> {
    let statements = |body: Value| body["Statements"].as_array().cloned().unwrap_or_default();
    fake.bodies().into_iter().map(statements).collect()
}

#[tokio::test]
async fn the_writes_of_a_hundred_lanes_need_four_requests() {
    let fake = FakeDynamoDb::answering(vec![Answer::statements(&vec![json!(null); 25])]).await;
    let keys: Vec<String> = (0..100).map(|key| key.to_string()).collect();
    let answers = all(&fake, keys.iter().map(|key| insert(key)).collect()).await;
    assert!(answers.iter().all(|answer| matches!(answer, Written::Written)), "{answers:?}");
    let batches = batches(&fake);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [25; 4]);
    let sent: HashSet<&str> = batches
        .iter()
        .flatten()
        .map(|statement| statement["Parameters"][0]["S"].as_str().unwrap())
        .collect();
    assert_eq!(sent, keys.iter().map(String::as_str).collect());
    assert_eq!(batches[0][0]["Statement"], json!(r#"INSERT INTO "table" VALUE {'key':?}"#));
}

#[tokio::test]
async fn a_write_that_waits_alone_is_not_sent_as_a_batch() {
    let fake = FakeDynamoDb::answering(vec![Answer::statements(&[])]).await;
    for _ in 0..2 {
        let answer = fake.dynamodb.writer.write(insert("a")).await;
        let Written::Alone(statement) = answer else { panic!("{answer:?}") };
        assert_eq!(statement.into_item().unwrap()["key"], text("a"));
    }
    assert!(fake.operations().is_empty());
}

#[tokio::test]
async fn a_handle_for_single_writes_gathers_nothing() {
    let fake = FakeDynamoDb::answering(vec![Answer::statements(&[])]).await;
    let single = crate::aws::DynamoDb::single((*fake.dynamodb).clone());
    let answers = join_all(["a", "b"].map(|key| single.writer.write(insert(key)))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Written::Alone(_))), "{answers:?}");
    assert!(fake.operations().is_empty());
}

#[tokio::test]
async fn two_writes_to_one_key_never_share_a_request() {
    let fake = FakeDynamoDb::answering(vec![Answer::statements(&[json!(null), json!(null)])]).await;
    all(&fake, vec![insert("a"), update("a"), insert("b"), update("b")]).await;
    let keys = |batch: &Vec<Value>| -> Vec<Value> {
        batch
            .iter()
            .map(|statement| {
                statement["Parameters"].as_array().unwrap().last().unwrap()["S"].clone()
            })
            .collect()
    };
    let sent: Vec<_> = batches(&fake).iter().map(keys).collect();
    assert_eq!(sent, [[json!("a"), json!("b")], [json!("a"), json!("b")]]);
}

#[tokio::test]
async fn writes_that_are_large_together_leave_in_several_requests() {
    let fake = FakeDynamoDb::answering(vec![Answer::statements(&vec![json!(null); 25])]).await;
    let large = |key: usize| insert(&key.to_string()).bytes(400 * 1024);
    all(&fake, (0..25).map(large).collect()).await;
    let sizes: Vec<usize> = batches(&fake).iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 5], "4 MB each");
}

#[tokio::test]
async fn each_write_gets_its_own_answer() {
    let item = json!({ "Code": "ConditionalCheckFailed", "Item": { "n": { "S": "2" } } });
    let errors = [
        json!(null),
        json!("DuplicateItem"),
        item,
        json!("ConditionalCheckFailed"),
        json!("TransactionConflict"),
        json!("ThrottlingError"),
        json!("AccessDenied"),
        json!("ValidationError"),
    ];
    let fake = FakeDynamoDb::answering(vec![Answer::statements(&errors)]).await;
    let keys: Vec<String> = (0..errors.len() + 1).map(|key| key.to_string()).collect();
    let answers = all(&fake, keys.iter().map(|key| update(key)).collect()).await;
    let described: Vec<String> = answers.iter().map(|answer| format!("{answer:?}")).collect();
    let n = r#"Refused(Some({"n": S("2")}))"#;
    let wanted = [
        "Written",
        "Refused(None)",
        n,
        "Refused(None)",
        "BeingWritten",
        "Singly",
        "Singly",
        "Singly",
        "Singly", // The answer has fewer entries than the request.
    ];
    assert_eq!(described, wanted);
    assert_eq!(
        batches(&fake)[0][0]["ReturnValuesOnConditionCheckFailure"],
        json!("ALL_OLD"),
        "an update asks for the item"
    );
}

#[tokio::test]
async fn a_request_that_is_refused_wrote_nothing_and_any_other_failure_may_have_written() {
    for code in ["ValidationException", "AccessDeniedException", "UnknownOperationException"] {
        let fake = FakeDynamoDb::answering(vec![Answer::refused(code, json!({}))]).await;
        let answers = all(&fake, vec![insert("a"), insert("b")]).await;
        assert!(answers.iter().all(|answer| matches!(answer, Written::Singly)), "{code}");
    }
    for (code, wanted) in [("ThrottlingException", Failure::THROTTLED), ("Unheard", "store")] {
        let fake = FakeDynamoDb::answering(vec![Answer::refused(code, json!({}))]).await;
        for answer in all(&fake, vec![insert("a"), insert("b")]).await {
            let Written::Failed(failure) = answer else { panic!("{answer:?}") };
            assert_eq!(failure.code(), wanted);
        }
    }
}

#[tokio::test]
async fn a_write_whose_caller_is_gone_is_not_sent_and_a_request_without_callers_is_given_up() {
    let fake = FakeDynamoDb::answering(vec![Answer::Silence]).await;
    let writer = &fake.dynamodb.writer;
    let gone = Box::pin(writer.write(insert("gone")));
    // Polled once, so that it waits, and dropped before the task gathers it.
    assert!(futures::poll!(gone).is_pending());
    let both = join_all(["a", "b"].map(|key| writer.write(insert(key))));
    assert!(tokio::time::timeout(Duration::from_millis(300), both).await.is_err());
    // The client closes the connection once nobody waits for the answer.
    while fake.operations().last().is_none_or(|last| last != "closed") {
        tokio::task::yield_now().await;
    }
    assert_eq!(batches(&fake)[0].len(), 2);
    assert_eq!(fake.operations().len(), 2);
}
