//! The read model in DynamoDB keeps the contract that every read model keeps.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnValue;
use tidegate::failure::Class;
use tidegate::ids::StreamId;
use tidegate::projection::{
    Added, DynamoDbReadModel, EntryKey, ReadModel, ReadModelTables, RowUpdate, Transaction,
};
use tidegate::query::View;
use tidegate_local::provision::provision;

use self::suite::{Spoil, addition, advance, at, contract, transaction};
use super::{Tables, unique};

#[path = "../../../crates/tidegate/src/projection/tests/entries_contract.rs"]
mod entries_suite;
#[path = "../../../crates/tidegate/src/projection/tests/contract.rs"]
mod suite;

#[tokio::test(flavor = "multi_thread")]
async fn the_read_model_in_dynamodb_keeps_the_contract() {
    let tables = Tables::create().await;
    let client = &tables.clients.dynamodb;
    let names =
        ReadModelTables { rows: "order-view".to_owned(), counters: "sales".to_owned(), slice: 3 };
    let model = DynamoDbReadModel::new(client.clone(), names);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let set = async |table: &str, key: &[(&str, AttributeValue)], name: &str, value| {
        let mut update = client.update_item().table_name(table);
        for (name, value) in key {
            update = update.key(*name, value.clone());
        }
        let update = update.update_expression("SET #name = :value");
        let update = update.expression_attribute_names("#name", name);
        let update = update.expression_attribute_values(":value", value);
        update.return_values(ReturnValue::UpdatedOld).send().await.unwrap().attributes
    };
    let counter = |key: &str| [("key", text(key)), ("slice", AttributeValue::N("3".to_owned()))];
    let spoil = async |what: Spoil<'_>| {
        match what {
            // A user's attribute with a name that the guard uses now.
            Spoil::Row(stream) => {
                let key = [("stream", text(stream.as_str()))];
                set("order-view", &key, "cut", text("round")).await;
            }
            Spoil::Counter(key) => {
                set("sales", &counter(key), "units", text("many")).await;
            }
            Spoil::Mend(key) => {
                set("sales", &counter(key), "units", AttributeValue::N("1".to_owned())).await;
            }
        }
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
            .set("gift", true)
            .set("address", BTreeMap::from([("city".to_owned(), "Kiel")]))
            .remove("due_at")
            .add("count", 2)
    };
    let due = RowUpdate::default().set("due_at", 1);
    let placed = transaction(vec![(advance(&stream, at(0, 0), at(1, 0)), due)]);
    assert_eq!(model.apply(&placed).await, Ok(()));
    for (from, to, status) in [(at(1, 0), at(2, 0), "rejected"), (at(2, 0), at(3, 0), "ignored")] {
        let transaction = transaction(vec![(advance(&stream, from, to), row(status))]);
        assert_eq!(model.apply(&transaction).await, Ok(()));
        let number = to.version.number() - 1;
        assert_eq!(model.add(3, &[addition(&key, 5, number, number)]).await, [Added::Done]);
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
    assert_eq!(item["gift"], AttributeValue::Bool(true));
    let city = ("city".to_owned(), text("Kiel"));
    assert_eq!(item["address"], AttributeValue::M([city].into()));
    assert!(!item.contains_key("due_at"));
    let counter = client.get_item().table_name("sales").key("key", AttributeValue::S(key));
    let counter =
        counter.key("slice", AttributeValue::N("3".to_owned())).send().await.unwrap().item.unwrap();
    assert_eq!(counter["units"], AttributeValue::N("10".to_owned()));
    assert_eq!(counter["counted"], AttributeValue::N("2".to_owned()));

    // Many counters at once, first each by itself and then in statements. Some are behind, some
    // have the number already, one does not exist any more and one lacks an attribute.
    let keys: Vec<String> = (0..60).map(|_| unique("product")).collect();
    let all = |number: u64| -> Vec<_> {
        keys.iter().map(|key| addition(key, 1, number, number)).collect()
    };
    assert!(model.add(3, &all(1)).await.iter().all(|added| *added == Added::Done));
    let ahead: Vec<_> = keys[..20].iter().map(|key| addition(key, 1, 2, 2)).collect();
    assert!(model.add(3, &ahead).await.iter().all(|added| *added == Added::Done));
    let gone = client.delete_item().table_name("sales").key("key", text(&keys[59]));
    gone.key("slice", AttributeValue::N("3".to_owned())).send().await.unwrap();
    let lacks = client.update_item().table_name("sales").key("key", text(&keys[58]));
    let lacks = lacks.key("slice", AttributeValue::N("3".to_owned()));
    lacks.update_expression("REMOVE units").send().await.unwrap();
    let added = model.add(3, &all(2)).await;
    assert!(added[..20].iter().all(|added| *added == Added::Counted(2)), "{added:?}");
    assert!(added[20..].iter().all(|added| *added == Added::Done), "{added:?}");
    tables.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_in_dynamodb_keep_the_contract() {
    let tables = Tables::create().await;
    let name = unique("entries").replace('#', "-");
    let declared = format!(
        r#"tables = {{
          {name} = {{
            partition_key = {{ name = "list", type = "S" }}
            sort_key      = {{ name = "entry", type = "S" }}
          }}
          {name}-rows = {{ partition_key = {{ name = "stream", type = "S" }} }}
          {name}-sums = {{
            partition_key = {{ name = "key", type = "S" }}
            sort_key      = {{ name = "slice", type = "N" }}
          }}
        }}"#
    );
    let topology = topology::parse(&declared).unwrap_or_else(|error| panic!("{error:?}"));
    provision(&tables.clients, &topology).await.unwrap_or_else(|error| panic!("{error}"));
    let client = &tables.clients.dynamodb;
    // Tables of its own, because the other suite may run at the same time.
    let (rows, counters) = (format!("{name}-rows"), format!("{name}-sums"));
    let view = View::from_dynamodb(client.clone(), rows.as_str(), counters.as_str());
    let view = view.with_entries(name.as_str());
    let without =
        DynamoDbReadModel::new(client.clone(), ReadModelTables { rows, counters, slice: 3 });
    let model = without.clone().with_entries(name.as_str());
    entries_suite::contract(&model, &view).await;

    // Without a table nothing is written, and nothing is parked for it.
    let stream: StreamId = unique("order").parse().unwrap();
    let moved = transaction(vec![(advance(&stream, at(0, 0), at(1, 0)), RowUpdate::default())]);
    let write = EntryKey::of_lookup(unique("email")).write(RowUpdate::default());
    let entries = vec![(stream.clone(), write)];
    let failure = without.apply(&Transaction { entries, ..moved }).await.unwrap_err();
    let failure = failure.failure().unwrap();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "no_entries_table"));
    let streams = [stream];
    assert!(without.guards(&streams).await.unwrap().is_empty());
    tables.end().await;
}
