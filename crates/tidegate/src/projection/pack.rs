//! Packs the steps of a batch into transactions.

use std::collections::{BTreeSet, HashMap};

use super::plan::{PACKED_BYTES, Step, TRANSACTION_ITEMS};

/// Aggregates that are compared at a time. Others wait until one of these is done. So the work
/// grows with the number of steps, and not with its square if all of them share a counter.
const WINDOW: usize = 256;

/// Packs steps into groups that fit a transaction each. Each inner list of `aggregates` holds the
/// steps of one aggregate, in order, and keeps that order.
///
/// Events that share counters are put together, so that each counter is written few times. A group
/// starts with the first step that is left. While there is room, it takes the step that adds the
/// fewest rows; of equals, the first.
pub(super) fn pack(aggregates: Vec<Vec<Step>>) -> Vec<Vec<Step>> {
    Packing::of(aggregates).run()
}

/// The steps that are left, and the group that is being filled.
///
/// Invariant: for the next step of each aggregate in the window, `missing` is the number of rows
/// that the step would add to the group, and `waiting` has, for each row, the steps that change it.
/// When a row enters the group, only the steps in its list lose a missing row, so no step is ever
/// compared with the whole group.
struct Packing {
    queues: Vec<Queue>,
    /// The first aggregate that is not in the window yet.
    behind: usize,
    /// For each row, the aggregates in the window whose next step has it.
    waiting: Vec<BTreeSet<usize>>,
    /// Aggregates in the window by how many rows their next step adds.
    by_missing: Vec<BTreeSet<usize>>,
    /// Aggregates in the window.
    window: BTreeSet<usize>,
    group: Group,
    /// How often a step was looked at: the cost of packing, measured without a clock.
    looks: usize,
}

/// The steps of one aggregate that are left, the next one last.
struct Queue {
    steps: Vec<Weighed>,
    /// Rows that the next step adds to the group.
    missing: usize,
}

struct Weighed {
    /// Numbers of the rows that it changes.
    rows: Vec<usize>,
    bytes: usize,
    step: Step,
}

#[derive(Default)]
struct Group {
    steps: Vec<Step>,
    bytes: usize,
    /// Rows that it has.
    rows: BTreeSet<usize>,
    /// Aggregates whose next step has fewer rows missing than it has rows.
    touched: BTreeSet<usize>,
    /// Aggregates whose next step has too many bytes for what is left.
    too_large: BTreeSet<usize>,
}

impl Packing {
    fn of(aggregates: Vec<Vec<Step>>) -> Self {
        let mut rows = Rows::default();
        let queues: Vec<Queue> = aggregates
            .into_iter()
            .map(|steps| {
                let weigh = |step: Step| Weighed { rows: rows.of(&step), bytes: step.size(), step };
                let mut steps: Vec<Weighed> = steps.into_iter().map(weigh).collect();
                steps.reverse();
                Queue { steps, missing: 0 }
            })
            .collect();
        Packing {
            queues,
            behind: 0,
            waiting: vec![BTreeSet::new(); rows.numbers.len()],
            by_missing: vec![BTreeSet::new(); TRANSACTION_ITEMS + 1],
            window: BTreeSet::new(),
            group: Group::default(),
            looks: 0,
        }
    }

    fn run(mut self) -> Vec<Vec<Step>> {
        let mut groups = Vec::new();
        while let Some(group) = self.next_group() {
            groups.push(group);
        }
        groups
    }

    fn next_group(&mut self) -> Option<Vec<Step>> {
        self.fill_window();
        // A group takes the first step left, whatever it has.
        let mut next = self.window.first().copied();
        while let Some(queue) = next {
            self.take(queue);
            self.fill_window();
            next = self.cheapest();
        }
        let group = std::mem::take(&mut self.group);
        for queue in group.too_large.union(&group.touched).copied() {
            if self.window.contains(&queue) {
                self.place(queue, &BTreeSet::new());
            }
        }
        (!group.steps.is_empty()).then_some(group.steps)
    }

    /// The aggregate whose next step fits and adds the fewest rows.
    fn cheapest(&mut self) -> Option<usize> {
        let room = TRANSACTION_ITEMS.saturating_sub(self.group.rows.len());
        for missing in 0..=room {
            while let Some(queue) = self.by_missing.get(missing)?.first().copied() {
                self.looks += 1;
                let bytes = self.queues.get(queue)?.steps.last()?.bytes;
                if self.group.bytes + bytes <= PACKED_BYTES {
                    return Some(queue);
                }
                // A group only grows: what does not fit now does not fit later.
                self.by_missing.get_mut(missing)?.remove(&queue);
                self.group.too_large.insert(queue);
            }
        }
        None
    }

    /// Moves the next step of an aggregate into the group.
    fn take(&mut self, queue: usize) {
        self.withdraw(queue);
        let Some(Weighed { rows, bytes, step }) =
            self.queues.get_mut(queue).and_then(|queue| queue.steps.pop())
        else {
            return;
        };
        self.group.bytes += bytes;
        self.group.steps.push(step);
        for row in rows {
            if self.group.rows.insert(row) {
                self.enters(row);
            }
        }
        if self.queues.get(queue).is_some_and(|queue| !queue.steps.is_empty()) {
            self.offer(queue);
        }
    }

