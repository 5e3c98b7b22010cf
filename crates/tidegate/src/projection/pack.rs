//! Packs the steps of a batch into transactions.

use std::collections::{HashMap, HashSet};

use super::entry::{EntryKey, EntryUpdate};
use super::transaction::{PACKED_BYTES, PACKED_DELTA, Step, TRANSACTION_ROWS};
use crate::ids::StreamId;

/// The steps of a batch, by the way in which they are written.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// Aggregates of which nothing but the row changes, each with its steps. Each row is written by
    /// itself, which costs half of what it costs in a transaction.
    pub(super) rows: Vec<Vec<Step>>,
    /// Groups of steps, of which each fits one transaction and one delta.
    pub(super) transactions: Vec<Vec<Step>>,
}

/// Packs steps. Each inner list of `aggregates` holds the steps of one aggregate.
pub(super) fn pack(aggregates: Vec<Vec<Step>>) -> Packed {
    let (rows, others) = aggregates
        .into_iter()
        .filter(|steps| !steps.is_empty())
        .partition(|steps: &Vec<Step>| steps.iter().all(Step::is_only_row));
    Packed { rows, transactions: groups(others) }
}

/// Packs steps into groups of which each fits one transaction and one delta.
///
/// The order of all steps is kept. A group ends before the step that it has no room for: at the
/// number of aggregates and entries, their bytes, or the bytes of the delta. Counters and entries
/// that steps share take room once. A group has at least one step, whatever its size.
///
/// A group also ends before a step that changes an entry which another aggregate of the group
/// changes, because a transaction changes each item once.
///
/// For example, the steps of 100 orders with 1,300 counters are two groups: one of the first 98
/// orders, and one of the last two.
pub(super) fn groups(aggregates: Vec<Vec<Step>>) -> Vec<Vec<Step>> {
    let mut groups = Vec::new();
    let mut group = Group::default();
    for step in aggregates.into_iter().flatten() {
        if !group.has_room_for(&step) {
            groups.push(std::mem::take(&mut group).steps);
        }
        group.take(step);
    }
    groups.push(group.steps);
    groups.retain(|steps| !steps.is_empty());
    groups
}

#[derive(Default)]
struct Group {
    steps: Vec<Step>,
    aggregates: HashSet<StreamId>,
    counters: HashSet<String>,
    /// Entries, with the aggregates that change them.
    entries: HashMap<EntryKey, StreamId>,
    rows: usize,
    delta: usize,
}

impl Group {
    fn has_room_for(&self, step: &Step) -> bool {
        let known = self.aggregates.contains(&step.advance.stream);
        let aggregates = self.aggregates.len() + usize::from(!known);
        let keys = || step.entries.iter().map(|update| &update.key);
        let entries = || self.entries.len() + keys().filter(|key| !self.has(key)).count();
        self.steps.is_empty()
            || aggregates + entries() <= TRANSACTION_ROWS
                && self.rows + rows(step) <= PACKED_BYTES
                && self.delta + self.added(step) <= PACKED_DELTA
                && keys().all(|key| {
                    self.entries.get(key).is_none_or(|owner| *owner == step.advance.stream)
                })
    }

    fn has(&self, key: &EntryKey) -> bool {
        self.entries.contains_key(key)
    }

    /// Returns the bytes that the step adds to the delta. A counter that is there already takes
    /// room only for attributes that it does not have yet. They are rare, so they are not counted:
    /// the transaction is split if it turns out too large.
    fn added(&self, step: &Step) -> usize {
        let new = step.counters.iter().filter(|counter| !self.counters.contains(&counter.key));
        new.map(super::change::Increment::size).sum()
    }

    fn take(&mut self, step: Step) {
        self.rows += rows(&step);
        self.delta += self.added(&step);
        self.counters.extend(step.counters.iter().map(|counter| counter.key.clone()));
        for update in &step.entries {
            self.entries.insert(update.key.clone(), step.advance.stream.clone());
        }
        self.aggregates.insert(step.advance.stream.clone());
        self.steps.push(step);
    }
}

