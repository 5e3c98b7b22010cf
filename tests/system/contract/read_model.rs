use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tidegate::ids::{StreamId, Version};
use tidegate::projection::{
    Advance, ApplyError, DynamoDbReadModel, Guard, Increment, MemoryReadModel, Position, ReadModel,
    ReadModelTables, RowUpdate, Transaction,
};

use super::{Tables, unique};

fn at(version: u64, part: u32) -> Position {
    Position { version: Version::new(version), part }
}

fn advance(stream: &StreamId, from: Position, to: Position) -> Advance {
    let event_id = (to.part == 0).then(|| format!("e{}", to.version));
    Advance { stream: stream.clone(), from, to, event_id }
}

fn transaction(guards: Vec<(Advance, RowUpdate)>, counters: &[(&str, i64)]) -> Transaction {
    let counter = |(key, units): &(&str, i64)| Increment {
        key: (*key).to_owned(),
        add: BTreeMap::from([("units", *units)]),
    };
    Transaction { guards, counters: counters.iter().map(counter).collect() }
}

async fn contract(model: &dyn ReadModel) {
    a_guard_moves_only_from_where_it_is(model).await;
    parts_advance_one_by_one(model).await;
    a_transaction_takes_effect_whole_or_not_at_all(model).await;
    a_parked_aggregate_is_released_by_moving_on(model).await;
    many_guards_are_read_at_once(model).await;
}

async fn guard(model: &dyn ReadModel, stream: &StreamId) -> Option<Guard> {
    model.guards(std::slice::from_ref(stream)).await.unwrap().remove(stream)
}

async fn a_guard_moves_only_from_where_it_is(model: &dyn ReadModel) {
    let stream: StreamId = unique("order").parse().unwrap();
    assert_eq!(guard(model, &stream).await, None);
    let first = transaction(
        vec![(advance(&stream, at(0, 0), at(1, 0)), RowUpdate::default().set("status", "placed"))],
        &[],
    );
    assert_eq!(model.apply(&first).await, Ok(()));
    assert_eq!(model.apply(&first).await, Err(ApplyError::GuardMoved));
    let expected = Guard { position: at(1, 0), event_id: Some("e1".to_owned()), parked: None };
    assert_eq!(guard(model, &stream).await, Some(expected));
    let jump = transaction(vec![(advance(&stream, at(2, 0), at(3, 0)), RowUpdate::default())], &[]);
    assert_eq!(model.apply(&jump).await, Err(ApplyError::GuardMoved));
}

async fn parts_advance_one_by_one(model: &dyn ReadModel) {
    let stream: StreamId = unique("order").parse().unwrap();
    let part = |from, to| transaction(vec![(advance(&stream, from, to), RowUpdate::default())], &[]);
    assert_eq!(model.apply(&part(at(0, 1), at(0, 2))).await, Err(ApplyError::GuardMoved));
    assert_eq!(model.apply(&part(at(0, 0), at(0, 1))).await, Ok(()));
    assert_eq!(model.apply(&part(at(0, 0), at(0, 1))).await, Err(ApplyError::GuardMoved));
    assert_eq!(guard(model, &stream).await.unwrap().position, at(0, 1));
    assert_eq!(model.apply(&part(at(0, 1), at(1, 0))).await, Ok(()));
    assert_eq!(guard(model, &stream).await.unwrap().position, at(1, 0));
}

async fn a_transaction_takes_effect_whole_or_not_at_all(model: &dyn ReadModel) {
    let (one, other): (StreamId, StreamId) =
        (unique("order").parse().unwrap(), unique("order").parse().unwrap());
    let key = unique("product");
    let both = |from_other| {
        let guards = vec![
            (advance(&one, at(0, 0), at(1, 0)), RowUpdate::default()),
            (advance(&other, from_other, at(1, 0)), RowUpdate::default()),
        ];
        transaction(guards, &[(&key, 5)])
    };
    assert_eq!(model.apply(&both(at(0, 3))).await, Err(ApplyError::GuardMoved));
    assert_eq!(guard(model, &one).await, None, "the good half did not happen either");
    assert_eq!(model.apply(&both(at(0, 0))).await, Ok(()));
    assert_eq!(guard(model, &one).await.unwrap().position, at(1, 0));
}

async fn a_parked_aggregate_is_released_by_moving_on(model: &dyn ReadModel) {
    let stream: StreamId = unique("order").parse().unwrap();
    assert_eq!(model.park(&stream, Version::new(3), "why").await, Err(ApplyError::GuardMoved));
    assert_eq!(model.park(&stream, Version::new(1), "why").await, Ok(()));
    assert_eq!(guard(model, &stream).await.unwrap().parked, Some(Version::new(1)));
    let on = transaction(vec![(advance(&stream, at(0, 0), at(1, 0)), RowUpdate::default())], &[]);
    assert_eq!(model.apply(&on).await, Ok(()));
    assert_eq!(guard(model, &stream).await.unwrap().parked, None);
}

async fn many_guards_are_read_at_once(model: &dyn ReadModel) {
    let streams: Vec<StreamId> = (0..130).map(|_| unique("order").parse().unwrap()).collect();
    for streams in streams.chunks(50) {
        let guards = streams.iter().map(|stream| (advance(stream, at(0, 0), at(1, 0)), RowUpdate::default()));
        assert_eq!(model.apply(&transaction(guards.collect(), &[])).await, Ok(()));
    }
    assert_eq!(model.guards(&streams).await.unwrap().len(), 130);
}

#[tokio::test]
async fn the_read_model_in_memory_keeps_the_contract() {
    contract(&MemoryReadModel::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_read_model_in_dynamodb_keeps_the_contract() {
    let tables = Tables::create().await;
    let client = &tables.clients.dynamodb;
    let names = ReadModelTables { rows: "order-view".to_owned(), counters: "sales".to_owned(), slice: 3 };
    let model = DynamoDbReadModel::new(client.clone(), names);
    contract(&model).await;

    // What is written, attribute by attribute; reserved words among the names.
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
        let transaction = transaction(vec![(advance(&stream, from, to), row(status))], &[(&key, 5)]);
        assert_eq!(model.apply(&transaction).await, Ok(()));
    }
    let item =
        client.get_item().table_name("order-view").key("stream", AttributeValue::S(stream.to_string()));
    let item = item.send().await.unwrap().item.unwrap();
    assert_eq!(item["status"], AttributeValue::S("rejected".to_owned()));
    assert_eq!(item["total"], AttributeValue::N("7".to_owned()));
    assert_eq!(item["count"], AttributeValue::N("4".to_owned()));
    assert_eq!(item["reasons"], AttributeValue::L(vec![AttributeValue::S("a".to_owned())]));
    let counter = client.get_item().table_name("sales").key("key", AttributeValue::S(key));
    let counter = counter.key("slice", AttributeValue::N("3".to_owned())).send().await.unwrap().item.unwrap();
    assert_eq!(counter["units"], AttributeValue::N("10".to_owned()));
    tables.end().await;
}
