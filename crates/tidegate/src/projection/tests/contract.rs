//! The contract of every read model, as one test suite.
//!
//! The double runs it here. DynamoDB runs it in the system tests, which include this file. So it
//! names the crate as a user of the crate does.

use std::collections::{BTreeMap, BTreeSet};

use tidegate::failure::{Class, Failure};
use tidegate::ids::{StreamId, Version};
use tidegate::projection::{
    Advance, ApplyError, Guard, Increment, Position, ReadModel, RowUpdate, Transaction,
};
use uuid::Uuid;

pub(crate) fn at(version: u64, part: u32) -> Position {
    // A part has the digest of the cut that it belongs to.
    Position { version: Version::new(version), part, cut: (part > 0).then_some(u64::MAX) }
}

pub(crate) fn advance(stream: &StreamId, from: Position, to: Position) -> Advance {
    let event_id = (to.part == 0).then(|| format!("e{}", to.version));
    Advance { stream: stream.clone(), from, parked: None, to, event_id }
}

pub(crate) fn transaction(
    guards: Vec<(Advance, RowUpdate)>,
    counters: &[(&str, i64)],
) -> Transaction {
    let counter = |(key, units): &(&str, i64)| Increment {
        key: (*key).to_owned(),
        add: BTreeMap::from([("units", *units)]),
    };
    Transaction { guards, counters: counters.iter().map(counter).collect() }
}

/// Runs the contract. `spoil` changes the row of an aggregate so that it cannot be read as a guard.
pub(crate) async fn contract(model: &dyn ReadModel, spoil: impl AsyncFn(&StreamId)) {
    an_unreadable_guard_costs_its_own_aggregate(model, spoil).await;
    a_guard_moves_only_from_where_it_is(model).await;
    parts_advance_one_by_one(model).await;
    a_transaction_takes_effect_whole_or_not_at_all(model).await;
    a_parked_aggregate_is_released_by_moving_on(model).await;
    parked_aggregates_are_listed_until_nothing_is_left_of_them(model).await;
    the_list_is_no_counter(model).await;
    parts_of_another_cut_are_not_gone_on_with(model).await;
    a_cut_that_was_left_behind_is_replaced(model).await;
    the_items_to_blame_are_named(model).await;
    many_guards_are_read_at_once(model).await;
    attributes_may_have_any_name_but_the_guards(model).await;
    a_hundred_items_are_a_transaction_and_no_more(model).await;
    keys_have_a_length(model).await;
    rows_and_transactions_have_a_size(model).await;
    numbers_go_as_far_as_their_type(model).await;
    what_is_no_number_is_not_added_to(model).await;
    guards_of_large_rows_are_read_in_several_answers(model).await;
}

/// Returns a key that no other test uses, so that tests can share tables.
fn unique(kind: &str) -> String {
    format!("{kind}#{}", Uuid::new_v4())
}

fn new_stream() -> StreamId {
    unique("order").parse().unwrap()
}

/// Moves the guard to the first event of an aggregate, which changes the row as given.
fn first(stream: &StreamId, row: RowUpdate) -> (Advance, RowUpdate) {
    (advance(stream, at(0, 0), at(1, 0)), row)
}

async fn is_unstorable(model: &dyn ReadModel, transaction: &Transaction) {
    let items = transaction.guards.len() + transaction.counters.len();
    match model.apply(transaction).await {
        Err(ApplyError::Refused { failure, .. }) => {
            assert_eq!(
                (failure.class(), failure.code()),
                (Class::Permanent, "unstorable"),
                "{failure}"
            );
        }
        other => panic!("{items} items: {other:?}"),
    }
    for (advance, _) in &transaction.guards {
        let position = guard(model, &advance.stream).await.map_or(at(0, 0), |guard| guard.position);
        assert_eq!(position, advance.from, "{items} items: nothing took effect");
    }
}

async fn attributes_may_have_any_name_but_the_guards(model: &dyn ReadModel) {
    // Reserved words, and characters that are not allowed in a placeholder.
    let names = [
        "size",
        "data",
        "year",
        "count",
        "status",
        "unit-price",
        "a.b",
        "größe",
        "a b",
        "#n0",
        ":v0",
    ];
    let stream = new_stream();
    let row = names.iter().fold(RowUpdate::default(), |row, name| row.set(name, *name));
    let mut counted = transaction(vec![first(&stream, row)], &[(&unique("product"), 1)]);
    counted.counters[0].add = names.iter().map(|name| (*name, 1)).collect();
    assert_eq!(model.apply(&counted).await, Ok(()));
    let more =
        names.iter().fold(RowUpdate::default(), |row, name| row.set_if_absent(name, "other"));
    let next = transaction(vec![(advance(&stream, at(1, 0), at(2, 0)), more)], &[]);
    assert_eq!(model.apply(&next).await, Ok(()));
    for name in [
        "stream",
        "version",
        "event_id",
        "part",
        "cut",
        "parked",
        "parked_at",
        "parked_code",
        "parked_reason",
        "applied_at",
    ] {
        let row = RowUpdate::default().set(name, "mine");
        is_unstorable(model, &transaction(vec![first(&new_stream(), row)], &[])).await;
    }
}