/// Returns the bytes of the step's rows: that of the aggregate, and its entries.
fn rows(step: &Step) -> usize {
    step.row.size() + step.entries.iter().map(EntryUpdate::size).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::plan::tests::event;

    fn sizes(groups: &[Vec<Step>]) -> Vec<usize> {
        groups.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_group_has_as_many_aggregates_as_a_transaction_holds_beside_delta_and_head() {
        let orders =
            |count: usize| (0..count).map(|n| event(&format!("order#{n:03}"), 1, [1])).collect();
        assert_eq!(sizes(&groups(orders(98))), [98]);
        assert_eq!(sizes(&groups(orders(200))), [98, 98, 4]);
        assert_eq!(sizes(&groups(Vec::new())), [0; 0]);
    }

    #[test]
    fn steps_of_one_aggregate_share_a_place_and_keep_their_order() {
        let versions = |stream: &str, count: u64| -> Vec<Step> {
            (1..=count).flat_map(|version| event(stream, version, [1])).collect()
        };
        let groups = groups(vec![versions("order#1", 150), versions("order#2", 150)]);
        assert_eq!(sizes(&groups), [300]);
        let order: Vec<_> =
            groups[0].iter().map(|step| (&step.advance.stream, step.advance.to.version)).collect();
        assert!(order.is_sorted());
    }

    /// Returns a step that writes these entries of a list.
    fn writing(stream: &str, entries: impl IntoIterator<Item = usize>) -> Vec<Step> {
        let mut steps = event(stream, 1, []);
        let write = |entry: usize| {
            EntryKey::new("list", format!("{entry:05}")).write(super::super::RowUpdate::default())
        };
        steps[0].entries = entries.into_iter().map(write).collect();
        steps
    }

    #[test]
    fn a_group_has_as_many_entries_as_a_transaction_holds_beside_its_guards() {
        let orders = |count: usize| {
            let own = |n: usize| writing(&format!("order#{n:03}"), n * 10..(n + 1) * 10);
            (0..count).map(own).collect()
        };
        // Each order is a guard and ten entries.
        assert_eq!(sizes(&groups(orders(17))), [8, 8, 1]);
        // Both steps of an aggregate write the same entries.
        let same = || [writing("order#1", 0..60), writing("order#1", 0..60)].concat();
        assert_eq!(sizes(&groups(vec![same()])), [2]);
        let large = [writing("order#1", 0..60), writing("order#1", 50..98)].concat();
        assert_eq!(sizes(&groups(vec![large])), [1, 1]);
    }

    #[test]
    fn aggregates_that_change_one_entry_are_not_in_one_group() {
        let steps =
            vec![writing("order#1", [1]), writing("order#2", [1, 2]), writing("order#3", [2])];
        assert_eq!(sizes(&groups(steps)), [1, 1, 1]);
        let steps = vec![writing("order#1", [1]), writing("order#2", [2]), writing("order#3", [1])];
        assert_eq!(sizes(&groups(steps)), [2, 1]);
    }

    #[test]
    fn a_group_ends_before_its_rows_or_its_delta_are_too_large() {
        let with_row = |n: usize, bytes: usize| {
            let mut steps = event(&format!("order#{n}"), 1, []);
            steps[0].row = super::super::RowUpdate::default().set("text", "x".repeat(bytes - 4));
            steps
        };
        let rows = |bytes| (0..4).map(|n| with_row(n, bytes)).collect();
        assert_eq!(sizes(&groups(rows(PACKED_BYTES / 4))), [4]);
        assert_eq!(sizes(&groups(rows(PACKED_BYTES / 4 + 1))), [3, 1]);
        assert_eq!(sizes(&groups(rows(PACKED_BYTES * 2))), [1, 1, 1, 1], "each is tried alone");

        // Each order changes counters of its own, or all of them the same.
        let counters = |own: bool| -> Vec<Vec<Step>> {
            let keys = |n: usize| if own { n * 2_000..(n + 1) * 2_000 } else { 0..2_000 };
            (0..8).map(|n| event(&format!("order#{n}"), 1, keys(n))).collect()
        };
        let size = counters(true)[0].iter().map(|step| step.size()).sum::<usize>();
        let fit = PACKED_DELTA / size;
        assert!((2..8).contains(&fit), "{size} bytes");
        assert_eq!(sizes(&groups(counters(true)))[0], fit);
        assert_eq!(sizes(&groups(counters(false))), [8]);
    }
}
