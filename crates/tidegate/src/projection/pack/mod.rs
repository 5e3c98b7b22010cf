//! Packs the steps of a batch into transactions.

use std::collections::{BTreeSet, HashMap};

use super::transaction::{PACKED_BYTES, Step, TRANSACTION_ITEMS};

/// Number of aggregates that are compared at a time. Others wait until one of these is done. So the
/// work grows with the number of steps, not with its square, even if all of them share a counter.
const WINDOW: usize = 256;

/// Packs steps into groups of which each fits one transaction.
///
/// Each inner list of `aggregates` holds the steps of one aggregate. Their order is kept. Events
/// that share counters are packed together, so that each counter is written few times.
///
/// A group starts with the first remaining step. While there is room, it takes the step that adds
/// the fewest rows; among equals, the first.
///
/// Events that share counters are put together, so that each counter is written few times. A group
/// starts with the first step that is left. While there is room, it takes the step that adds the
/// fewest rows; of equals, the first.
///
/// For example, let orders A and C change Monday's counter, and order B Tuesday's. The group starts
/// with A: its row and Monday's counter. C adds one row, its own. B adds two, so C is next. With
/// room for two orders the groups are `A C` and `B`, and Monday's counter is written once.
pub(super) fn pack(aggregates: Vec<Vec<Step>>) -> Vec<Vec<Step>> {
    Packing::new(aggregates).run()
}

/// The remaining steps, and the group that is being filled.
///
/// Invariants, for the next step of each aggregate in the window:
///
/// - `missing` is the number of rows that the step would add to the group.
/// - `waiting` has, for each row, the aggregates whose step changes it.
///
/// When a row enters the group, only the steps in its list lose a missing row. So no step is ever
/// compared with the whole group.
struct Packing {
    queues: Vec<Queue>,
    /// Index of the first aggregate that is not in the window yet.
    behind: usize,
    /// For each row, the aggregates in the window whose next step changes it.
    waiting: Vec<BTreeSet<usize>>,
    /// Aggregates in the window, by the number of rows that their next step adds.
    by_missing: Vec<BTreeSet<usize>>,
    /// Aggregates in the window.
    window: BTreeSet<usize>,
    group: Group,
    /// Number of times that a step was examined: the cost of packing, measured without a clock.
    looks: usize,
}

/// The remaining steps of one aggregate, the next one last.
struct Queue {
    steps: Vec<Weighed>,
    /// Number of rows that the next step adds to the group.
    missing: usize,
}

struct Weighed {
    /// Numbers of the rows that the step changes.
    rows: Vec<usize>,
    bytes: usize,
    step: Step,
}

#[derive(Default)]
struct Group {
    steps: Vec<Step>,
    bytes: usize,
    /// Rows in the group.
    rows: BTreeSet<usize>,
    /// Aggregates whose `missing` was counted against this group. It must be counted again for the
    /// next group.
    touched: BTreeSet<usize>,
    /// Aggregates whose next step has more bytes than the group has room for.
    too_large: BTreeSet<usize>,
}

impl Packing {
    fn new(aggregates: Vec<Vec<Step>>) -> Self {
        let mut rows = Rows::default();
        let queues: Vec<Queue> = aggregates
            .into_iter()
            .map(|steps| {
                let weigh =
                    |step: Step| Weighed { rows: rows.numbers(&step), bytes: step.size(), step };
                let mut steps: Vec<Weighed> = steps.into_iter().map(weigh).collect();
                steps.reverse();
                Queue { steps, missing: 0 }
            })
            .collect();
        Self {
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
        // A group always takes the first remaining step, whatever its size.
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

    /// Returns the aggregate whose next step fits and adds the fewest rows.
    fn cheapest(&mut self) -> Option<usize> {
        let room = TRANSACTION_ITEMS.saturating_sub(self.group.rows.len());
        for missing in 0..=room {
            while let Some(queue) = self.by_missing.get(missing)?.first().copied() {
                self.looks += 1;
                let bytes = self.queues.get(queue)?.steps.last()?.bytes;
                if self.group.bytes + bytes <= PACKED_BYTES {
                    return Some(queue);
                }
                // A group only grows, so a step that does not fit now does not fit later.
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

    /// Adds a row to the group. Each waiting step that changes the row has one row fewer missing.
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

    /// Makes the next step of an aggregate available to the group.
    fn offer(&mut self, queue: usize) {
        self.window.insert(queue);
        for row in self
            .queues
            .get(queue)
            .and_then(|queue| queue.steps.last())
            .map_or(&[][..], |next| &next.rows)
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

    /// Counts the rows that the next step of an aggregate adds to the rows in `held`.
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

    /// Removes an aggregate whose next step is being taken.
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

/// Assigns numbers to rows.
#[derive(Default)]
struct Rows {
    numbers: HashMap<String, usize>,
}

impl Rows {
    fn numbers(&mut self, step: &Step) -> Vec<usize> {
        let guard = format!("guard {}", step.advance.stream);
        let counters = step.counters.iter().map(|increment| format!("counter {}", increment.key));
        // A projection that names a counter twice is refused elsewhere. Here the counter is one
        // row.
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
mod tests;
