//! The contract of everything that reads tables, as one test suite.
//!
//! The double runs it here. DynamoDB runs it in the system tests, which include this file. So it
//! names the crate as a user of the crate does.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tidegate::failure::Class;
use tidegate::query::{
    Condition, Consistency, Filter, Get, Index, Query, Table, TableReader, one, page,
};
use uuid::Uuid;

/// Key of a table with a text and a number, and an index with two texts.
pub(crate) fn names(table: &str) -> (Table, Index) {
    let table = Table::new(table, "id").sorted_by("n");
    (table, Index::new("by-customer", "customer").sorted_by("day"))
}

#[derive(Debug, Deserialize, PartialEq)]
struct Reading {
    n: i64,
    text: Option<String>,
    #[serde(default)]
    day: String,
}

/// Runs the contract.
pub(crate) async fn contract(
    tables: &dyn TableReader,
    names: &(Table, Index),
    put: impl AsyncFn(Value),
) {
    an_item_is_found_by_its_whole_key(tables, names, &put).await;
    a_partition_is_read_in_order_page_by_page(tables, names, &put).await;
    conditions_choose_by_the_sort_key(tables, names, &put).await;
    a_filter_leaves_empty_pages_that_are_not_the_last(tables, names, &put).await;
    a_page_ends_at_a_megabyte(tables, names, &put).await;
    an_index_has_the_items_with_its_keys(tables, names, &put).await;
    a_whole_table_is_read_page_by_page(tables, names, &put).await;
    each_item_of_a_whole_table_is_in_one_segment(tables, names, &put).await;
    several_items_come_in_the_order_of_their_reads(tables, names, &put).await;
    an_item_of_another_type_costs_no_other(tables, names, &put).await;
    what_does_not_fit_is_refused(tables, names).await;
}

/// Returns a key that no other test uses, so that tests can share tables.
fn unique() -> String {
    Uuid::new_v4().to_string()
}

/// Reads all pages. Returns the numbers in order, and how many pages there were.
async fn all(tables: &dyn TableReader, query: &Query) -> (Vec<i64>, usize) {
    let (mut numbers, mut pages, mut from) = (Vec::new(), 0, None);
    loop {
        let page = page::<Reading>(tables, query, from.as_ref()).await.unwrap();
        assert_eq!(page.unreadable, []);
        numbers.extend(page.rows.iter().map(|row| row.n));
        pages += 1;
        if page.is_last() {
            return (numbers, pages);
        }
        from = page.next;
    }
}

async fn an_item_is_found_by_its_whole_key(
    tables: &dyn TableReader,
    (table, _): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let id = unique();
    put(json!({"id": id, "n": 7, "text": "a", "day": "d"})).await;
    for consistency in [Consistency::Strong, Consistency::Eventual] {
        let get = Get::new(table, id.as_str(), consistency);
        let found = one::<Reading>(tables, &get.clone().sorted_at(7_i64)).await.unwrap();
        assert_eq!(found, Some(Reading { n: 7, text: Some("a".to_owned()), day: "d".to_owned() }));
        let part = get.clone().sorted_at(7_i64).only(["n"]);
        let part = one::<Reading>(tables, &part).await.unwrap();
        assert_eq!(part, Some(Reading { n: 7, text: None, day: String::new() }));
        assert_eq!(one::<Reading>(tables, &get.sorted_at(8_i64)).await, Ok(None));
    }
}

async fn a_partition_is_read_in_order_page_by_page(
    tables: &dyn TableReader,
    (table, _): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let id = unique();
    let sorted = [-10, -2, 0, 1, 2, 10, 100];
    for n in [100, 2, -10, 1, 10, -2, 0] {
        put(json!({"id": id, "n": n})).await;
    }
    let query = Query::of_partition(table, id.as_str(), Consistency::Strong);
    for limit in [1, 2, 3, 7, 100] {
        let (numbers, pages) = all(tables, &query.clone().limit(limit)).await;
        assert_eq!(numbers, sorted, "limit {limit}");
        assert!(pages >= sorted.len().div_ceil(limit as usize), "{pages} pages of {limit}");
        let (mut numbers, _) = all(tables, &query.clone().limit(limit).descending()).await;
        numbers.reverse();
        assert_eq!(numbers, sorted, "descending, limit {limit}");
    }
    let nothing = Query::of_partition(table, unique(), Consistency::Strong);
    assert_eq!(all(tables, &nothing).await, (vec![], 1));
}

