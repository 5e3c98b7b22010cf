//! The contract of the entries of every read model, as one test suite.
//!
//! The double runs it here. DynamoDB runs it in the system tests, which include this file. So it
//! names the crate as a user of the crate does.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};
use tidegate::failure::Class;
use tidegate::ids::StreamId;
use tidegate::projection::{
    ApplyError, EntryKey, EntryUpdate, ReadModel, RowUpdate, Transaction, Value,
};
use tidegate::query::{Condition, Consistency, Query, View};

use super::suite::{advance, at, counting, first, guard, is_unstorable, new_stream, unique};

const STRONG: Consistency = Consistency::Strong;

/// Runs the contract on a read model, which the view reads.
pub(crate) async fn contract(model: &dyn ReadModel, view: &View) {
    an_entry_is_written_with_the_guard_or_not_at_all(model, view).await;
    attributes_of_an_entry_change_like_those_of_a_row(model, view).await;
    an_entry_of_another_aggregate_is_never_overwritten(model, view).await;
    what_another_aggregate_has_is_not_deleted(model, view).await;
    an_entry_that_was_deleted_is_free(model, view).await;
    a_guard_that_moved_comes_before_an_entry_that_is_taken(model, view).await;
    a_transaction_has_a_hundred_items_with_its_entries(model).await;
    entries_that_can_never_be_stored_are_named(model).await;
    a_list_is_read_in_order_and_nothing_else(model, view).await;
}

/// Returns a transaction that moves the guard of an aggregate, to the next version, and changes
/// entries.
fn step(stream: &StreamId, to: u64, entries: Vec<EntryUpdate>) -> Transaction {
    Transaction {
        guards: vec![(advance(stream, at(to - 1, 0), at(to, 0)), RowUpdate::default())],
        entries: entries.into_iter().map(|update| (stream.clone(), update)).collect(),
        ..Transaction::default()
    }
}

fn key() -> EntryKey {
    EntryKey::of_lookup(unique("email"))
}

fn text(text: &str) -> RowUpdate {
    RowUpdate::default().set("size", text)
}

/// Reads an entry: to whom it belongs, and its attributes but the key and the owner.
async fn read(view: &View, key: &EntryKey) -> Option<(StreamId, Json)> {
    let entry = view.entry::<BTreeMap<String, Json>>(key, STRONG).await.unwrap()?;
    let mut data = entry.data;
    assert_eq!(data.remove("list"), Some(json!(key.list)));
    assert_eq!(data.remove("entry"), Some(json!(key.entry)));
    assert_eq!(data.remove("stream"), Some(json!(entry.stream.as_str())));
    assert_eq!(entry.key, *key);
    Some((entry.stream, json!(data)))
}

async fn an_entry_is_written_with_the_guard_or_not_at_all(model: &dyn ReadModel, view: &View) {
    let (stream, key) = (new_stream(), key());
    let late = step(&stream, 3, vec![key.clone().write(text("late"))]);
    assert_eq!(model.apply(&late).await, Err(ApplyError::GuardMoved));
    assert_eq!(read(view, &key).await, None);
    let written = step(&stream, 1, vec![key.clone().write(text("a"))]);
    assert_eq!(model.apply(&written).await, Ok(()));
    assert_eq!(model.apply(&written).await, Err(ApplyError::GuardMoved));
    assert_eq!(read(view, &key).await, Some((stream, json!({ "size": "a" }))));
    let found = view.lookup::<IgnoredAny>(&key.list, STRONG).await.unwrap().unwrap();
    assert_eq!(found.key, key);
    assert!(view.lookup::<IgnoredAny>(&unique("email"), STRONG).await.unwrap().is_none());
}

async fn attributes_of_an_entry_change_like_those_of_a_row(model: &dyn ReadModel, view: &View) {
    let (stream, key) = (new_stream(), key());
    let row = RowUpdate::default;
    let nested = Value::List(vec![true.into(), BTreeMap::from([("größe".to_owned(), 1)]).into()]);
    for (version, update, expected) in [
        (1, key.clone().write(row()), json!({})),
        (2, key.clone().write(row().add("count", 2).set("data", nested)), {
            json!({ "count": 2, "data": [true, { "größe": 1 }] })
        }),
        (3, key.clone().write(row().add("count", 1).set_if_absent("count", 9).remove("data")), {
            json!({ "count": 3 })
        }),
        (4, key.clone().write(row().set_if_absent("year", 9).add("year", 1)), {
            json!({ "count": 3, "year": 10 })
        }),
        (5, key.clone().replace(row().set("status", "new")), json!({ "status": "new" })),
    ] {
        assert_eq!(model.apply(&step(&stream, version, vec![update])).await, Ok(()), "{version}");
        assert_eq!(read(view, &key).await, Some((stream.clone(), expected)), "{version}");
    }
    let add = step(&stream, 6, vec![self::key().write(row()), key.write(row().add("status", 1))]);
    match model.apply(&add).await {
        Err(ApplyError::Refused { failure, items }) => {
            assert_eq!(failure.code(), "unstorable", "{failure}");
            // DynamoDB Local does not name the item.
            assert!(items.is_empty() || items == [2], "{items:?}");
        }
        other => panic!("{other:?}"),
    }
}

