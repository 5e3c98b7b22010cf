//! Tests how well steps are packed, and at which cost.

use proptest::prelude::*;

use super::*;
use crate::projection::change::{Projected, RowUpdate};
use crate::projection::guard::Position;
use crate::projection::plan::tests::event;
use crate::projection::plan::{merge, steps};
use crate::projection::transaction::Transaction;

fn packed(aggregates: Vec<Vec<Step>>) -> Vec<Transaction> {
    pack(aggregates).iter().map(|steps| merge(steps).unwrap()).collect()
}

/// The specification of [`pack`]: compares every remaining step with the group.
fn by_comparing(mut aggregates: Vec<Vec<Step>>) -> Vec<Vec<Step>> {
    let rows = |step: &Step| -> BTreeSet<String> {
        let counters = step.counters.iter().map(|counter| format!("c {}", counter.key));
        counters.chain([format!("g {}", step.advance.stream)]).collect()
    };
    aggregates.iter_mut().for_each(|steps| steps.reverse());
    let mut groups = Vec::new();
    while aggregates.iter().any(|steps| !steps.is_empty()) {
        let (mut group, mut held, mut bytes) = (Vec::new(), BTreeSet::new(), 0);
        loop {
            let candidates = aggregates.iter().enumerate().filter_map(|(at, steps)| {
                let step = steps.last()?;
                let added = rows(step).difference(&held).count();
                let fits = group.is_empty()
                    || held.len() + added <= TRANSACTION_ITEMS
                        && bytes + step.size() <= PACKED_BYTES;
                fits.then_some((if group.is_empty() { 0 } else { added }, at))
            });
            let Some((_, at)) = candidates.min() else { break };
            let step = aggregates[at].pop().unwrap();
            held.extend(rows(&step));
            bytes += step.size();
            group.push(step);
        }
        groups.push(group);
    }
    groups
}

fn aggregate(number: usize, events: &[(Vec<usize>, usize)]) -> Vec<Step> {
    let stream = format!("order#{number}");
    let all = events.iter().zip(1..).flat_map(|((keys, bytes), version)| {
        let mut steps = event(&stream, version, keys.iter().copied().collect::<BTreeSet<_>>());
        let last = steps.last_mut().unwrap();
        last.row = RowUpdate::default().set("text", "x".repeat(*bytes));
        steps
    });
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn it_packs_as_if_every_step_were_compared_with_the_group(
        aggregates in prop::collection::vec(
            prop::collection::vec(
                (prop::collection::vec(0..150_usize, 0..110), prop_oneof![9 => 0..50_usize, 1 => 100_000..390_000_usize]),
                0..4,
            ),
            0..25,
        )
    ) {
        let aggregates: Vec<_> =
            aggregates.iter().enumerate().map(|(number, events)| aggregate(number, events)).collect();
        let groups = pack(aggregates.clone());
        prop_assert_eq!(&groups, &by_comparing(aggregates.clone()));
        for group in &groups {
            let transaction = merge(group).unwrap();
            prop_assert!(transaction.storable().is_ok());
        }
        // Nothing is lost, and the order of each aggregate is kept.
        for aggregate in aggregates {
            let Some(first) = aggregate.first() else { continue };
            let stream = first.advance.stream.clone();
            let packed = groups.iter().flatten().filter(|step| step.advance.stream == stream);
            prop_assert_eq!(packed.cloned().collect::<Vec<_>>(), aggregate);
        }
    }
}

/// Counts how often a step is examined while this many orders are packed. All orders share the
/// day and the country, and each has its own products.
fn looks(orders: usize) -> usize {
    let order = |n: usize| {
        let products = (0..20).map(move |product| 10 + n * 20 + product);
        event(&format!("order#{n}"), 1, [0, 1].into_iter().chain(products))
    };
    let mut packing = Packing::new((0..orders).map(order).collect());
    let mut steps = 0;
    while let Some(group) = packing.next_group() {
        steps += group.len();
    }
    assert_eq!(steps, orders);
    packing.looks
}

#[test]
fn four_times_the_orders_are_about_four_times_the_work() {
    let (few, many) = (looks(1_000), looks(4_000));
    assert!(many < few * 5, "{few} looks for 1,000 orders, {many} for 4,000");
}

#[test]
fn no_transaction_is_too_large_and_each_writes_a_row_once() {
    let aggregates: Vec<_> = (0..60usize)
        .map(|n| event(&format!("order#{n}"), 1, (n * 7..n * 7 + 30).map(|key| key % 90)))
        .collect();
    let transactions = packed(aggregates);
    let mut guards = 0;
    for transaction in &transactions {
        assert!(transaction.guards.len() + transaction.counters.len() <= TRANSACTION_ITEMS);
        let mut keys: Vec<_> = transaction.counters.iter().map(|counter| &counter.key).collect();
        keys.dedup();
        assert_eq!(keys.len(), transaction.counters.len());
        guards += transaction.guards.len();
    }
    assert_eq!(guards, 60);
    let units: i64 = transactions
        .iter()
        .flat_map(|transaction| &transaction.counters)
        .map(|counter| counter.add["units"])
        .sum();
    assert_eq!(units, 60 * 30);
}

#[test]
fn a_transaction_is_filled_to_its_last_item() {
    let aggregates = (0..150).map(|n| event(&format!("order#{n}"), 1, [])).collect();
    let guards: Vec<_> =
        packed(aggregates).iter().map(|transaction| transaction.guards.len()).collect();
    assert_eq!(guards, [100, 50]);
}

#[test]
fn events_that_share_counters_are_put_together() {
    // Two groups of orders over two disjoint sets of products, alternating.
    let aggregates: Vec<_> = (0..20usize)
        .map(|n| event(&format!("order#{n}"), 1, (n % 2) * 1000..(n % 2) * 1000 + 80))
        .collect();
    let writes: usize =
        packed(aggregates).iter().map(|transaction| transaction.counters.len()).sum();
    assert_eq!(writes, 160, "each counter should be written once");
}

#[test]
fn large_rows_are_spread_over_transactions() {
    let large = |n: usize| {
        let mut steps = event(&format!("order#{n}"), 1, [n]);
        steps[0].row = RowUpdate::default().set("text", "x".repeat(300_000));
        steps
    };
    let transactions = packed((0..20).map(large).collect());
    let rows: Vec<_> = transactions.iter().map(|transaction| transaction.guards.len()).collect();
    assert_eq!(rows, [6, 6, 6, 2]);
}

#[test]
fn events_of_one_aggregate_stay_in_order_and_share_a_guard_write() {
    let mut steps = event("order#1", 1, 0..3);
    steps.extend(event("order#1", 2, 1..4));
    let transactions = packed(vec![steps]);
    assert_eq!(transactions.len(), 1);
    let (advance, _) = &transactions[0].guards[0];
    assert_eq!((advance.from.version.number(), advance.to.version.number()), (0, 2));
    assert_eq!(advance.event_id.as_deref(), Some("e2"));
    assert_eq!(transactions[0].counters.len(), 4);
    assert_eq!(transactions[0].counters[1].add["units"], 2);
}

#[test]
fn parts_of_one_event_stay_in_order() {
    let all = event("order#1", 1, 0..250);
    let parts = pack(vec![all.clone()]);
    assert_eq!(parts.concat(), all);
    let none = steps(
        &all[0].advance.stream,
        all[0].advance.to.version,
        "e",
        Projected::default(),
        Position::default(),
    );
    assert_eq!(pack(vec![Vec::new(), none.unwrap()]).len(), 1);
}