async fn a_hundred_items_are_a_transaction_and_no_more(model: &dyn ReadModel) {
    let counters = |count| -> Vec<String> { (0..count).map(|_| unique("product")).collect() };
    let with = |keys: &[String]| {
        let counters: Vec<_> = keys.iter().map(|key| (key.as_str(), 1)).collect();
        transaction(vec![first(&new_stream(), RowUpdate::default())], &counters)
    };
    assert_eq!(model.apply(&with(&counters(99))).await, Ok(()));
    is_unstorable(model, &with(&counters(100))).await;
    let twice = unique("product");
    is_unstorable(model, &with(&[twice.clone(), twice])).await;
}

async fn keys_have_a_length(model: &dyn ReadModel) {
    let key = unique("product");
    for (bytes, fits) in [(2048, true), (2049, false), (0, false)] {
        let key = if bytes == 0 {
            String::new()
        } else {
            format!("{key}{}", "x".repeat(bytes - key.len()))
        };
        let with = transaction(vec![first(&new_stream(), RowUpdate::default())], &[(&key, 1)]);
        if fits {
            assert_eq!(model.apply(&with).await, Ok(()));
        } else {
            is_unstorable(model, &with).await;
        }
    }
    let id = unique("order");
    let longest: StreamId =
        format!("{id}{}", "x".repeat(StreamId::MAX_BYTES - id.len())).parse().unwrap();
    assert_eq!(
        model.apply(&transaction(vec![first(&longest, RowUpdate::default())], &[])).await,
        Ok(())
    );
}

fn large(bytes: usize) -> RowUpdate {
    RowUpdate::default().set("text", "x".repeat(bytes))
}

async fn rows_and_transactions_have_a_size(model: &dyn ReadModel) {
    let rows = |count: usize, bytes| {
        transaction((0..count).map(|_| first(&new_stream(), large(bytes))).collect(), &[])
    };
    assert_eq!(model.apply(&rows(1, 400_000)).await, Ok(()));
    is_unstorable(model, &rows(1, 410_000)).await;
    assert_eq!(model.apply(&rows(10, 390_000)).await, Ok(()));
    is_unstorable(model, &rows(11, 390_000)).await;
    // A row that becomes too large because of its existing content.
    let stream = new_stream();
    assert_eq!(model.apply(&transaction(vec![first(&stream, large(300_000))], &[])).await, Ok(()));
    let more = RowUpdate::default().set("more", "x".repeat(150_000));
    is_unstorable(model, &transaction(vec![(advance(&stream, at(1, 0), at(2, 0)), more)], &[]))
        .await;
}

async fn numbers_go_as_far_as_their_type(model: &dyn ReadModel) {
    for amount in [i64::MAX, i64::MIN] {
        let row = RowUpdate::default().set("set", amount).add("added", amount);
        let with = transaction(vec![first(&new_stream(), row)], &[(&unique("product"), amount)]);
        assert_eq!(model.apply(&with).await, Ok(()), "{amount}");
    }
}

async fn what_is_no_number_is_not_added_to(model: &dyn ReadModel) {
    let stream = new_stream();
    let text = transaction(vec![first(&stream, RowUpdate::default().set("n", "text"))], &[]);
    assert_eq!(model.apply(&text).await, Ok(()));
    let add = (advance(&stream, at(1, 0), at(2, 0)), RowUpdate::default().add("n", 1));
    is_unstorable(model, &transaction(vec![add], &[])).await;
}

async fn guards_of_large_rows_are_read_in_several_answers(model: &dyn ReadModel) {
    // An answer of DynamoDB holds at most 16 MB.
    let streams: Vec<StreamId> = (0..45).map(|_| new_stream()).collect();
    for streams in streams.chunks(9) {
        let rows = streams.iter().map(|stream| first(stream, large(390_000))).collect();
        assert_eq!(model.apply(&transaction(rows, &[])).await, Ok(()));
    }
    assert_eq!(model.guards(&streams).await.unwrap().len(), 45);
}

async fn guard(model: &dyn ReadModel, stream: &StreamId) -> Option<Guard> {
    model.guards(std::slice::from_ref(stream)).await.unwrap().remove(stream).transpose().unwrap()
}