async fn an_entry_of_another_aggregate_is_never_overwritten(model: &dyn ReadModel, view: &View) {
    let (owner, other, taken) = (new_stream(), new_stream(), key());
    let written = step(&owner, 1, vec![taken.clone().write(text("mine"))]);
    assert_eq!(model.apply(&written).await, Ok(()));
    let free = key();
    for update in [taken.clone().write(RowUpdate::default()), taken.clone().replace(text("yours"))]
    {
        let mut refused = step(&other, 1, vec![free.clone().write(text("b")), update]);
        // Another aggregate in the same transaction is not to blame.
        let third = new_stream();
        refused.guards.push(first(&third, RowUpdate::default()));
        match model.apply(&refused).await {
            Err(ApplyError::Refused { failure, items }) => {
                let found = (failure.class(), failure.code(), items);
                assert_eq!(found, (Class::Permanent, "entry_taken", vec![3]), "{failure}");
                assert!(failure.reason().contains(&taken.list), "{failure}");
            }
            result => panic!("{result:?}"),
        }
        assert_eq!(read(view, &taken).await, Some((owner.clone(), json!({ "size": "mine" }))));
        assert_eq!((guard(model, &other).await, guard(model, &third).await), (None, None));
        assert_eq!(read(view, &free).await, None);
    }
}

async fn what_another_aggregate_has_is_not_deleted(model: &dyn ReadModel, view: &View) {
    let (owner, other) = (new_stream(), new_stream());
    let [taken, also_taken, own, never] = [key(), key(), key(), key()];
    let written = |key: &EntryKey| key.clone().write(text("a"));
    let all = vec![written(&taken), written(&also_taken)];
    assert_eq!(model.apply(&step(&owner, 1, all)).await, Ok(()));
    assert_eq!(model.apply(&step(&other, 1, vec![written(&own)])).await, Ok(()));
    // What it has is deleted all the same.
    let deleted = [&taken, &own, &also_taken, &never].map(|key| key.clone().delete());
    let mut delete = step(&other, 2, deleted.into());
    let product = unique("product");
    let with = counting(model, Vec::new(), &[(&product, 1)]).await;
    (delete.delta, delete.applied) = (with.delta, with.applied);
    assert_eq!(model.apply(&delete).await, Ok(()));
    assert_eq!(guard(model, &other).await.unwrap().position, at(2, 0));
    let newest = model.head(model.slice()).await.unwrap().last;
    assert_eq!(newest, delete.delta.unwrap().number);
    for key in [&taken, &also_taken] {
        assert_eq!(read(view, key).await.map(|(of, _)| of), Some(owner.clone()));
    }
    assert_eq!((read(view, &own).await, read(view, &never).await), (None, None));
    // The items to blame are named as if all had been sent.
    let large = RowUpdate::default().set("size", 1).add("n", 1);
    let text = step(&other, 3, vec![own.clone().write(RowUpdate::default().set("n", "text"))]);
    assert_eq!(model.apply(&text).await, Ok(()));
    let add = vec![taken.delete(), also_taken.delete(), own.write(large)];
    match model.apply(&step(&other, 4, add)).await {
        Err(ApplyError::Refused { failure, items }) => {
            assert_eq!(failure.code(), "unstorable", "{failure}");
            assert!(items.is_empty() || items == [3], "{items:?}");
        }
        result => panic!("{result:?}"),
    }
}

async fn an_entry_that_was_deleted_is_free(model: &dyn ReadModel, view: &View) {
    let (before, after, key) = (new_stream(), new_stream(), key());
    let write = |to: &str| vec![key.clone().write(text(to))];
    assert_eq!(model.apply(&step(&before, 1, write("a"))).await, Ok(()));
    assert_eq!(model.apply(&step(&before, 2, vec![key.clone().delete()])).await, Ok(()));
    assert_eq!(read(view, &key).await, None);
    assert_eq!(model.apply(&step(&after, 1, write("b"))).await, Ok(()));
    assert_eq!(read(view, &key).await, Some((after, json!({ "size": "b" }))));
}

async fn a_guard_that_moved_comes_before_an_entry_that_is_taken(
    model: &dyn ReadModel,
    view: &View,
) {
    let (owner, other, key) = (new_stream(), new_stream(), key());
    let write = || vec![key.clone().write(text("a"))];
    assert_eq!(model.apply(&step(&owner, 1, write())).await, Ok(()));
    assert_eq!(model.apply(&step(&other, 2, write())).await, Err(ApplyError::GuardMoved));
    assert_eq!(read(view, &key).await.map(|(of, _)| of), Some(owner));
}

