//! Tests of the billed units of DynamoDB, by example: writes, reads and transactions.

use serde_json::json;

use super::reads::PAGE;
use super::*;
use crate::proxy::billed::index::Index;
use crate::proxy::billed::items::TableKeys;

fn billed(operation: &str, request: &Value, answer: &Value, error: Option<&str>) -> f64 {
    let body = answer.to_string();
    let reply = BilledReply { error, body: body.as_bytes() };
    let quantities = quantities(operation, request, reply, &Items::default());
    quantities.first().map_or(0.0, |(_, amount)| *amount)
}

fn done(operation: &str, request: Value, answer: Value) -> f64 {
    billed(operation, &request, &answer, None)
}

#[test]
fn a_write_that_takes_effect_costs_as_much_again_in_an_index_of_all_attributes() {
    let index = |name: &str| {
        let partition_key = topology::Key { name: name.to_owned(), kind: topology::KeyType::S };
        let projection = topology::IndexProjection::All;
        let attributes = Vec::new();
        let declared = topology::Index { partition_key, sort_key: None, projection, attributes };
        Index::new(&declared, &["key".to_owned()])
    };
    let items = Items::new(TableKeys::from_table("t", "key", vec![index("key"), index("key")]));
    let billed = |operation, request: &Value, answer: &Value, error| {
        let body = answer.to_string();
        quantities(operation, request, BilledReply { error, body: body.as_bytes() }, &items)[0].1
    };
    let put = json!({"TableName": "t", "Item": {"key": text(1500)}});
    assert_eq!(billed("PutItem", &put, &json!({}), None), 6.0);
    let failed = Some("ConditionalCheckFailedException");
    assert_eq!(billed("PutItem", &put, &json!({}), failed), 2.0, "nothing is written");
    let elsewhere = json!({"TableName": "u", "Item": {"key": text(1500)}});
    assert_eq!(billed("PutItem", &elsewhere, &json!({}), None), 2.0);
    let check = json!({"ConditionCheck": {"TableName": "t", "Key": {"key": text(1)}}});
    let both = json!({"TransactItems": [{"Put": put}, check]});
    assert_eq!(billed("TransactWriteItems", &both, &json!({}), None), 4.0 + 4.0 + 2.0);
    let batch = json!({"RequestItems": {"t": [{"PutRequest": {"Item": {"key": text(1)}}}]}});
    assert_eq!(billed("BatchWriteItem", &batch, &json!({}), None), 3.0);
    let statement = json!({
        "Statement": "INSERT INTO \"t\" VALUE {'key': ?}", "Parameters": [text(1)],
    });
    assert_eq!(billed("ExecuteStatement", &statement, &json!({}), None), 3.0);
}

fn text(bytes: usize) -> Value {
    json!({"S": "x".repeat(bytes)})
}

#[test]
fn a_put_costs_a_unit_per_kilobyte_of_the_larger_item() {
    assert_eq!(done("PutItem", json!({"Item": {"k": text(1023)}}), json!({})), 1.0);
    assert_eq!(done("PutItem", json!({"Item": {"k": text(1024)}}), json!({})), 2.0);
    let replaced = json!({"Attributes": {"k": text(3000)}});
    assert_eq!(done("PutItem", json!({"Item": {"k": text(10)}}), replaced), 3.0);
}

#[test]
fn a_failed_condition_costs_as_much_and_a_refused_request_nothing() {
    let request = json!({"Item": {"k": text(1500)}});
    let failed = |code, answer: Value| billed("PutItem", &request, &answer, Some(code));
    assert_eq!(failed("ConditionalCheckFailedException", json!({})), 2.0);
    assert_eq!(failed("ConditionalCheckFailedException", json!({"Item": {"k": text(4000)}})), 4.0);
    assert_eq!(failed("ProvisionedThroughputExceededException", json!({})), 0.0);
    assert_eq!(failed("ValidationException", json!({})), 0.0);
}

