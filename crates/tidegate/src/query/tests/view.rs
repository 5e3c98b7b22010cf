//! The contract of a view of a read model, as one test suite.
//!
//! The double runs it here. DynamoDB runs it in the system tests, which include this file. So it
//! names the crate as a user of the crate does.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tidegate::failure::Failure;
use tidegate::ids::{StreamId, Version};
use tidegate::projection::{
    Addition, Advance, Amounts, Delta, Position, ReadModel, RowUpdate, Transaction,
};
use tidegate::query::{Consistency, Index, Query, Reached, Row, Table, View};
use tokio::time::Instant;
use uuid::Uuid;

const STRONG: Consistency = Consistency::Strong;

/// A view, and the read model behind it as an environment has it that counts in a slice.
pub(crate) struct Place<'a> {
    pub(crate) view: View,
    pub(crate) model: &'a dyn Fn(u32) -> Arc<dyn ReadModel>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Order {
    status: Option<String>,
    total: Option<i64>,
}

/// Runs the contract. The rows have the index `by-customer`, by the attributes `customer` and `at`.
pub(crate) async fn contract(place: &Place<'_>) {
    a_row_has_its_version_and_its_data(place).await;
    a_row_of_a_parked_aggregate_is_marked(place).await;
    a_page_has_the_readable_rows_and_names_the_others(place).await;
    a_counter_is_the_sum_over_its_slices_with_what_is_not_counted_yet(place).await;
    amounts_that_are_set_aside_are_in_no_sum(place).await;
    what_was_waited_for_is_there(place).await;
}

/// Returns a key that no other test uses, so that tests can share tables.
fn unique(kind: &str) -> String {
    format!("{kind}#{}", Uuid::new_v4())
}

fn new_stream() -> StreamId {
    unique("order").parse().unwrap()
}

fn by_customer() -> Index {
    Index::new("by-customer", "customer").sorted_by("at")
}

/// Moves an aggregate to a version, with a row and amounts of counters.
async fn apply(
    model: &dyn ReadModel,
    stream: &StreamId,
    version: u64,
    row: RowUpdate,
    counters: &[(&str, i64)],
) {
    let at = |version| Position::after(Version::new(version));
    let advance = Advance {
        stream: stream.clone(),
        from: at(version - 1),
        parked: None,
        to: at(version),
        event_id: Some(format!("e{version}")),
    };
    let head = model.head(model.slice()).await.unwrap();
    let counters: std::collections::BTreeMap<String, Amounts> = counters
        .iter()
        .map(|(key, units)| ((*key).to_owned(), [("units".into(), *units)].into()))
        .collect();
    let delta = Delta { slice: model.slice(), number: head.last + 1, counters };
    let delta = (!delta.counters.is_empty()).then_some(delta);
    let transaction = Transaction {
        guards: vec![(advance, row)],
        delta,
        applied: head.applied,
        ..Transaction::default()
    };
    assert_eq!(model.apply(&transaction).await, Ok(()));
}

fn placed(customer: &str, total: i64) -> RowUpdate {
    let row = RowUpdate::default().set("status", "placed").set("total", total);
    row.set("customer", customer).set("at", format!("2010-12-{total:02}"))
}

async fn a_row_has_its_version_and_its_data(Place { view, model }: &Place<'_>) {
    let stream = new_stream();
    assert_eq!(view.row::<Order>(&stream, STRONG).await, Ok(None));
    apply(&*model(0), &stream, 1, placed("7", 5), &[]).await;
    for consistency in [STRONG, Consistency::Eventual] {
        let row = view.row::<Order>(&stream, consistency).await.unwrap().unwrap();
        assert_eq!((&row.stream, row.version, row.parked), (&stream, Some(Version::new(1)), None));
        assert_eq!(row.data, Order { status: Some("placed".to_owned()), total: Some(5) });
    }
    let part = view.row_only::<Order>(&stream, &["total"], STRONG).await.unwrap().unwrap();
    assert_eq!(part.data, Order { status: None, total: Some(5) });
    assert_eq!(part.version, Some(Version::new(1)), "its marks are read all the same");
}

async fn a_row_of_a_parked_aggregate_is_marked(Place { view, model }: &Place<'_>) {
    let (begun, unseen, customer) = (new_stream(), new_stream(), unique("customer"));
    apply(&*model(0), &begun, 1, placed(&customer, 5), &[]).await;
    let why = Failure::permanent("bad", "it is");
    for (stream, at) in [(&begun, 2), (&unseen, 1)] {
        model(0).park(stream, Version::new(at), &why).await.unwrap();
    }
    let parked = |row: &Row<Order>| {
        let parked = row.parked.clone().unwrap();
        (parked.at.number(), parked.code.unwrap(), parked.reason.unwrap())
    };
    let row = view.row::<Order>(&begun, STRONG).await.unwrap().unwrap();
    assert_eq!(parked(&row), (2, "bad".to_owned(), "it is".to_owned()));
    assert_eq!((row.version, row.data.total), (Some(Version::new(1)), Some(5)));
    let only = view.row_only::<Order>(&unseen, &["total"], STRONG).await.unwrap().unwrap();
    assert_eq!((parked(&only).0, only.version, only.data.total), (1, None, None));
    // A page marks it too.
    let query = view.index(&by_customer(), customer).only(["total"]);
    let page = view.page::<Order>(&query, None).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row.parked.is_some()).collect::<Vec<_>>(), [true]);

    #[derive(Debug, Deserialize)]
    struct Strict {
        #[serde(rename = "status")]
        _status: String,
    }
    let failure = view.row::<Strict>(&unseen, STRONG).await.unwrap_err();
    assert_eq!(failure.code(), "unreadable_row");
    let said = format!("{unseen} (parked at version 1");
    assert!(failure.reason().contains(&said), "{failure}");
    // What is left on the list must not disturb other tests that share the tables.
    let guards = model(0).guards(&[begun.clone(), unseen.clone()]).await.unwrap();
    for (stream, guard) in guards {
        let guard = guard.unwrap();
        model(0).unpark(&stream, &guard).await.unwrap();
        let guard = model(0).guards(std::slice::from_ref(&stream)).await.unwrap().remove(&stream);
        model(0).unlist(&stream, &guard.unwrap().unwrap()).await.unwrap();
    }
}

