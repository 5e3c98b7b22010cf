//! Tests that the topology's keys and times to live are those of the code.

use std::collections::BTreeSet;

use events::view::{order_view, sales, stock};
use tidegate::{idempotency, projection, store};
use topology::{KeyType, StreamView, Table, Topology};

use super::declared;

type Keys = (String, KeyType, Option<(String, KeyType)>);

fn keys(table: &Table) -> Keys {
    let sort = table.sort_key.as_ref().map(|key| (key.name.clone(), key.kind));
    (table.partition_key.name.clone(), table.partition_key.kind, sort)
}

fn text(partition: &str) -> Keys {
    (partition.to_owned(), KeyType::S, None)
}

fn text_and_number(partition: &str, sort: &str) -> Keys {
    (partition.to_owned(), KeyType::S, Some((sort.to_owned(), KeyType::N)))
}

fn counters() -> Keys {
    text_and_number(projection::COUNTER_PARTITION_KEY, projection::COUNTER_SORT_KEY)
}

fn entries() -> Keys {
    let (partition, sort) = (projection::ENTRY_PARTITION_KEY, projection::ENTRY_SORT_KEY);
    (partition.to_owned(), KeyType::S, Some((sort.to_owned(), KeyType::S)))
}

/// The tables of a variable, over all functions.
fn behind<'a>(topology: &'a Topology, variable: &str) -> Vec<(&'a str, &'a Table)> {
    let uses = topology
        .functions
        .values()
        .filter_map(|function| function.uses.get(variable)?.table.as_deref());
    let names: BTreeSet<&str> = uses.collect();
    assert!(!names.is_empty(), "no function has a table in {variable}");
    names.into_iter().map(|name| (name, &topology.tables[name])).collect()
}

#[test]
fn the_keys_of_every_table_are_those_of_the_code_that_uses_it() {
    let topology = declared();
    let expected = [
        ("EVENT_STORE_TABLE", text_and_number(store::PARTITION_KEY, store::SORT_KEY)),
        ("IDEMPOTENCY_TABLE", text(idempotency::PARTITION_KEY)),
        ("ORDER_VIEW_TABLE", text(projection::ROW_KEY)),
        ("FULFILMENTS_TABLE", text(projection::ROW_KEY)),
        ("LEDGER_TABLE", text(projection::ROW_KEY)),
        ("SALES_TABLE", counters()),
        ("FULFILMENT_COUNTERS_TABLE", counters()),
        ("BALANCES_TABLE", counters()),
        ("JOURNAL_TABLE", entries()),
        ("STOCK_TABLE", text(stock::STOCK_CODE)),
    ];
    let mut checked = BTreeSet::new();
    // The topology's own check compares the keys of breakers.
    checked.extend(topology.breakers.values().map(|breaker| breaker.table.as_str()));
    for (variable, expected) in expected {
        for (name, table) in behind(&topology, variable) {
            assert_eq!(keys(table), expected, "keys of {name}, which {variable} names");
            checked.insert(name);
        }
    }
    let all: BTreeSet<&str> = topology.tables.keys().map(String::as_str).collect();
    assert_eq!(checked, all, "a table whose keys nothing checks");
    // Readers of the read models take these names from the contracts.
    assert_eq!(order_view::STREAM, projection::ROW_KEY);
    assert_eq!(
        (sales::KEY, sales::SLICE),
        (projection::COUNTER_PARTITION_KEY, projection::COUNTER_SORT_KEY)
    );
}

#[test]
fn the_stream_of_the_event_store_has_the_commits_in_it() {
    let topology = declared();
    for (name, table) in behind(&topology, "EVENT_STORE_TABLE") {
        let whole = [Some(StreamView::NewImage), Some(StreamView::NewAndOldImages)];
        assert!(
            whole.contains(&table.stream_view),
            "stream_view of {name} is {:?}",
            table.stream_view
        );
    }
}

#[test]
fn a_time_to_live_is_on_where_the_code_writes_one_and_nowhere_else() {
    let topology = declared();
    let records: BTreeSet<&str> =
        behind(&topology, "IDEMPOTENCY_TABLE").into_iter().map(|(name, _)| name).collect();
    for (name, table) in &topology.tables {
        let expected = records.contains(name.as_str()).then_some(idempotency::TTL_ATTRIBUTE);
        assert_eq!(table.ttl_attribute.as_deref(), expected, "time to live of {name}");
    }
}