async fn conditions_choose_by_the_sort_key(
    tables: &dyn TableReader,
    (table, index): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let (id, customer) = (unique(), unique());
    for (n, day) in [(1, "2010-11-30"), (2, "2010-12-01"), (3, "2010-12-02"), (9, "2011-01-01")] {
        put(json!({"id": id, "n": n, "customer": customer, "day": day})).await;
    }
    for (condition, expected) in [
        (Condition::equals(2_i64), vec![2]),
        (Condition::Below(2_i64.into()), vec![1]),
        (Condition::at_most(2_i64), vec![1, 2]),
        (Condition::at_least(3_i64), vec![3, 9]),
        (Condition::Above(3_i64.into()), vec![9]),
        (Condition::between(2_i64, 3_i64), vec![2, 3]),
    ] {
        let query = Query::of_partition(table, id.as_str(), Consistency::Strong);
        let (numbers, _) = all(tables, &query.sorted(condition.clone()).limit(1)).await;
        assert_eq!(numbers, expected, "{condition:?}");
    }
    for (condition, expected) in [
        (Condition::begins_with("2010-12"), vec![2, 3]),
        (Condition::between("2010-12-02", "2011"), vec![3]),
    ] {
        let query = Query::of_index(table, index, customer.as_str()).sorted(condition.clone());
        assert_eq!(all(tables, &query.limit(1)).await.0, expected, "{condition:?}");
    }
}

async fn a_filter_leaves_empty_pages_that_are_not_the_last(
    tables: &dyn TableReader,
    (table, _): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let id = unique();
    for n in 0..6 {
        let text = if n == 4 { "kept" } else { "dropped" };
        put(json!({"id": id, "n": n, "text": text, "parked": n})).await;
    }
    put(json!({"id": id, "n": 6})).await;
    let query = Query::of_partition(table, id.as_str(), Consistency::Strong).limit(2);
    let kept = query.clone().filtered(Filter::equals("text", "kept"));
    let first = page::<Reading>(tables, &kept, None).await.unwrap();
    assert!(first.rows.is_empty() && !first.is_last(), "{first:?}");
    assert_eq!(all(tables, &kept).await.0, [4]);
    for (filters, expected) in [
        (vec![Filter::Absent("text".to_owned())], vec![6]),
        (vec![Filter::Exists("text".to_owned())], vec![0, 1, 2, 3, 4, 5]),
        (
            vec![
                Filter::equals("text", "dropped"),
                Filter::Attribute("parked".to_owned(), Condition::at_least(3_i64)),
            ],
            vec![3, 5],
        ),
        // A value of another type holds no condition.
        (vec![Filter::equals("text", 4_i64)], vec![]),
    ] {
        let query = filters.iter().cloned().fold(query.clone(), Query::filtered);
        assert_eq!(all(tables, &query).await.0, expected, "{filters:?}");
    }
}

async fn a_page_ends_at_a_megabyte(
    tables: &dyn TableReader,
    (table, _): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let id = unique();
    for n in 0..8 {
        put(json!({"id": id, "n": n, "text": "x".repeat(300_000)})).await;
    }
    let query = Query::of_partition(table, id.as_str(), Consistency::Strong);
    let (numbers, pages) = all(tables, &query).await;
    assert_eq!(numbers, (0..8).collect::<Vec<_>>());
    // DynamoDB Local ends a page behind the item with which it has a megabyte, others before it.
    assert!(pages >= 2, "{pages} pages of 2.4 MB");
}

async fn an_index_has_the_items_with_its_keys(
    tables: &dyn TableReader,
    (table, index): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let customer = unique();
    // Some items have equal keys in the index, and some lack one.
    for n in 0..9 {
        let day = format!("2010-12-0{}", n / 3);
        put(json!({"id": unique(), "n": n, "customer": customer, "day": day})).await;
    }
    put(json!({"id": unique(), "n": 10, "customer": customer})).await;
    put(json!({"id": unique(), "n": 11, "day": "2010-12-00"})).await;
    for limit in [1, 2, 4, 100] {
        for descending in [false, true] {
            let query = Query::of_index(table, index, customer.as_str()).limit(limit);
            let query = if descending { query.descending() } else { query };
            let (numbers, _) = all(tables, &query).await;
            let mut days: Vec<i64> = numbers.iter().map(|n| n / 3).collect();
            if descending {
                days.reverse();
            }
            assert_eq!(days, [0, 0, 0, 1, 1, 1, 2, 2, 2], "limit {limit}: {numbers:?}");
            let mut sorted = numbers;
            sorted.sort_unstable();
            assert_eq!(sorted, (0..9).collect::<Vec<_>>(), "each once, limit {limit}");
        }
    }
}