    /// Adds a row to the group: each step that changes it has one row fewer missing.
    fn enters(&mut self, row: usize) {
        let Some(waiting) = self.waiting.get(row) else { return };
        for queue in waiting {
            self.looks += 1;
            let Some(Queue { missing, .. }) = self.queues.get_mut(*queue) else { continue };
            let before = *missing;
            *missing = before.saturating_sub(1);
            self.group.touched.insert(*queue);
            if self.by_missing.get_mut(before).is_some_and(|queues| queues.remove(queue))
                && let Some(queues) = self.by_missing.get_mut(*missing)
            {
                queues.insert(*queue);
            }
        }
    }

    fn fill_window(&mut self) {
        while self.window.len() < WINDOW && self.behind < self.queues.len() {
            let queue = self.behind;
            self.behind += 1;
            if self.queues.get(queue).is_some_and(|queue| !queue.steps.is_empty()) {
                self.offer(queue);
            }
        }
    }

    /// The next step of an aggregate may be taken.
    fn offer(&mut self, queue: usize) {
        self.window.insert(queue);
        for row in
            self.queues.get(queue).and_then(|queue| queue.steps.last()).map_or(&[][..], |next| &next.rows)
        {
            if let Some(waiting) = self.waiting.get_mut(*row) {
                waiting.insert(queue);
            }
        }
        self.group.touched.insert(queue);
        let held = std::mem::take(&mut self.group.rows);
        self.place(queue, &held);
        self.group.rows = held;
    }

    /// Counts the rows that the next step of an aggregate adds to those that are held.
    fn place(&mut self, queue: usize, held: &BTreeSet<usize>) {
        self.looks += 1;
        let Some(Queue { steps, missing }) = self.queues.get_mut(queue) else { return };
        let Some(next) = steps.last() else { return };
        if let Some(queues) = self.by_missing.get_mut(*missing) {
            queues.remove(&queue);
        }
        *missing = next.rows.iter().filter(|row| !held.contains(row)).count();
        if let Some(queues) = self.by_missing.get_mut(*missing) {
            queues.insert(queue);
        }
    }

    /// The next step of an aggregate is taken.
    fn withdraw(&mut self, queue: usize) {
        self.window.remove(&queue);
        let Some(Queue { steps, missing }) = self.queues.get(queue) else { return };
        if let Some(queues) = self.by_missing.get_mut(*missing) {
            queues.remove(&queue);
        }
        for row in steps.last().map_or(&[][..], |next| &next.rows) {
            if let Some(waiting) = self.waiting.get_mut(*row) {
                waiting.remove(&queue);
            }
        }
        self.group.touched.remove(&queue);
        self.group.too_large.remove(&queue);
    }
}

/// Numbers rows.
#[derive(Default)]
struct Rows {
    numbers: HashMap<String, usize>,
}

impl Rows {
    fn of(&mut self, step: &Step) -> Vec<usize> {
        let guard = format!("guard {}", step.advance.stream);
        let counters = step.counters.iter().map(|increment| format!("counter {}", increment.key));
        // A projection that names a counter twice is refused elsewhere; here it is one row.
        let mut rows: Vec<usize> =
            std::iter::once(guard).chain(counters).map(|row| self.number(row)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn number(&mut self, row: String) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(row).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::change::{Projected, RowUpdate};
    use super::super::guard::Position;
    use super::super::plan::tests::event;
    use super::super::plan::{Transaction, merge, steps};
    use super::*;

    fn packed(aggregates: Vec<Vec<Step>>) -> Vec<Transaction> {
        pack(aggregates).iter().map(|steps| merge(steps).unwrap()).collect()
    }

    /// What was meant: every step left is compared with the group.
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
                        || held.len() + added <= TRANSACTION_ITEMS && bytes + step.size() <= PACKED_BYTES;
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
            // Nothing is lost, and each aggregate keeps its order.
            for aggregate in aggregates {
                let Some(first) = aggregate.first() else { continue };
                let stream = first.advance.stream.clone();
                let packed = groups.iter().flatten().filter(|step| step.advance.stream == stream);
                prop_assert_eq!(packed.cloned().collect::<Vec<_>>(), aggregate);
            }
        }
    }

    /// How often a step is looked at while as many orders are packed. All share the day and the
    /// country, and each has products of its own.
    fn looks(orders: usize) -> usize {
        let order = |n: usize| {
            let products = (0..20).map(move |product| 10 + n * 20 + product);
            event(&format!("order#{n}"), 1, [0, 1].into_iter().chain(products))
        };
        let mut packing = Packing::of((0..orders).map(order).collect());
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
        let guards: Vec<_> = packed(aggregates).iter().map(|transaction| transaction.guards.len()).collect();
        assert_eq!(guards, [100, 50]);
    }

    #[test]
    fn events_that_share_counters_are_put_together() {
        // Two groups of orders over two disjoint sets of products, alternating.
        let aggregates: Vec<_> = (0..20usize)
            .map(|n| event(&format!("order#{n}"), 1, (n % 2) * 1000..(n % 2) * 1000 + 80))
            .collect();
        let writes: usize = packed(aggregates).iter().map(|transaction| transaction.counters.len()).sum();
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
}