async fn an_unreadable_guard_costs_its_own_aggregate(
    model: &dyn ReadModel,
    spoil: impl AsyncFn(&StreamId),
) {
    let streams = [new_stream(), new_stream(), new_stream()];
    let rows = streams.iter().map(|stream| first(stream, RowUpdate::default()));
    assert_eq!(model.apply(&transaction(rows.collect(), &[])).await, Ok(()));
    spoil(&streams[1]).await;
    let mut guards = model.guards(&streams).await.unwrap();
    let failure = guards.remove(&streams[1]).unwrap().unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, "corrupt_guard"));
    assert!(failure.reason().contains(streams[1].as_str()), "{failure}");
    assert_eq!(guards.len(), 2);
    assert!(guards.values().all(|guard| guard.as_ref().unwrap().position == at(1, 0)));
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
    let mut expected = Guard::default();
    (expected.position, expected.event_id) = (at(1, 0), Some("e1".to_owned()));
    assert_eq!(guard(model, &stream).await, Some(expected));
    let jump = transaction(vec![(advance(&stream, at(2, 0), at(3, 0)), RowUpdate::default())], &[]);
    assert_eq!(model.apply(&jump).await, Err(ApplyError::GuardMoved));
}

async fn parts_advance_one_by_one(model: &dyn ReadModel) {
    let stream: StreamId = unique("order").parse().unwrap();
    let part =
        |from, to| transaction(vec![(advance(&stream, from, to), RowUpdate::default())], &[]);
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
    let why = Failure::permanent("bad", "it is");
    assert_eq!(model.park(&stream, Version::new(3), &why).await, Err(ApplyError::GuardMoved));
    assert_eq!(model.park(&stream, Version::new(1), &why).await, Ok(()));
    let there = guard(model, &stream).await.unwrap();
    assert_eq!((there.parked, there.parked_code.as_deref()), (Some(Version::new(1)), Some("bad")));
    assert_eq!(there.parked_reason.as_deref(), Some("it is"));
    let unaware = advance(&stream, at(0, 0), at(1, 0));
    let aware = Advance { parked: Some(Version::new(1)), ..unaware.clone() };
    let on = |advance| transaction(vec![(advance, RowUpdate::default())], &[]);
    // Only a writer that knows of the parking applies the events that were acknowledged meanwhile.
    assert_eq!(model.apply(&on(unaware)).await, Err(ApplyError::GuardMoved));
    assert_eq!(model.apply(&on(aware)).await, Ok(()));
    let there = guard(model, &stream).await.unwrap();
    assert_eq!((there.parked, there.parked_code, there.parked_reason), (None, None, None));
}

/// Reads the whole list, page by page.
async fn list(model: &dyn ReadModel) -> Vec<StreamId> {
    let mut list: Vec<StreamId> = Vec::new();
    loop {
        let page = model.parked(list.last(), 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            return list;
        }
        list.extend(page);
    }
}

async fn parked_aggregates_are_listed_until_nothing_is_left_of_them(model: &dyn ReadModel) {
    let streams: Vec<StreamId> = (0..5).map(|_| new_stream()).collect();
    let newer = Failure::transient(Failure::NEWER, "x".repeat(5_000));
    for stream in &streams {
        assert_eq!(model.park(stream, Version::new(1), &newer).await, Ok(()));
    }
    let mine = |list: Vec<StreamId>| -> BTreeSet<StreamId> {
        let distinct: BTreeSet<StreamId> = list.iter().cloned().collect();
        assert_eq!(distinct.len(), list.len(), "each is on it once");
        distinct.into_iter().filter(|stream| streams.contains(stream)).collect()
    };
    assert_eq!(mine(list(model).await), streams.iter().cloned().collect());

    let stream = &streams[0];
    let parked = guard(model, stream).await.unwrap();
    assert!(parked.listed.is_some());
    assert_eq!(model.unlist(stream, &parked).await, Err(ApplyError::GuardMoved), "it is parked");
    assert_eq!(model.unpark(stream, &parked).await, Ok(()));
    assert_eq!(model.unpark(stream, &parked).await, Err(ApplyError::GuardMoved), "it is no longer");
    let unparked = guard(model, stream).await.unwrap();
    assert_eq!(
        (unparked.parked, unparked.parked_code.clone(), unparked.listed),
        (None, None, parked.listed)
    );
    assert!(
        mine(list(model).await).contains(stream),
        "who unparks it may not have read what came since"
    );
    // The guard advances.
    let first = transaction(vec![(advance(stream, at(0, 0), at(1, 0)), RowUpdate::default())], &[]);
    assert_eq!(model.apply(&first).await, Ok(()));
    assert_eq!(model.unlist(stream, &unparked).await, Err(ApplyError::GuardMoved));
    let moved = guard(model, stream).await.unwrap();
    assert_eq!(model.unlist(stream, &moved).await, Ok(()));
    assert!(!mine(list(model).await).contains(stream));
    assert_eq!(guard(model, stream).await.unwrap().listed, None);
    assert_eq!(model.unlist(stream, &moved).await, Err(ApplyError::GuardMoved), "once is enough");
    // The remaining entries must not disturb other tests that share the tables.
    for stream in &streams[1..] {
        let guard = guard(model, stream).await.unwrap();
        assert_eq!(model.unpark(stream, &guard).await, Ok(()));
        let unparked = self::guard(model, stream).await.unwrap();
        assert_eq!(model.unlist(stream, &unparked).await, Ok(()));
    }
    assert!(mine(list(model).await).is_empty());
}

