//! The contract of every store of commits with rows, as one test suite.
//!
//! The double runs it here. DynamoDB runs it in the system tests, which include this file. So it
//! names the crate as a user of the crate does.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::Timestamp;
use tidegate::envelope::DataSchema;
use tidegate::failure::Class;
use tidegate::ids::{Cause, StreamId, Version};
use tidegate::projection::RowUpdate;
use tidegate::store::{
    Commit, RecordedCommit, RecordedEvent, Retry, RowChange, RowOutcome, RowStore,
};
use uuid::Uuid;

/// Runs the contract. `key` is the name of the rows' key.
pub(crate) async fn contract(store: &dyn RowStore, key: &'static str) {
    a_commit_and_its_rows_are_stored_together(store, key).await;
    if_one_condition_fails_nothing_is_stored(store).await;
    what_is_in_the_way_decides_the_outcome(store).await;
    a_condition_compares_a_number_that_is_there(store).await;
    a_transaction_holds_ninety_nine_rows(store).await;
    a_commit_of_several_items_takes_its_room(store).await;
    what_no_table_can_hold_is_refused(store, key).await;
    many_rows_are_read_at_once(store).await;
    additions_of_many_writers_are_all_counted(store).await;
}

fn unique(kind: &str) -> String {
    format!("{kind}#{}", Uuid::new_v4())
}

fn stream() -> StreamId {
    unique("order").parse().unwrap()
}

fn commit(stream: &StreamId, version: u64, cause: &str, data: &str) -> Commit {
    let now = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
    let schema = DataSchema::new("Counted", 1);
    let event = RecordedEvent::new(format!("{cause}-1"), Version::new(version), schema, now, data);
    let cause = Cause::new("test", cause);
    let record = RecordedCommit::new(stream.clone(), "test", cause, now, vec![event]);
    Commit::new(record, Uuid::new_v4().to_string())
}

fn add(key: &str, units: i64) -> RowChange {
    RowChange::new(key, RowUpdate::default().add("units", units))
}

async fn stores(store: &dyn RowStore, changes: &[RowChange]) -> RowOutcome {
    store.commit_with_rows(&commit(&stream(), 1, "c", "1"), changes).await.unwrap()
}

/// Returns the units of rows; `None` for a row that does not exist.
async fn units(store: &dyn RowStore, keys: &[String]) -> Vec<Option<i64>> {
    #[derive(serde::Deserialize)]
    struct Row {
        units: i64,
    }
    let items = store.rows(keys).await.unwrap();
    let row = |item| serde_dynamo::from_item::<_, Row>(item).unwrap().units;
    items.into_iter().map(|item| item.map(row)).collect()
}

async fn a_commit_and_its_rows_are_stored_together(store: &dyn RowStore, key: &'static str) {
    let (stream, rows) = (stream(), [unique("a"), unique("b")]);
    let commit = commit(&stream, 1, "c", "{\"n\":1}");
    let update = RowUpdate::default().set("units", 5).set("name", "größe").set_if_absent("more", 2);
    let changes = [RowChange::new(&rows[0], update).if_absent(), add(&rows[1], 7)];
    assert_eq!(store.rows(&rows).await, Ok(vec![None, None]));
    assert_eq!(store.commit_with_rows(&commit, &changes).await, Ok(RowOutcome::Stored));
    assert_eq!(store.read(&stream, Version::NONE).await, Ok(vec![commit.record]));
    let items = store.rows(&rows).await.unwrap();
    let item: BTreeMap<String, serde_dynamo::AttributeValue> =
        items[0].clone().unwrap().into_inner().into_iter().collect();
    let number = |number: &str| serde_dynamo::AttributeValue::N(number.to_owned());
    let text = |text: &str| serde_dynamo::AttributeValue::S(text.to_owned());
    let expected = [
        (key.to_owned(), text(&rows[0])),
        ("more".to_owned(), number("2")),
        ("name".to_owned(), text("größe")),
        ("units".to_owned(), number("5")),
    ];
    assert_eq!(item, BTreeMap::from(expected));
    assert_eq!(units(store, &rows).await, [Some(5), Some(7)]);
    // No rows at all are changed too.
    assert_eq!(stores(store, &[]).await, RowOutcome::Stored);
}

