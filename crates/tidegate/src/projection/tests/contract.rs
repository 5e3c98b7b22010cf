//! The contract of every read model, as one test suite.
//!
//! The double runs it here. DynamoDB runs it in the system tests, which include this file. So it
//! names the crate as a user of the crate does.

use std::collections::BTreeSet;

use tidegate::failure::{Class, Failure};
use tidegate::ids::{StreamId, Version};
use tidegate::projection::{
    Added, Addition, Advance, Amounts, ApplyError, Counted, Delta, Guard, Pending, Position,
    ReadModel, RowUpdate, Transaction, Value, WAITING_DELTAS,
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

/// Returns a transaction without a delta.
pub(crate) fn transaction(guards: Vec<(Advance, RowUpdate)>) -> Transaction {
    Transaction { guards, ..Transaction::default() }
}

/// Returns a transaction with the next delta of the slice.
pub(crate) async fn counting(
    model: &dyn ReadModel,
    guards: Vec<(Advance, RowUpdate)>,
    counters: &[(&str, i64)],
) -> Transaction {
    let head = model.head(model.slice()).await.unwrap();
    let counters = counters.iter().map(|(key, units)| ((*key).to_owned(), units_of(*units)));
    let (slice, number) = (model.slice(), head.last + 1);
    let delta = Some(Delta { slice, number, counters: counters.collect() });
    Transaction { guards, delta, applied: head.last, ..Transaction::default() }
}

fn units_of(units: i64) -> Amounts {
    Amounts::from([("units".into(), units)])
}

pub(crate) fn addition(key: &str, units: i64, first: u64, number: u64) -> Addition {
    Addition { key: key.to_owned(), add: units_of(units), first, number }
}

/// What the suite does to an item behind the model's back.
pub(crate) enum Spoil<'a> {
    /// Changes the row of an aggregate so that it cannot be read as a guard.
    Row(&'a StreamId),
    /// Changes a counter so that it takes no units.
    Counter(&'a str),
    /// Corrects the counter.
    Mend(&'a str),
}

/// Runs the contract.
pub(crate) async fn contract(model: &dyn ReadModel, spoil: impl AsyncFn(Spoil<'_>)) {
    deltas_are_stored_one_after_the_other(model).await;
    the_newest_deltas_are_kept(model).await;
    a_counter_takes_each_delta_once_and_in_order(model).await;
    what_is_confirmed_stays_so(model).await;
    readers_add_what_is_not_counted_yet(model).await;
    a_counter_that_takes_nothing_has_its_amounts_set_aside(model, &spoil).await;
    an_unreadable_guard_costs_its_own_aggregate(model, &spoil).await;
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
    values_nest_as_deep_as_an_attribute(model).await;
    what_is_removed_is_gone(model).await;
    guards_of_large_rows_are_read_in_several_answers(model).await;
}

/// Returns a key that no other test uses, so that tests can share tables.
pub(crate) fn unique(kind: &str) -> String {
    format!("{kind}#{}", Uuid::new_v4())
}

pub(crate) fn new_stream() -> StreamId {
    unique("order").parse().unwrap()
}

/// Moves the guard to the first event of an aggregate, which changes the row as given.
pub(crate) fn first(stream: &StreamId, row: RowUpdate) -> (Advance, RowUpdate) {
    (advance(stream, at(0, 0), at(1, 0)), row)
}

pub(crate) async fn is_unstorable(model: &dyn ReadModel, transaction: &Transaction) {
    let items = transaction.guards.len();
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
    assert_eq!(model.apply(&transaction(vec![first(&stream, row)])).await, Ok(()));
    let mut counted = addition(&unique("product"), 1, 1, 1);
    counted.add = names.iter().map(|name| ((*name).into(), 1)).collect();
    assert_eq!(model.add(model.slice(), &[counted]).await, [Added::Done]);
    let more =
        names.iter().fold(RowUpdate::default(), |row, name| row.set_if_absent(name, "other"));
    let next = transaction(vec![(advance(&stream, at(1, 0), at(2, 0)), more)]);
    assert_eq!(model.apply(&next).await, Ok(()));
    for name in [
        "stream",
        "version",
        "event_id",
        "counted",
        "part",
        "cut",
        "parked",
        "parked_at",
        "parked_code",
        "parked_reason",
        "applied_at",
    ] {
        let row = RowUpdate::default().set(name, "mine");
        is_unstorable(model, &transaction(vec![first(&new_stream(), row)])).await;
    }
    for name in ["key", "slice", "counted"] {
        let guards = vec![first(&new_stream(), RowUpdate::default())];
        let mut with = counting(model, guards, &[("a", 1)]).await;
        let delta = with.delta.as_mut().unwrap();
        for add in delta.counters.values_mut() {
            add.insert(name.into(), 1);
        }
        is_unstorable(model, &with).await;
    }
}

async fn a_hundred_items_are_a_transaction_and_no_more(model: &dyn ReadModel) {
    let guards = |count: usize| -> Vec<_> {
        (0..count).map(|_| first(&new_stream(), RowUpdate::default())).collect()
    };
    let key = unique("product");
    assert_eq!(model.apply(&transaction(guards(100))).await, Ok(()));
    is_unstorable(model, &transaction(guards(101))).await;
    assert_eq!(model.apply(&counting(model, guards(98), &[(&key, 1)]).await).await, Ok(()));
    is_unstorable(model, &counting(model, guards(99), &[(&key, 1)]).await).await;
    let twice = new_stream();
    let both = vec![first(&twice, RowUpdate::default()), first(&twice, RowUpdate::default())];
    is_unstorable(model, &transaction(both)).await;
    // As many counters as a large batch has.
    let keys: Vec<String> = (0..2_000).map(|_| unique("product")).collect();
    let counters: Vec<_> = keys.iter().map(|key| (key.as_str(), 1)).collect();
    assert_eq!(model.apply(&counting(model, guards(98), &counters).await).await, Ok(()));
}

async fn keys_have_a_length(model: &dyn ReadModel) {
    let key = unique("product");
    for (bytes, fits) in [(2048, true), (2049, false), (0, false)] {
        let key = if bytes == 0 {
            String::new()
        } else {
            format!("{key}{}", "x".repeat(bytes - key.len()))
        };
        let guards = vec![first(&new_stream(), RowUpdate::default())];
        let with = counting(model, guards, &[(&key, 1)]).await;
        if fits {
            assert_eq!(model.apply(&with).await, Ok(()));
            let added = model.add(model.slice(), &[addition(&key, 1, 1, 1)]).await;
            assert_eq!(added, [Added::Done]);
        } else {
            is_unstorable(model, &with).await;
        }
    }
    let id = unique("order");
    let longest: StreamId =
        format!("{id}{}", "x".repeat(StreamId::MAX_BYTES - id.len())).parse().unwrap();
    assert_eq!(
        model.apply(&transaction(vec![first(&longest, RowUpdate::default())])).await,
        Ok(())
    );
}

fn large(bytes: usize) -> RowUpdate {
    RowUpdate::default().set("text", "x".repeat(bytes))
}

async fn rows_and_transactions_have_a_size(model: &dyn ReadModel) {
    let rows = |count: usize, bytes| {
        transaction((0..count).map(|_| first(&new_stream(), large(bytes))).collect())
    };
    assert_eq!(model.apply(&rows(1, 400_000)).await, Ok(()));
    is_unstorable(model, &rows(1, 410_000)).await;
    assert_eq!(model.apply(&rows(10, 390_000)).await, Ok(()));
    is_unstorable(model, &rows(11, 390_000)).await;
    // A row that becomes too large because of its existing content.
    let stream = new_stream();
    assert_eq!(model.apply(&transaction(vec![first(&stream, large(300_000))])).await, Ok(()));
    let more = RowUpdate::default().set("more", "x".repeat(150_000));
    is_unstorable(model, &transaction(vec![(advance(&stream, at(1, 0), at(2, 0)), more)])).await;
}

async fn numbers_go_as_far_as_their_type(model: &dyn ReadModel) {
    for amount in [i64::MAX, i64::MIN] {
        let row = RowUpdate::default().set("set", amount).add("added", amount);
        let (guards, key) = (vec![first(&new_stream(), row)], unique("product"));
        let with = counting(model, guards, &[(&key, amount)]).await;
        assert_eq!(model.apply(&with).await, Ok(()), "{amount}");
        let stored = model.deltas(model.slice()).await.unwrap();
        assert!(stored.contains(with.delta.as_ref().unwrap()), "{amount}");
        let added = model.add(model.slice(), &[addition(&key, amount, 1, 1)]).await;
        assert_eq!(added, [Added::Done], "{amount}");
    }
}

async fn what_is_no_number_is_not_added_to(model: &dyn ReadModel) {
    let stream = new_stream();
    let text = transaction(vec![first(&stream, RowUpdate::default().set("n", "text"))]);
    assert_eq!(model.apply(&text).await, Ok(()));
    let add = (advance(&stream, at(1, 0), at(2, 0)), RowUpdate::default().add("n", 1));
    is_unstorable(model, &transaction(vec![add])).await;
}

async fn values_nest_as_deep_as_an_attribute(model: &dyn ReadModel) {
    let nested = |levels: usize| {
        (0..levels).fold(Value::from(true), |inner, level| match level % 2 {
            0 => Value::List(vec![inner, "".into()]),
            _ => Value::Map([("a b".to_owned(), inner), ("größe".to_owned(), 1.into())].into()),
        })
    };
    let with = |value: Value| {
        transaction(vec![first(&new_stream(), RowUpdate::default().set("nested", value))])
    };
    for fits in [nested(0), nested(31), Value::List(Vec::new()), Value::Map([].into())] {
        assert_eq!(model.apply(&with(fits)).await, Ok(()));
    }
    is_unstorable(model, &with(nested(32))).await;
}

async fn what_is_removed_is_gone(model: &dyn ReadModel) {
    let stream = new_stream();
    let row = RowUpdate::default().set("size", "x".repeat(300_000)).set("n", "text").set("kept", 1);
    assert_eq!(model.apply(&transaction(vec![first(&stream, row)])).await, Ok(()));
    let removed = RowUpdate::default().remove("size").remove("n").remove("never there");
    let next = transaction(vec![(advance(&stream, at(1, 0), at(2, 0)), removed)]);
    assert_eq!(model.apply(&next).await, Ok(()));
    // There is room again, and the attribute is no text.
    let more = RowUpdate::default().set("more", "x".repeat(300_000)).add("n", 1);
    let last = transaction(vec![(advance(&stream, at(2, 0), at(3, 0)), more)]);
    assert_eq!(model.apply(&last).await, Ok(()));
    let guarded = RowUpdate::default().remove("version");
    is_unstorable(model, &transaction(vec![(advance(&stream, at(3, 0), at(4, 0)), guarded)])).await;
}

async fn guards_of_large_rows_are_read_in_several_answers(model: &dyn ReadModel) {
    // An answer of DynamoDB holds at most 16 MB.
    let streams: Vec<StreamId> = (0..45).map(|_| new_stream()).collect();
    for streams in streams.chunks(9) {
        let rows = streams.iter().map(|stream| first(stream, large(390_000))).collect();
        assert_eq!(model.apply(&transaction(rows)).await, Ok(()));
    }
    assert_eq!(model.guards(&streams).await.unwrap().len(), 45);
}

pub(crate) async fn guard(model: &dyn ReadModel, stream: &StreamId) -> Option<Guard> {
    model.guards(std::slice::from_ref(stream)).await.unwrap().remove(stream).transpose().unwrap()
}

async fn an_unreadable_guard_costs_its_own_aggregate(
    model: &dyn ReadModel,
    spoil: &impl AsyncFn(Spoil<'_>),
) {
    let streams = [new_stream(), new_stream(), new_stream()];
    let rows = streams.iter().map(|stream| first(stream, RowUpdate::default()));
    assert_eq!(model.apply(&transaction(rows.collect())).await, Ok(()));
    spoil(Spoil::Row(&streams[1])).await;
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
    let first = transaction(vec![(
        advance(&stream, at(0, 0), at(1, 0)),
        RowUpdate::default().set("status", "placed"),
    )]);
    assert_eq!(model.apply(&first).await, Ok(()));
    assert_eq!(model.apply(&first).await, Err(ApplyError::GuardMoved));
    let mut expected = Guard::default();
    (expected.position, expected.event_id) = (at(1, 0), Some("e1".to_owned()));
    assert_eq!(guard(model, &stream).await, Some(expected));
    let jump = transaction(vec![(advance(&stream, at(2, 0), at(3, 0)), RowUpdate::default())]);
    assert_eq!(model.apply(&jump).await, Err(ApplyError::GuardMoved));
}

async fn parts_advance_one_by_one(model: &dyn ReadModel) {
    let stream: StreamId = unique("order").parse().unwrap();
    let part = |from, to| transaction(vec![(advance(&stream, from, to), RowUpdate::default())]);
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
        (guards, [(key.as_str(), 5)])
    };
    let before = model.head(model.slice()).await.unwrap();
    for from_other in [at(0, 3), at(0, 0)] {
        let (guards, counters) = both(from_other);
        let mut with = counting(model, guards, &counters).await;
        if from_other == at(0, 0) {
            with.delta.as_mut().unwrap().number += 1;
        }
        assert_eq!(model.apply(&with).await, Err(ApplyError::GuardMoved));
        assert_eq!(guard(model, &one).await, None, "the good half did not happen either");
        assert_eq!(model.head(model.slice()).await, Ok(before));
    }
    let (guards, counters) = both(at(0, 0));
    let with = counting(model, guards, &counters).await;
    assert_eq!(model.apply(&with).await, Ok(()));
    let there = guard(model, &one).await.unwrap();
    let place = Counted { slice: model.slice(), number: before.last + 1 };
    assert_eq!((there.position, there.counted), (at(1, 0), Some(place)));
    // A transaction without a delta leaves the place as it is.
    let next = vec![(advance(&one, at(1, 0), at(2, 0)), RowUpdate::default())];
    assert_eq!(model.apply(&transaction(next)).await, Ok(()));
    assert_eq!(guard(model, &one).await.unwrap().counted, Some(place));
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
    let on = |advance| transaction(vec![(advance, RowUpdate::default())]);
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
    let first = transaction(vec![(advance(stream, at(0, 0), at(1, 0)), RowUpdate::default())]);
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
    for key in ["#parked", "#aside", "#deltas", "#deltas/3"] {
        let guards = vec![first(&new_stream(), RowUpdate::default())];
        is_unstorable(model, &counting(model, guards, &[(key, 1)]).await).await;
    }
}

async fn deltas_are_stored_one_after_the_other(model: &dyn ReadModel) {
    let slice = model.slice();
    let before = model.head(slice).await.unwrap();
    let key = unique("product");
    let next = async || {
        let guards = vec![first(&new_stream(), RowUpdate::default())];
        counting(model, guards, &[(key.as_str(), 1)]).await
    };
    let one = next().await;
    assert_eq!(model.apply(&one).await, Ok(()));
    let head = model.head(slice).await.unwrap();
    assert_eq!((head.last, head.applied), (before.last + 1, before.last));
    assert!(model.heads().await.unwrap().contains(&head));
    let refused = async |delta: u64, applied: u64| {
        let mut with = next().await;
        with.delta.as_mut().unwrap().number = delta;
        with.applied = applied;
        assert_eq!(model.apply(&with).await, Err(ApplyError::GuardMoved), "{delta} {applied}");
        assert_eq!(model.head(slice).await, Ok(head));
    };
    refused(head.last, head.applied).await;
    refused(head.last + 2, head.applied).await;
    assert_eq!(model.confirm(slice, head.last).await, Ok(()));
    let head = model.head(slice).await.unwrap();
    assert_eq!(head.applied, head.last);
    let mut with = next().await;
    with.applied = head.applied - 1;
    assert_eq!(model.apply(&with).await, Err(ApplyError::GuardMoved), "what is confirmed stays so");
    let other = slice + 1;
    assert_eq!(model.head(other).await.unwrap().last, 0, "each slice has its own head");
}

async fn the_newest_deltas_are_kept(model: &dyn ReadModel) {
    let key = unique("product");
    let mut written = Vec::new();
    for units in 1..=10 {
        let guards = vec![first(&new_stream(), RowUpdate::default())];
        let with = counting(model, guards, &[(&key, units)]).await;
        assert_eq!(model.apply(&with).await, Ok(()));
        written.extend(with.delta);
    }
    let stored = model.deltas(model.slice()).await.unwrap();
    let newest = &written[written.len() - usize::try_from(WAITING_DELTAS).unwrap()..];
    assert!(newest.iter().all(|delta| stored.contains(delta)), "{stored:?}");
}

async fn a_counter_takes_each_delta_once_and_in_order(model: &dyn ReadModel) {
    let (one, other) = (unique("product"), unique("product"));
    let slice = model.slice();
    let add = async |units, first, number| {
        let additions = [addition(&one, units, first, number), addition(&other, 1, number, number)];
        let mut added = model.add(slice, &additions).await;
        assert_eq!(added.len(), 2);
        added.remove(0)
    };
    assert_eq!(add(1, 3, 5).await, Added::Done, "it is created");
    for (first, number) in [(1, 1), (3, 5), (5, 9)] {
        assert_eq!(add(1, first, number).await, Added::Counted(5), "{first}");
    }
    assert_eq!(add(1, 6, 6).await, Added::Done);
    let again = addition(&other, 1, 6, 6);
    let results = model.add(slice, &[again, addition(&unique("product"), 1, 1, 1)]).await;
    assert_eq!(results, [Added::Counted(9), Added::Done], "each for itself");
}

async fn what_is_confirmed_stays_so(model: &dyn ReadModel) {
    let (slice, guards) = (model.slice(), vec![first(&new_stream(), RowUpdate::default())]);
    let with = counting(model, guards, &[("a", 1)]).await;
    assert_eq!(model.apply(&with).await, Ok(()));
    let last = model.head(slice).await.unwrap().last;
    for number in [last, last - 1, 0] {
        assert_eq!(model.confirm(slice, number).await, Ok(()));
        assert_eq!(model.head(slice).await.unwrap().applied, last);
    }
}

async fn readers_add_what_is_not_counted_yet(model: &dyn ReadModel) {
    let (one, other) = (unique("product"), unique("product"));
    let slice = model.slice();
    let last = model.head(slice).await.unwrap().last;
    for units in [2, 3] {
        let guards = vec![first(&new_stream(), RowUpdate::default())];
        let with = counting(model, guards, &[(&one, units), (&other, 10 * units)]).await;
        let with = Transaction { applied: last, ..with };
        assert_eq!(model.apply(&with).await, Ok(()));
    }
    let read = async |key: &str, counted: u64| {
        let mut pending = Pending::read(model).await.unwrap();
        pending.take(key, slice, counted).get("units").copied()
    };
    assert_eq!(read(&one, 0).await, Some(5));
    assert_eq!(read(&one, last + 1).await, Some(3));
    assert_eq!(read(&one, last + 2).await, None);
    let mut pending = Pending::read(model).await.unwrap();
    pending.take(&one, slice, 0);
    let rest: Vec<_> = pending.rest().collect();
    assert_eq!(rest, [(other.clone(), slice, [("units".to_owned(), 50)].into())]);
    assert_eq!(model.confirm(slice, last + 1).await, Ok(()));
    assert_eq!(read(&other, 0).await, Some(30), "the first is confirmed");
    assert_eq!(model.confirm(slice, last + 2).await, Ok(()));
    assert_eq!(Pending::read(model).await.unwrap(), Pending::default());
}

async fn a_counter_that_takes_nothing_has_its_amounts_set_aside(
    model: &dyn ReadModel,
    spoil: &impl AsyncFn(Spoil<'_>),
) {
    let (key, slice) = (unique("product"), model.slice());
    let add = async |units, number| {
        model.add(slice, &[addition(&key, units, number, number)]).await.remove(0)
    };
    assert_eq!(add(1, 1).await, Added::Done);
    spoil(Spoil::Counter(&key)).await;
    for (units, number) in [(2, 2), (3, 3)] {
        let refused = match add(units, number).await {
            Added::Refused(failure) => failure,
            other => panic!("{other:?}"),
        };
        assert_eq!((refused.class(), refused.code()), (Class::Permanent, "unstorable"));
        let addition = addition(&key, units, number, number);
        assert_eq!(model.set_aside(slice, &addition, &refused).await, Added::Done);
        assert_eq!(model.set_aside(slice, &addition, &refused).await, Added::Counted(number));
        assert_eq!(add(units, number).await, Added::Counted(number), "as if it had them");
    }
    let mut aside = model.aside().await.unwrap();
    let read = Pending::read(model).await.unwrap().aside;
    assert_eq!(read, aside, "readers see it");
    let aside = aside.remove(aside.iter().position(|one| one.key == key).unwrap());
    assert_eq!((aside.slice, aside.number, aside.add["units"]), (slice, 3, 5));
    assert!(!aside.reason.is_empty());
    let refused = model.restore(&aside).await.unwrap_err();
    assert_eq!(refused.failure().unwrap().code(), "unstorable");
    assert!(model.aside().await.unwrap().contains(&aside));
    spoil(Spoil::Mend(&key)).await;
    assert_eq!(model.restore(&aside).await, Ok(()));
    assert_eq!(model.restore(&aside).await, Err(ApplyError::GuardMoved), "once");
    assert!(!model.aside().await.unwrap().contains(&aside));
    assert_eq!(add(1, 3).await, Added::Counted(3));
    assert_eq!(add(1, 4).await, Added::Done);
}

async fn parts_of_another_cut_are_not_gone_on_with(model: &dyn ReadModel) {
    let stream = new_stream();
    let part = |from, to| transaction(vec![(advance(&stream, from, to), RowUpdate::default())]);
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
    let moves = |from, to| transaction(vec![(advance(&stream, from, to), RowUpdate::default())]);
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
    let set = |stream, row| transaction(vec![first(stream, row)]);
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
        match model.apply(&counting(model, guards, &[(&unique("product"), 1)]).await).await {
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
        assert_eq!(model.apply(&transaction(guards.collect())).await, Ok(()));
    }
    assert_eq!(model.guards(&streams).await.unwrap().len(), 130);
}