async fn a_transaction_has_a_hundred_items_with_its_entries(model: &dyn ReadModel) {
    let list = unique("orders-of");
    let entries = |count: usize| -> Vec<EntryUpdate> {
        (0..count).map(|n| EntryKey::new(&list, format!("{n:03}")).write(text("a"))).collect()
    };
    let (stream, product) = (new_stream(), unique("product"));
    let with = async |count| {
        let counting = counting(model, Vec::new(), &[(&product, 1)]).await;
        let step = step(&stream, 1, entries(count));
        Transaction { delta: counting.delta, applied: counting.applied, ..step }
    };
    is_unstorable(model, &with(98).await).await;
    assert_eq!(model.apply(&with(97).await).await, Ok(()));
    is_unstorable(model, &step(&stream, 2, entries(100))).await;
    assert_eq!(model.apply(&step(&stream, 2, entries(99))).await, Ok(()));
    let twice =
        vec![EntryKey::new(&list, "1").write(text("a")), EntryKey::new(&list, "1").delete()];
    is_unstorable(model, &step(&stream, 3, twice)).await;
    // The guard of the entry's aggregate has to move with it.
    let mut foreign = step(&stream, 3, entries(1));
    foreign.entries[0].0 = new_stream();
    is_unstorable(model, &foreign).await;
}

async fn entries_that_can_never_be_stored_are_named(model: &dyn ReadModel) {
    let stream = new_stream();
    let list = unique("orders-of");
    let longest = format!("{list}{}", "x".repeat(2048 - list.len()));
    let row = RowUpdate::default;
    let write = |list: &str, entry: &str| EntryKey::new(list, entry).write(row());
    let fits = vec![write(&longest, &"y".repeat(1024)), write(&list, "größe")];
    assert_eq!(model.apply(&step(&stream, 1, fits)).await, Ok(()));
    for wrong in [
        write(&format!("{longest}x"), "a"),
        write("", "a"),
        write(&list, &"y".repeat(1025)),
        write(&list, ""),
        EntryKey::new(&list, "a").write(row().set("text", "x".repeat(410_000))),
        EntryKey::new(&list, "a").replace(row().set("stream", "order#7")),
        EntryKey::new(&list, "a").write(row().remove("list")),
        EntryKey::new(&list, "a").write(row().add("entry", 1)),
    ] {
        let entries = vec![write(&list, "b"), wrong, write(&list, "c")];
        let transaction = step(&stream, 2, entries);
        is_unstorable(model, &transaction).await;
        match model.apply(&transaction).await {
            Err(ApplyError::Refused { items, .. }) => assert_eq!(items, [2]),
            other => panic!("{other:?}"),
        }
    }
}

async fn a_list_is_read_in_order_and_nothing_else(model: &dyn ReadModel, view: &View) {
    let list = unique("orders-of");
    let owners = [new_stream(), new_stream()];
    let places = ["2010-12-01#b", "2010-12-01#a", "2011-01-01#c", "2010-11-30#d"];
    for (n, owner) in owners.iter().enumerate() {
        let own = places.iter().skip(2 * n).take(2);
        let mut entries: Vec<_> =
            own.map(|place| EntryKey::new(&list, *place).write(text(place))).collect();
        entries.push(EntryKey::new(format!("{list}x"), format!("{n}")).write(text("other")));
        assert_eq!(model.apply(&step(owner, 1, entries)).await, Ok(()));
    }
    let all = async |query: Query| {
        let (mut places, mut from, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = view.page_of_list::<IgnoredAny>(&query, from.as_ref()).await.unwrap();
            assert!(page.unreadable.is_empty());
            places.extend(page.rows.into_iter().map(|entry| entry.key.entry));
            pages += 1;
            assert!(pages < 10, "the pages have an end");
            from = page.next;
            if from.is_none() {
                return places;
            }
        }
    };
    let query = || view.list(&*list, STRONG);
    let sorted = ["2010-11-30#d", "2010-12-01#a", "2010-12-01#b", "2011-01-01#c"];
    assert_eq!(all(query()).await, sorted);
    assert_eq!(all(query().limit(1)).await, sorted);
    let mut newest = sorted;
    newest.reverse();
    assert_eq!(all(query().descending().limit(3)).await, newest);
    let december = query().sorted(Condition::begins_with("2010-12"));
    assert_eq!(all(december).await, &sorted[1..3]);
    assert_eq!(all(query().only(["size"])).await, sorted, "the key and the owner are read too");
    assert_eq!(all(view.list(unique("orders-of"), STRONG)).await, [""; 0]);
    let rows = view.every_row(STRONG);
    let failure = view.page_of_list::<IgnoredAny>(&rows, None).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "invalid_query"));
}