async fn the_list_is_no_counter(model: &dyn ReadModel) {
    is_unstorable(
        model,
        &transaction(vec![first(&new_stream(), RowUpdate::default())], &[("#parked", 1)]),
    )
    .await;
}

async fn parts_of_another_cut_are_not_gone_on_with(model: &dyn ReadModel) {
    let stream = new_stream();
    let part =
        |from, to| transaction(vec![(advance(&stream, from, to), RowUpdate::default())], &[]);
    assert_eq!(model.apply(&part(at(0, 0), at(0, 1))).await, Ok(()));
    for other in [Some(7), None] {
        let from = Position { cut: other, ..at(0, 1) };
        assert_eq!(
            model.apply(&part(from, at(1, 0))).await,
            Err(ApplyError::GuardMoved),
            "{other:?}"
        );
    }
    assert_eq!(model.apply(&part(at(0, 1), at(1, 0))).await, Ok(()));
    assert_eq!(guard(model, &stream).await.unwrap().position, at(1, 0));
}

async fn a_cut_that_was_left_behind_is_replaced(model: &dyn ReadModel) {
    let stream = new_stream();
    let moves =
        |from, to| transaction(vec![(advance(&stream, from, to), RowUpdate::default())], &[]);
    // A version of the toolkit that knows no digests finishes an event.
    let left = Position { cut: Some(7), ..at(1, 0) };
    assert_eq!(model.apply(&moves(at(0, 0), left)).await, Ok(()));
    let there = guard(model, &stream).await.unwrap();
    assert_eq!(there.position, left);
    assert_eq!(
        model.park(&stream, Version::new(2), &Failure::permanent("bad", "it is")).await,
        Ok(())
    );
    let parked = guard(model, &stream).await.unwrap();
    assert_eq!(model.unpark(&stream, &parked).await, Ok(()));
    let unparked = guard(model, &stream).await.unwrap();
    assert_eq!(model.unlist(&stream, &unparked).await, Ok(()));
    assert_eq!(model.apply(&moves(at(1, 0), at(2, 0))).await, Err(ApplyError::GuardMoved));
    assert_eq!(model.apply(&moves(left, at(2, 0))).await, Ok(()));
    assert_eq!(guard(model, &stream).await.unwrap().position, at(2, 0));
}

async fn the_items_to_blame_are_named(model: &dyn ReadModel) {
    let [text, large, good] = [new_stream(), new_stream(), new_stream()];
    let set = |stream, row| transaction(vec![first(stream, row)], &[]);
    assert_eq!(model.apply(&set(&text, RowUpdate::default().set("n", "text"))).await, Ok(()));
    assert_eq!(model.apply(&set(&large, self::large(300_000))).await, Ok(()));
    let second = |stream, row| (advance(stream, at(1, 0), at(2, 0)), row);
    let guards = vec![
        first(&good, RowUpdate::default()),
        second(&large, RowUpdate::default().set("more", "x".repeat(150_000))),
    ];
    // DynamoDB Local refuses the whole request for an operand of the wrong type, and names no item.
    for (guards, expected) in [
        (guards, [vec![1], vec![1]]),
        (
            vec![
                second(&text, RowUpdate::default().add("n", 1)),
                first(&good, RowUpdate::default()),
            ],
            [vec![0], vec![]],
        ),
    ] {
        match model.apply(&transaction(guards, &[(&unique("product"), 1)])).await {
            Err(ApplyError::Refused { items, .. }) => {
                assert!(expected.contains(&items), "{items:?}")
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(guard(model, &good).await, None, "nothing took effect");
}

async fn many_guards_are_read_at_once(model: &dyn ReadModel) {
    let streams: Vec<StreamId> = (0..130).map(|_| unique("order").parse().unwrap()).collect();
    for streams in streams.chunks(50) {
        let guards = streams
            .iter()
            .map(|stream| (advance(stream, at(0, 0), at(1, 0)), RowUpdate::default()));
        assert_eq!(model.apply(&transaction(guards.collect(), &[])).await, Ok(()));
    }
    assert_eq!(model.guards(&streams).await.unwrap().len(), 130);
}
