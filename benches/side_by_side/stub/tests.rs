//! Tests of the stub's statements: what a batch stores, refuses and costs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "clippy allows them in test functions, but not in what test functions call"
)]

mod expression;
mod operation;
mod statement;
mod table;

use operation::Store;
use serde_json::{Value, json};

/// Runs a batch and returns its answers. Nothing refuses the request as a whole.
fn batch(store: &mut Store, statements: &[Value]) -> Vec<Value> {
    let answer = store.call("BatchExecuteStatement", &json!({ "Statements": statements }));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answers = answer.body["Responses"].as_array().unwrap().clone();
    assert_eq!(answers.len(), statements.len());
    answers
}

fn statement(text: &str, parameters: &[Value]) -> Value {
    json!({ "Statement": text, "Parameters": parameters })
}

/// Like [`statement`]; a failed condition shows the item.
fn showing(text: &str, parameters: &[Value]) -> Value {
    let mut statement = statement(text, parameters);
    statement["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
    statement
}

fn text(text: &str) -> Value {
    json!({ "S": text })
}

fn number(number: i64) -> Value {
    json!({ "N": number.to_string() })
}

fn insert(key: &str, n: i64) -> Value {
    statement(r#"INSERT INTO "idempotency" VALUE {'key': ?, 'n': ?}"#, &[text(key), number(n)])
}

/// Returns the item of a key, read by `BatchGetItem`.
fn item(store: &mut Store, key: &str) -> Value {
    let keys = json!([{ "key": text(key) }]);
    let request =
        json!({ "RequestItems": { "idempotency": { "Keys": keys, "ConsistentRead": true } } });
    let answer = store.call("BatchGetItem", &request);
    answer.body["Responses"]["idempotency"][0].clone()
}

fn code(answer: &Value) -> &str {
    answer["Error"]["Code"].as_str().unwrap_or("stored")
}

const STORED: &str = "stored";

#[test]
fn each_insert_of_a_batch_is_stored_or_a_duplicate_on_its_own() {
    let mut store = Store::default();
    let first = batch(&mut store, &[insert("a", 1), insert("b", 2)]);
    assert_eq!(first.iter().map(code).collect::<Vec<_>>(), [STORED, STORED]);
    assert_eq!(first[0], json!({ "TableName": "idempotency" }));
    let literal = statement("INSERT INTO idempotency VALUE {'key':'c', 'n':3, 'b':true}", &[]);
    let second = batch(&mut store, &[insert("a", 9), literal]);
    assert_eq!(second.iter().map(code).collect::<Vec<_>>(), ["DuplicateItem", STORED]);
    assert_eq!(second[0]["Error"].get("Item"), None, "a duplicate shows no item");
    assert_eq!(item(&mut store, "a")["n"], number(1), "the first one stays");
    assert_eq!(
        item(&mut store, "c"),
        json!({"key": text("c"), "n": number(3), "b": {"BOOL": true}})
    );
    assert_eq!(store.counts.requests["BatchExecuteStatement"], 2);
    assert_eq!((store.counts.write_units, store.counts.refused), (4, 1));
    assert_eq!(store.tables.count("idempotency"), 3);
}

#[test]
fn a_statement_costs_a_unit_for_each_kilobyte_and_so_does_its_failure() {
    let mut store = Store::default();
    let large = |key| {
        statement(
            "INSERT INTO idempotency VALUE {'key': ?, 'data': ?}",
            &[text(key), text(&"x".repeat(2000))],
        )
    };
    batch(&mut store, &[large("a"), insert("b", 1)]);
    assert_eq!(store.counts.write_units, 3);
    batch(&mut store, &[large("a"), insert("c", 1)]);
    assert_eq!(store.counts.write_units, 6, "a duplicate costs what the existing item costs");
    let update = |key| {
        showing(
            r#"UPDATE "idempotency" SET m = ? WHERE "key" = ? AND m = ?"#,
            &[number(1), text(key), number(0)],
        )
    };
    batch(&mut store, &[update("a"), update("missing")]);
    assert_eq!(store.counts.write_units, 9);
}

#[test]
fn an_update_changes_what_meets_its_conditions() {
    let mut store = Store::default();
    batch(&mut store, &[insert("a", 5), insert("b", 5)]);
    let update = |key: &str, least: i64| {
        showing(
            r#"UPDATE "idempotency" SET "m" = ?, n = n + ? REMOVE other WHERE "key" = ? AND "n" < ? AND n <> 0"#,
            &[text("new"), number(3), text(key), number(least)],
        )
    };
    let answers = batch(&mut store, &[update("a", 6), update("b", 5), update("missing", 9)]);
    let failed = "ConditionalCheckFailed";
    assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), [STORED, failed, failed]);
    assert_eq!(answers[1]["Error"]["Item"], json!({"key": text("b"), "n": number(5)}));
    assert_eq!(answers[2]["Error"].get("Item"), None, "there is none");
    assert_eq!(item(&mut store, "a"), json!({"key": text("a"), "n": number(8), "m": text("new")}));
    assert_eq!(item(&mut store, "missing"), Value::Null, "an update is no upsert");
    assert_eq!(store.counts.refused, 2);

    let remove = statement(
        "UPDATE idempotency SET owner = 'x' REMOVE m REMOVE n WHERE \"key\" = 'a' AND m = 'new'",
        &[],
    );
    let add = statement("UPDATE idempotency SET z = z + 1 WHERE \"key\" = 'b'", &[]);
    let silent = statement("UPDATE idempotency SET z = 1 WHERE \"key\" = 'b' AND n > 5", &[]);
    assert_eq!(code(&batch(&mut store, &[remove])[0]), STORED);
    assert_eq!(item(&mut store, "a"), json!({"key": text("a"), "owner": text("x")}));
    assert_eq!(code(&batch(&mut store, &[add])[0]), "ValidationError", "z does not exist");
    let answer = &batch(&mut store, &[silent])[0];
    assert_eq!((code(answer), answer["Error"].get("Item")), (failed, None));
}