#[test]
fn an_update_costs_its_key_and_what_it_assigns() {
    let request = |assigned: usize| {
        json!({
            "Key": {"stream": {"S": "order#1"}},
            "UpdateExpression": "SET #a = :a, #n = if_not_exists(#n, :zero) REMOVE #r",
            "ConditionExpression": "#v = :before",
            "ExpressionAttributeNames": {"#a": "a", "#n": "n", "#r": "r", "#v": "version"},
            "ExpressionAttributeValues": {":a": text(assigned), ":zero": {"N": "0"}, ":before": text(5000)},
        })
    };
    // Key 13, names 3, zero 1.
    assert_eq!(done("UpdateItem", request(1024 - 17), json!({})), 1.0);
    assert_eq!(done("UpdateItem", request(1025 - 17), json!({})), 2.0);
    assert_eq!(done("UpdateItem", request(1), json!({"Attributes": {"a": text(2048)}})), 3.0);
}

#[test]
fn an_update_costs_the_whole_item_once_tables_are_known_to_be_changed() {
    let items = Items::new(TableKeys::from_table("t", "key", Vec::new()));
    let answer = |operation: &str, request: Value, error: Option<&str>| {
        let quantities =
            quantities(operation, &request, BilledReply { error, body: b"{}" }, &items);
        quantities[0].1
    };
    let put =
        |key: &str, bytes| json!({"TableName": "t", "Item": {"key": {"S": key}, "d": text(bytes)}});
    let update = |key: &str| {
        json!({
            "TableName": "t", "Key": {"key": {"S": key}}, "UpdateExpression": "SET #s = :s",
            "ExpressionAttributeNames": {"#s": "status"}, "ExpressionAttributeValues": {":s": {"S": "done"}},
        })
    };
    assert_eq!(answer("UpdateItem", update("unseen"), None), 1.0);
    assert_eq!(answer("PutItem", put("a", 3000), None), 3.0);
    assert_eq!(answer("UpdateItem", update("a"), None), 3.0);
    assert_eq!(answer("UpdateItem", update("a"), Some("ConditionalCheckFailedException")), 3.0);
    assert_eq!(answer("UpdateItem", update("b"), None), 1.0);
    let transaction =
        json!({"TransactItems": [{"Update": update("a")}, {"ConditionCheck": update("a")}]});
    assert_eq!(answer("TransactWriteItems", transaction, None), 12.0);
    assert_eq!(answer("PutItem", put("c", 3000), Some("ConditionalCheckFailedException")), 3.0);
    assert_eq!(answer("UpdateItem", update("c"), None), 1.0, "it was not written");
    assert_eq!(answer("PutItem", put("a", 10), None), 3.0, "the larger one was replaced");
    assert_eq!(answer("UpdateItem", update("a"), None), 1.0);
    answer("PutItem", put("a", 3000), None);
    let delete = json!({"TableName": "t", "Key": {"key": {"S": "a"}}});
    assert_eq!(answer("DeleteItem", delete, None), 3.0);
    assert_eq!(answer("UpdateItem", update("a"), None), 1.0);
}

