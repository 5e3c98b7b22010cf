//! The read model in DynamoDB keeps the contract that every read model keeps.

use aws_sdk_dynamodb::types::AttributeValue;
use tidegate::ids::StreamId;
use tidegate::projection::{DynamoDbReadModel, ReadModel, ReadModelTables, RowUpdate};

use self::suite::{advance, at, contract, transaction};
use super::{Tables, unique};

#[path = "../../../crates/tidegate/src/projection/tests/contract.rs"]
mod suite;

#[tokio::test(flavor = "multi_thread")]
async fn the_read_model_in_dynamodb_keeps_the_contract() {
    let tables = Tables::create().await;
    let client = &tables.clients.dynamodb;
    let names =
        ReadModelTables { rows: "order-view".to_owned(), counters: "sales".to_owned(), slice: 3 };
    let model = DynamoDbReadModel::new(client.clone(), names);
    let spoil = async |stream: &StreamId| {
        // A user's attribute with a name that the guard uses now.
        let update = client.update_item().table_name("order-view");
        let update = update.key("stream", AttributeValue::S(stream.to_string()));
        let update =
            update.update_expression("SET #cut = :cut").expression_attribute_names("#cut", "cut");
        let update =
            update.expression_attribute_values(":cut", AttributeValue::S("round".to_owned()));
        update.send().await.unwrap();
    };
    contract(&model, spoil).await;

    // The written attributes. Some names are reserved words.
    let stream: StreamId = unique("order").parse().unwrap();
    let key = unique("product");
    let row = |status: &str| {
        RowUpdate::default()
            .set_if_absent("status", status)
            .set("total", 7)
            .set("reasons", vec!["a".to_owned()])
            .add("count", 2)
    };
    for (from, to, status) in [(at(0, 0), at(1, 0), "rejected"), (at(1, 0), at(2, 0), "ignored")] {
        let transaction =
            transaction(vec![(advance(&stream, from, to), row(status))], &[(&key, 5)]);
        assert_eq!(model.apply(&transaction).await, Ok(()));
    }
    let item = client
        .get_item()
        .table_name("order-view")
        .key("stream", AttributeValue::S(stream.to_string()));
    let item = item.send().await.unwrap().item.unwrap();
    assert_eq!(item["status"], AttributeValue::S("rejected".to_owned()));
    assert_eq!(item["total"], AttributeValue::N("7".to_owned()));
    assert_eq!(item["count"], AttributeValue::N("4".to_owned()));
    assert_eq!(item["reasons"], AttributeValue::L(vec![AttributeValue::S("a".to_owned())]));
    let counter = client.get_item().table_name("sales").key("key", AttributeValue::S(key));
    let counter =
        counter.key("slice", AttributeValue::N("3".to_owned())).send().await.unwrap().item.unwrap();
    assert_eq!(counter["units"], AttributeValue::N("10".to_owned()));
    tables.end().await;
}