#[test]
fn a_delete_removes_what_meets_its_conditions_and_nothing_is_deleted_already() {
    let mut store = Store::default();
    batch(&mut store, &[insert("a", 5), insert("b", 5)]);
    let delete = |key: &str, n: i64| {
        showing(r#"DELETE FROM "idempotency" WHERE "key" = ? AND n = ?"#, &[text(key), number(n)])
    };
    let answers = batch(&mut store, &[delete("a", 5), delete("b", 4), delete("missing", 1)]);
    assert_eq!(
        answers.iter().map(code).collect::<Vec<_>>(),
        [STORED, "ConditionalCheckFailed", STORED]
    );
    assert_eq!(answers[1]["Error"]["Item"]["n"], number(5));
    assert_eq!(item(&mut store, "a"), Value::Null);
    let all = statement("DELETE FROM idempotency WHERE \"key\" = 'b'", &[]);
    batch(&mut store, &[all]);
    assert_eq!(item(&mut store, "b"), Value::Null);
}

#[test]
fn a_batch_with_one_key_twice_or_too_many_statements_is_refused_as_a_whole() {
    let mut store = Store::default();
    let sorted = |version| {
        statement(
            "INSERT INTO \"event-store\" VALUE {'stream': 'a', 'version': ?}",
            &[number(version)],
        )
    };
    let many: Vec<Value> = (1..=26).map(sorted).collect();
    let update = statement("UPDATE idempotency SET n = 1 WHERE \"key\" = 'a'", &[]);
    for (statements, whole) in [
        (json!([insert("a", 1), update]), true),
        (json!([insert("a", 1), insert("b", 1), insert("a", 2)]), true),
        (json!(many), true),
        (json!([]), true),
        (json!(many[1..]), false),
        (json!([insert("a", 1), insert("b", 1)]), false),
    ] {
        let answer = store.call("BatchExecuteStatement", &json!({ "Statements": statements }));
        assert_eq!(answer.status, if whole { 400 } else { 200 }, "{statements}");
        let kind = answer.body["__type"].as_str().unwrap_or_default();
        assert_eq!(kind.ends_with("#ValidationException"), whole, "{kind}");
        if whole {
            assert_eq!(store.counts.write_units, 0);
            assert_eq!(store.tables.count("idempotency"), 0, "{statements}");
        }
    }
    assert_eq!(store.counts.write_units, 27);
}

#[test]
fn a_form_that_the_stub_does_not_know_fails_alone() {
    for form in [
        "UPDATE idempotency SET n = 1 WHERE \"key\" = 'a' AND (n IS MISSING OR n < 2)",
        "UPDATE idempotency SET n = 1 WHERE \"key\" = 'a' OR n < 2",
        "UPDATE idempotency SET n = if_not_exists(n, 0) + 1 WHERE \"key\" = 'a'",
        "UPDATE idempotency SET \"key\" = 'b' WHERE \"key\" = 'a'",
        "UPDATE idempotency SET n = 1 WHERE n = 1",
        "UPDATE idempotency SET n = 1 WHERE \"key\" > 'a'",
        "UPDATE idempotency SET n = ? WHERE \"key\" = 'a'",
        "UPDATE idempotency REMOVE m, n WHERE \"key\" = 'a'",
        "UPDATE idempotency WHERE \"key\" = 'a'",
        "UPDATE idempotency SET n = 1",
        "UPDATE unknown SET n = 1 WHERE \"key\" = 'a'",
        "INSERT INTO idempotency VALUE {'n': 1}",
        "INSERT INTO idempotency VALUE {'key': 'it''s'}",
        "INSERT INTO idempotency VALUE {'key': 'a'} RETURNING",
        "SELECT * FROM idempotency WHERE \"key\" = 'a'",
        "DELETE FROM idempotency",
        "'",
    ] {
        let mut store = Store::default();
        let answers = batch(&mut store, &[statement(form, &[]), insert("b", 1)]);
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["ValidationError", STORED]);
        assert_eq!(store.counts.write_units, 1, "{form}");
    }
    let mut store = Store::default();
    let more = statement("DELETE FROM idempotency WHERE \"key\" = 'a'", &[text("unused")]);
    assert_eq!(code(&batch(&mut store, &[more])[0]), "ValidationError");
}