async fn a_whole_table_is_read_page_by_page(
    tables: &dyn TableReader,
    (table, _): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let mark = unique();
    for n in 0..5 {
        put(json!({"id": unique(), "n": n, "text": mark})).await;
    }
    let mine = Filter::equals("text", mark.as_str());
    let query = Query::of_whole_table(table, Consistency::Strong).filtered(mine);
    for limit in [3, 1_000] {
        let (mut numbers, _) = all(tables, &query.clone().limit(limit)).await;
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
    }
}

async fn each_item_of_a_whole_table_is_in_one_segment(
    tables: &dyn TableReader,
    (table, _): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let mark = unique();
    for n in 0..20 {
        put(json!({"id": unique(), "n": n, "text": mark})).await;
    }
    let mine = Filter::equals("text", mark.as_str());
    let query = Query::of_whole_table(table, Consistency::Strong).filtered(mine);
    let mut numbers = Vec::new();
    for segment in 0..3 {
        numbers.extend(all(tables, &query.clone().segment(segment, 3).limit(7)).await.0);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert_eq!(all(tables, &query.segment(0, 1)).await.0.len(), 20);
}

async fn several_items_come_in_the_order_of_their_reads(
    tables: &dyn TableReader,
    (table, _): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let id = unique();
    for n in 0..120 {
        put(json!({"id": id, "n": n, "text": "a"})).await;
    }
    let get = |n: i64| Get::new(table, id.as_str(), Consistency::Strong).sorted_at(n);
    let gets: Vec<Get> = (0..120).rev().chain([500]).map(get).collect();
    let items = tables.get_all(&gets).await.unwrap();
    let number = |item: Option<serde_dynamo::Item>| {
        item.map(|item| serde_dynamo::from_item::<_, Reading>(item).unwrap().n)
    };
    let numbers: Vec<Option<i64>> = items.into_iter().map(number).collect();
    let expected: Vec<Option<i64>> = (0..120).rev().map(Some).chain([None]).collect();
    assert_eq!(numbers, expected);
    assert_eq!(tables.get_all(&[]).await, Ok(Vec::new()));
    let without = Get::new(table, id.as_str(), Consistency::Strong);
    let failure = tables.get_all(&[without]).await.unwrap_err();
    assert_eq!(failure.code(), "invalid_query");
}

async fn an_item_of_another_type_costs_no_other(
    tables: &dyn TableReader,
    (table, _): &(Table, Index),
    put: &impl AsyncFn(Value),
) {
    let id = unique();
    for (n, text) in [(1, json!("a")), (2, json!(["b"])), (3, json!("c"))] {
        put(json!({"id": id, "n": n, "text": text})).await;
    }
    let query = Query::of_partition(table, id.as_str(), Consistency::Strong);
    let read = page::<Reading>(tables, &query, None).await.unwrap();
    assert_eq!(read.rows.iter().map(|row| row.n).collect::<Vec<_>>(), [1, 3]);
    let codes: Vec<_> =
        read.unreadable.iter().map(|failure| (failure.class(), failure.code())).collect();
    assert_eq!(codes, [(Class::Permanent, "unreadable_row")]);
    let failure =
        one::<Reading>(tables, &Get::new(table, id, Consistency::Strong).sorted_at(2_i64)).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.code(), "unreadable_row");
    assert!(failure.reason().contains(", n 2: "), "{failure}");
}

async fn what_does_not_fit_is_refused(tables: &dyn TableReader, (table, index): &(Table, Index)) {
    let strong = Consistency::Strong;
    let partition = || Query::of_partition(table, "x", strong);
    let unsorted = Index::new("by-customer", "customer");
    let queries = BTreeMap::from([
        ("no order", Query::of_whole_table(table, strong).descending()),
        ("no partition", Query::of_whole_table(table, strong).sorted(Condition::equals(1_i64))),
        ("no sort key", Query::of_index(table, &unsorted, "x").sorted(Condition::equals("a"))),
        ("segment of a partition", partition().segment(0, 2)),
        ("segment behind the last", Query::of_whole_table(table, strong).segment(2, 2)),
        ("filtered partition", partition().filtered(Filter::Exists("id".to_owned()))),
        ("filtered sort key", partition().filtered(Filter::equals("n", 1_i64))),
        (
            "filtered key of the index",
            Query::of_index(table, index, "x").filtered(Filter::equals("day", "d")),
        ),
    ]);
    for (what, query) in queries {
        let failure = tables.page(&query, None).await.unwrap_err();
        assert_eq!(
            (failure.class(), failure.code()),
            (Class::Permanent, "invalid_query"),
            "{what}"
        );
    }
    let alone = Table::new("order-view", "stream");
    for get in [Get::new(table, "x", strong), Get::new(&alone, "x", strong).sorted_at(1_i64)] {
        assert_eq!(tables.get(&get).await.unwrap_err().code(), "invalid_query", "{get:?}");
    }
}
