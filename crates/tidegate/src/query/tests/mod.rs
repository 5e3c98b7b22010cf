//! Tests of views and of reads of tables.

mod consistency;
mod contract;
mod view;
mod views;
mod wait;

use std::sync::Arc;

use super::memory::MemoryTables;
use super::view::View;
use super::{Consistency, Query};
use crate::projection::ReadModel;
use crate::projection::memory::MemoryReadModel;
use crate::test::{Call, Fault, Faults, Faulty};

#[tokio::test]
async fn tables_in_memory_keep_the_contract() {
    let tables = MemoryTables::default();
    let names = contract::names("readings");
    let put = async |item: serde_json::Value| tables.put(&names.0, item).unwrap();
    contract::contract(&tables, &names, put).await;
}

#[tokio::test]
async fn a_view_of_the_read_model_in_memory_keeps_the_contract() {
    let model = MemoryReadModel::default();
    let view = View::from_memory(&model);
    let model = |slice| Arc::new(model.in_slice(slice)) as Arc<dyn ReadModel>;
    view::contract(&view::Place { view, model: &model }).await;
}

#[tokio::test]
async fn a_page_that_was_throttled_is_read_again_from_where_it_began() {
    let (tables, (table, _)) = (MemoryTables::default(), contract::names("readings"));
    for n in 0..4 {
        tables.put(&table, serde_json::json!({"id": "a", "n": n})).unwrap();
    }
    let faults = Faults::none().at(Call::ReadPage, 2, Fault::Throttled);
    let tables = Faulty::new(Arc::new(tables), faults.clone());
    let query = Query::of_partition(&table, "a", Consistency::Strong).limit(2);
    let read = async |from| super::page::<serde_json::Value>(&tables, &query, from).await;
    let first = read(None).await.unwrap();
    let from = first.next.as_ref();
    assert_eq!(read(from).await.unwrap_err().code(), "throttled");
    let second = read(from).await.unwrap();
    let numbers = first.rows.iter().chain(&second.rows).map(|row| row["n"].as_i64().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(faults.calls(Call::ReadPage), 3);
}