#[test]
fn a_transaction_costs_twice_the_units_of_each_action_also_when_it_is_cancelled() {
    let request = json!({"TransactItems": [
        {"Put": {"Item": {"k": text(1500)}}},
        {"Update": {"Key": {"k": text(1)}, "UpdateExpression": "ADD #n :one", "ExpressionAttributeNames": {"#n": "n"}, "ExpressionAttributeValues": {":one": {"N": "1"}}}},
        {"ConditionCheck": {"Key": {"k": text(1)}}},
    ]});
    assert_eq!(billed("TransactWriteItems", &request, &json!({}), None), 8.0);
    let reasons = json!({"CancellationReasons": [{"Code": "None"}, {"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"k": text(2000)}}]});
    assert_eq!(
        billed("TransactWriteItems", &request, &reasons, Some("TransactionCanceledException")),
        10.0
    );
}

#[test]
fn a_batch_write_costs_what_was_written() {
    let put = |bytes| json!({"PutRequest": {"Item": {"k": text(bytes)}}});
    let request = json!({"RequestItems": {"t": [put(10), put(1500), {"DeleteRequest": {"Key": {"k": text(1)}}}]}});
    assert_eq!(done("BatchWriteItem", request.clone(), json!({"UnprocessedItems": {}})), 4.0);
    assert_eq!(
        done("BatchWriteItem", request, json!({"UnprocessedItems": {"t": [put(1500)]}})),
        2.0
    );
}

#[test]
fn a_read_costs_a_unit_per_four_kilobytes_and_half_without_strong_consistency() {
    let item = |bytes| json!({"Item": {"k": text(bytes)}});
    assert_eq!(done("GetItem", json!({"ConsistentRead": true}), item(4095)), 1.0);
    assert_eq!(done("GetItem", json!({"ConsistentRead": true}), item(4096)), 2.0);
    assert_eq!(done("GetItem", json!({}), item(4096)), 1.0);
    assert_eq!(done("GetItem", json!({}), json!({})), 0.5);
    let pair = json!({"Responses": [{"Item": {"k": text(10)}}, {}]});
    assert_eq!(done("TransactGetItems", json!({}), pair), 4.0);
}

#[test]
fn a_batch_read_rounds_each_item_and_bills_missing_ones() {
    let keys = json!([{"k": text(1)}, {"k": text(2)}, {"k": text(3)}, {"k": text(4)}]);
    let request = json!({"RequestItems": {"t": {"ConsistentRead": true, "Keys": keys}}});
    let answer = json!({
        "Responses": {"t": [{"k": text(10)}, {"k": text(5000)}]},
        "UnprocessedKeys": {"t": {"Keys": [{"k": text(4)}]}},
    });
    assert_eq!(done("BatchGetItem", request, answer), 1.0 + 2.0 + 1.0);
}

#[test]
fn a_page_is_rounded_once_and_includes_what_its_filter_left_out() {
    let items = json!([{"k": text(2000)}, {"k": text(2000)}, {"k": text(2000)}]);
    let strong = json!({"ConsistentRead": true});
    assert_eq!(
        done("Query", strong.clone(), json!({"Items": items, "Count": 3, "ScannedCount": 3})),
        2.0
    );
    assert_eq!(
        done("Query", strong.clone(), json!({"Items": [], "Count": 0, "ScannedCount": 0})),
        1.0
    );
    assert_eq!(done("Query", json!({}), json!({"Items": []})), 0.5);
    assert_eq!(done("Scan", strong, json!({"Items": items, "Count": 3, "ScannedCount": 6})), 3.0);
}

#[test]
fn a_page_that_ends_without_a_limit_while_more_follows_has_looked_at_a_megabyte() {
    let page = |request: Value, more: Value| {
        done(
            "Scan",
            request,
            json!({"Items": [], "Count": 0, "ScannedCount": 500, "LastEvaluatedKey": more}),
        )
    };
    assert_eq!(page(json!({"ConsistentRead": true}), json!({"k": text(1)})), 256.0);
    assert_eq!(page(json!({}), json!({"k": text(1)})), 128.0);
    assert_eq!(page(json!({"ConsistentRead": true, "Limit": 500}), json!({"k": text(1)})), 1.0);
    assert_eq!(page(json!({"ConsistentRead": true}), json!(null)), 1.0);
    let large = json!({"Items": [{"k": text(PAGE)}, {"k": text(PAGE)}], "LastEvaluatedKey": {"k": text(1)}});
    assert_eq!(done("Query", json!({"ConsistentRead": true}), large), 513.0);
}

fn statement(text: &str, parameters: Value) -> Value {
    json!({"Statement": text, "Parameters": parameters})
}

#[test]
fn each_statement_of_a_batch_costs_what_the_single_write_costs() {
    let insert = |bytes| statement("INSERT INTO t VALUE {'k': ?}", json!([text(bytes)]));
    let update = statement("UPDATE t SET n = n + ? WHERE k = 'a'", json!([{"N": "1"}]));
    let request = json!({"Statements": [insert(1023), insert(1024), update, insert(3000)]});
    let stored = json!({"TableName": "t"});
    let failed = |code: &str| json!({"Error": {"Code": code, "Message": "m"}});
    let in_the_way =
        json!({"Error": {"Code": "ConditionalCheckFailed", "Item": {"k": text(2000)}}});
    for (answers, units) in [
        (json!([stored, stored, stored, stored]), 1.0 + 2.0 + 1.0 + 3.0),
        (json!([stored, failed("DuplicateItem"), in_the_way, stored]), 1.0 + 2.0 + 2.0 + 3.0),
        (
            json!([failed("ThrottlingError"), stored, failed("ConditionalCheckFailed"), stored]),
            2.0 + 1.0 + 3.0,
        ),
        (json!([failed("ValidationError"), failed("TransactionConflict"), stored]), 1.0),
        (json!([]), 0.0),
    ] {
        let answer = json!({"Responses": answers});
        assert_eq!(
            done("BatchExecuteStatement", request.clone(), answer.clone()),
            units,
            "{answer}"
        );
    }
    let refused = Some("ValidationException");
    assert_eq!(billed("BatchExecuteStatement", &request, &json!({}), refused), 0.0);
}

#[test]
fn a_statement_is_billed_by_the_size_of_the_item_that_another_one_wrote() {
    let items = Items::new(TableKeys::from_table("t", "key", Vec::new()));
    let batch = |statements: Value, answers: Value| {
        let (request, answer) = (json!({"Statements": statements}), json!({"Responses": answers}));
        let body = answer.to_string();
        let reply = BilledReply { error: None, body: body.as_bytes() };
        quantities("BatchExecuteStatement", &request, reply, &items)[0].1
    };
    let change = |key: &str| {
        statement("UPDATE t SET n = 1 WHERE \"key\" = ? AND n < 9", json!([{"S": key}]))
    };
    let insert = |key: &str, bytes| {
        statement("INSERT INTO t VALUE {'key': ?, 'd': ?}", json!([{"S": key}, text(bytes)]))
    };
    let (stored, failed) = (json!({}), json!({"Error": {"Code": "ConditionalCheckFailed"}}));
    assert_eq!(batch(json!([change("a")]), json!([failed])), 1.0);
    assert_eq!(batch(json!([insert("a", 3000), insert("b", 10)]), json!([stored, stored])), 4.0);
    assert_eq!(batch(json!([change("a"), change("b")]), json!([failed, stored])), 4.0);
    let delete = statement("DELETE FROM t WHERE \"key\" = 'a'", json!([]));
    assert_eq!(batch(json!([delete]), json!([stored])), 3.0);
    assert_eq!(batch(json!([change("a")]), json!([failed])), 1.0, "it is gone");
}

#[test]
fn a_single_statement_and_a_transaction_of_statements_cost_what_they_do() {
    let insert = statement("INSERT INTO t VALUE {'k': ?}", json!([text(1500)]));
    let single = |answer: Value, error| billed("ExecuteStatement", &insert, &answer, error);
    assert_eq!(single(json!({"Items": []}), None), 2.0);
    assert_eq!(single(json!({}), Some("DuplicateItemException")), 2.0);
    assert_eq!(
        single(json!({"Item": {"k": text(3000)}}), Some("ConditionalCheckFailedException")),
        3.0
    );
    assert_eq!(single(json!({"Items": [{"k": text(4000)}]}), None), 4.0, "RETURNING ALL OLD *");
    assert_eq!(single(json!({}), Some("ThrottlingException")), 0.0);
    let exists = statement("EXISTS(SELECT * FROM t WHERE k = ?)", json!([text(1)]));
    let request = json!({"TransactStatements": [insert, exists]});
    assert_eq!(done("ExecuteTransaction", request.clone(), json!({})), 6.0);
    let reasons = json!({"CancellationReasons": [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"k": text(2000)}}]});
    let cancelled = Some("TransactionCanceledException");
    assert_eq!(billed("ExecuteTransaction", &request, &reasons, cancelled), 8.0);
}

#[test]
fn statements_that_read_cost_read_units() {
    let select = |consistent: bool| json!({"Statement": "SELECT * FROM t WHERE k = 'a'", "ConsistentRead": consistent});
    let items = json!({"Items": [{"k": text(3000)}, {"k": text(3000)}]});
    assert_eq!(done("ExecuteStatement", select(true), items), 2.0);
    let batch = json!({"Statements": [select(true), select(false), select(false)]});
    let answers = json!({"Responses": [{"Item": {"k": text(5000)}}, {}, {"Error": {"Code": "ThrottlingError"}}]});
    let (request, answer) = (batch, answers.to_string());
    let reply = BilledReply { error: None, body: answer.as_bytes() };
    let found = quantities("BatchExecuteStatement", &request, reply, &Items::default());
    assert_eq!(found, [(READ_UNITS, 2.5)]);
    let transaction = json!({"TransactStatements": [select(true), select(true)]});
    let answers = json!({"Responses": [{"Item": {"k": text(10)}}, {}]});
    assert_eq!(done("ExecuteTransaction", transaction, answers), 4.0);
}

#[test]
fn calls_that_touch_no_item_cost_nothing() {
    let reply = BilledReply { error: None, body: b"{}" };
    assert!(quantities("DescribeTable", &json!({}), reply, &Items::default()).is_empty());
}