async fn if_one_condition_fails_nothing_is_stored(store: &dyn RowStore) {
    let (stream, rows) = (stream(), [unique("a"), unique("b"), unique("c")]);
    assert_eq!(stores(store, &[add(&rows[1], 3)]).await, RowOutcome::Stored);
    let commit = commit(&stream, 1, "c", "1");
    let changes = [add(&rows[0], 1), add(&rows[1], -4).if_at_least("units", 4), add(&rows[2], 1)];
    assert_eq!(store.commit_with_rows(&commit, &changes).await, Ok(RowOutcome::Moved));
    assert_eq!(store.read(&stream, Version::NONE).await, Ok(Vec::new()));
    assert_eq!(units(store, &rows).await, [None, Some(3), None]);
}

async fn what_is_in_the_way_decides_the_outcome(store: &dyn RowStore) {
    let (stream, rows) = (stream(), [unique("a")]);
    let first = commit(&stream, 1, "c", "1");
    let changes = [add(&rows[0], 1).if_absent()];
    assert_eq!(store.commit_with_rows(&first, &changes).await, Ok(RowOutcome::Stored));
    // Its own write is no conflict, and does not change the row again. The row's condition does not
    // hold any more, because the write changed it.
    assert_eq!(store.commit_with_rows(&first, &changes).await, Ok(RowOutcome::Stored));
    let twin = Commit { attempt: "another".to_owned(), ..first.clone() };
    assert_eq!(store.commit_with_rows(&twin, &changes).await, Ok(RowOutcome::Duplicate));
    let rival = commit(&stream, 1, "d", "2");
    for changes in [&changes, &[add(&rows[0], 1)]] {
        assert_eq!(store.commit_with_rows(&rival, changes).await, Ok(RowOutcome::Conflict));
    }
    assert_eq!(units(store, &rows).await, [Some(1)]);
    assert_eq!(store.read(&stream, Version::NONE).await, Ok(vec![first.record]));
}

async fn a_condition_compares_a_number_that_is_there(store: &dyn RowStore) {
    let (row, none) = (unique("a"), unique("none"));
    let update = RowUpdate::default().set("units", 5).set("text", "5");
    assert_eq!(stores(store, &[RowChange::new(&row, update)]).await, RowOutcome::Stored);
    let touch = |key: &str| RowChange::new(key, RowUpdate::default().set("touched", true));
    let cases = [
        (touch(&row).if_at_least("units", 5), true),
        (touch(&row).if_at_least("units", 6), false),
        (touch(&row).if_at_least("units", -6), true),
        (touch(&row).if_at_most("units", 5), true),
        (touch(&row).if_at_most("units", 4), false),
        (touch(&row).if_at_least("units", 5).if_at_most("units", 5), true),
        (touch(&row).if_at_least("units", 5).if_at_most("units", 4), false),
        (touch(&row).if_at_least("missing", 0), false),
        (touch(&row).if_at_most("missing", 0), false),
        (touch(&row).if_at_least("text", 0), false),
        (touch(&row).if_at_most("text", 9), false),
        (touch(&row).if_absent(), false),
        (touch(&none).if_at_least("units", 0), false),
        (touch(&none).if_at_most("units", 0), false),
        (touch(&none).if_absent(), true),
    ];
    for (change, holds) in cases {
        let expected = if holds { RowOutcome::Stored } else { RowOutcome::Moved };
        assert_eq!(stores(store, std::slice::from_ref(&change)).await, expected, "{change:?}");
    }
}

async fn a_transaction_holds_ninety_nine_rows(store: &dyn RowStore) {
    let rows: Vec<String> = (0..100).map(|_| unique("row")).collect();
    let changes: Vec<_> = rows.iter().map(|row| add(row, 1)).collect();
    assert_eq!(stores(store, &changes[..99]).await, RowOutcome::Stored);
    assert_eq!(units(store, &rows[..99]).await, vec![Some(1); 99]);
    refused(store, &changes, "100 rows").await;
}