async fn a_page_has_the_readable_rows_and_names_the_others(Place { view, model }: &Place<'_>) {
    let (customer, streams) = (unique("customer"), [new_stream(), new_stream(), new_stream()]);
    for (number, stream) in (1..).zip(&streams) {
        let row = placed(&customer, number);
        let row = if number == 2 { row.set("total", "many") } else { row };
        apply(&*model(0), stream, 1, row, &[]).await;
    }
    let query = view.index(&by_customer(), customer.as_str());
    for query in [query.clone(), query.limit(1), view.every_row(STRONG)] {
        let (mut read, mut unreadable, mut from) = (Vec::new(), Vec::new(), None);
        loop {
            let page = view.page::<Order>(&query, from.as_ref()).await.unwrap();
            read.extend(page.rows.into_iter().map(|row| row.stream));
            unreadable.extend(page.unreadable);
            from = match page.next {
                Some(next) => Some(next),
                None => break,
            };
        }
        read.retain(|stream| streams.contains(stream));
        read.sort_by_key(|read| streams.iter().position(|stream| stream == read));
        assert_eq!(read, [streams[0].clone(), streams[2].clone()]);
        let named = |failure: &&Failure| failure.reason().contains(streams[1].as_str());
        assert_eq!(unreadable.iter().filter(named).count(), 1, "{unreadable:?}");
    }
    let other = Query::of_whole_table(&Table::new("other", "stream"), STRONG);
    let failure = view.page::<Order>(&other, None).await.unwrap_err();
    assert_eq!(failure.code(), "invalid_query");
}

async fn a_counter_is_the_sum_over_its_slices_with_what_is_not_counted_yet(
    Place { view, model }: &Place<'_>,
) {
    let (one, other) = (unique("product"), unique("product"));
    let mut numbers = Vec::new();
    for slice in [0, 3] {
        let counted = [(one.as_str(), 5), (other.as_str(), 1)];
        apply(&*model(slice), &new_stream(), 1, placed("7", 1), &counted).await;
        numbers.push(model(slice).head(slice).await.unwrap().last);
    }
    // Slice 0 counts the first counter and not the second; slice 3 counts nothing.
    let add: Amounts = [("units".into(), 5)].into();
    let (key, number) = (one.clone(), numbers[0]);
    model(0).add(0, &[Addition { key, add, first: number, number }]).await;
    let units = async |key: &str, consistency| {
        view.counter(key, consistency).await.unwrap().amount("units")
    };
    assert_eq!((units(&one, STRONG).await, units(&other, STRONG).await), (10, 2));
    let eventual = Consistency::Eventual;
    assert_eq!((units(&one, eventual).await, units(&other, eventual).await), (5, 0));
    assert_eq!(units(&unique("product"), STRONG).await, 0);
    let all = view.every_counter(STRONG).await.unwrap().counters;
    assert_eq!((all[&one].amount("units"), all[&other].amount("units")), (10, 2));
    assert!(all.keys().all(|key| !key.starts_with('#')), "{:?}", all.keys());
}

async fn amounts_that_are_set_aside_are_in_no_sum(Place { view, model }: &Place<'_>) {
    let (key, slice) = (unique("product"), 9);
    let add: Amounts = [("units".into(), 5)].into();
    let addition = |number| Addition { key: key.clone(), add: add.clone(), first: number, number };
    model(slice).add(slice, &[addition(1)]).await;
    let why = Failure::permanent("bad", "it is text");
    model(slice).set_aside(slice, &addition(2), &why).await;
    let counter = view.counter(&key, STRONG).await.unwrap();
    assert_eq!((counter.amount("units"), counter.aside["units"]), (5, 5));
    let all = view.every_counter(STRONG).await.unwrap();
    assert!(all.aside.contains(&(key.clone(), "it is text".to_owned())), "{:?}", all.aside);
    for aside in model(slice).aside().await.unwrap().iter().filter(|aside| aside.key == key) {
        assert_eq!(model(slice).restore(aside).await, Ok(()));
    }
    let counter = view.counter(&key, STRONG).await.unwrap();
    assert_eq!((counter.amount("units"), counter.aside.is_empty()), (10, true));
}

async fn what_was_waited_for_is_there(Place { view, model }: &Place<'_>) {
    let (stream, key) = (new_stream(), unique("product"));
    let late = Instant::now() + Duration::from_secs(600);
    let (model, counted) = (model(5), [(key.as_str(), 1)]);
    let (reached, ()) = tokio::join!(
        view.wait_for(&stream, Version::new(1), late),
        apply(&*model, &stream, 1, placed("7", 1), &counted),
    );
    assert_eq!(reached, Ok(Reached::Ready { at: Version::new(1) }));
    let row = view.row::<Order>(&stream, STRONG).await.unwrap().unwrap();
    assert_eq!(row.data.total, Some(1));
    assert_eq!(view.counter(&key, STRONG).await.unwrap().amount("units"), 1, "nothing counts it");
}