async fn a_commit_of_several_items_takes_its_room(store: &dyn RowStore) {
    let large = |stream: &StreamId| commit(stream, 1, "c", &format!("\"{}\"", "x".repeat(900_000)));
    let (stream_one, rows) = (stream(), (0..97).map(|_| unique("row")).collect::<Vec<_>>());
    let changes: Vec<_> = rows.iter().map(|row| add(row, 1)).collect();
    // A head and three chunks.
    let (commit, few) = (large(&stream_one), &changes[..96]);
    assert_eq!(store.commit_with_rows(&commit, few).await, Ok(RowOutcome::Stored));
    assert_eq!(store.commit_with_rows(&commit, few).await, Ok(RowOutcome::Stored));
    assert_eq!(units(store, &rows[..96]).await, vec![Some(1); 96]);
    let read = store.read(&stream_one, Version::NONE).await.unwrap();
    assert!(read == [commit.record]);
    let failure = store.commit_with_rows(&large(&stream()), &changes).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "invalid_rows"));
    assert!(failure.reason().contains("a commit of 4 items changes 97 rows"), "{failure}");
}

async fn refused(store: &dyn RowStore, changes: &[RowChange], reason: &str) {
    let stream = stream();
    let written = store.commit_with_rows(&commit(&stream, 1, "c", "1"), changes).await;
    let failure = written.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "invalid_rows"));
    assert!(failure.reason().contains(reason), "{failure}");
    assert_eq!(store.read(&stream, Version::NONE).await, Ok(Vec::new()));
}

async fn what_no_table_can_hold_is_refused(store: &dyn RowStore, key: &'static str) {
    let row = unique("a");
    refused(store, &[add("", 1)], "the key of a row has 0 bytes").await;
    refused(store, &[add(&"x".repeat(2049), 1)], "2049 bytes; a key has 1 to 2048").await;
    refused(store, &[add(&row, 1), add(&row, 1)], "changed twice").await;
    refused(store, &[RowChange::new(&row, RowUpdate::default())], "not changed at all").await;
    let moves = RowChange::new(&row, RowUpdate::default().set(key, "b"));
    refused(store, &[moves], "which cannot change").await;
    // An amount cannot be added to a text.
    let text = RowChange::new(&row, RowUpdate::default().set("units", "many"));
    assert_eq!(stores(store, &[text]).await, RowOutcome::Stored);
    let stream = stream();
    let written = store.commit_with_rows(&commit(&stream, 1, "c", "1"), &[add(&row, 1)]).await;
    let failure = written.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "unstorable"), "{failure}");
    assert_eq!(store.read(&stream, Version::NONE).await, Ok(Vec::new()));
}

async fn many_rows_are_read_at_once(store: &dyn RowStore) {
    let rows: Vec<String> = (0..130).map(|_| unique("row")).collect();
    for (place, row) in rows.iter().enumerate().filter(|(place, _)| place % 3 == 0) {
        assert_eq!(stores(store, &[add(row, place as i64)]).await, RowOutcome::Stored);
    }
    let read = units(store, &rows).await;
    for (place, units) in read.into_iter().enumerate() {
        assert_eq!(units, (place % 3 == 0).then_some(place as i64));
    }
    assert_eq!(store.rows(&[]).await, Ok(Vec::new()));
}

async fn additions_of_many_writers_are_all_counted(store: &dyn RowStore) {
    let (row, own) = (unique("hot"), unique("own"));
    let retry = Retry::default();
    let writers = (0..30).map(async |writer: usize| {
        let commit = commit(&stream(), 1, "c", "1");
        for attempt in 0.. {
            let changes = [add(&row, 1), add(&format!("{own}-{writer}"), 1)];
            match store.commit_with_rows(&commit, &changes).await.unwrap() {
                RowOutcome::Stored => break,
                RowOutcome::Busy => tokio::time::sleep(retry.pause_after(attempt)).await,
                outcome => panic!("{outcome:?}"),
            }
        }
    });
    join_all(writers).await;
    assert_eq!(units(store, &[row]).await, [Some(30)]);
}
