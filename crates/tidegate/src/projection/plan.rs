//! Packs the steps of a batch into transactions.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::change::{Increment, Projected, RowUpdate};
use super::guard::{Advance, Position};
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Most items in one transaction of DynamoDB.
const TRANSACTION_ITEMS: usize = 100;
/// Largest transaction of DynamoDB in bytes.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024;
/// Largest item of DynamoDB in bytes.
pub(super) const ITEM_BYTES: usize = 400 * 1024;
/// Longest partition key of DynamoDB in bytes.
const KEY_BYTES: usize = 2048;
/// Packed into one transaction at most. The rest is for what the rows hold already, which is not known here: a transaction that turns out too large is
/// taken apart.
const PACKED_BYTES: usize = TRANSACTION_BYTES / 2;

/// The smallest unit that is applied whole: an event, or one part of an event that touches more rows than a transaction holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The guard's move.
    pub advance: Advance,
    /// Changes of the aggregate's row; only the last part has them.
    pub row: RowUpdate,
    /// Changes of counters.
    pub counters: Vec<Increment>,
}

impl Step {
    fn size(&self) -> usize {
        self.row.size() + self.counters.iter().map(Increment::size).sum::<usize>()
    }
}

/// Steps that are applied together, merged: each guard and each counter is written once.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// The guards' moves, with the changes of their rows.
    pub guards: Vec<(Advance, RowUpdate)>,
    /// The counters' changes.
    pub counters: Vec<Increment>,
}

impl Transaction {
    /// What of DynamoDB's limits shows before it is asked. Emulators do not keep all of them.
    pub(super) fn storable(&self) -> Result<(), Failure> {
        let refused = |reason: String| Err(Failure::permanent("unstorable", reason));
        let items = self.guards.len() + self.counters.len();
        if items == 0 || items > TRANSACTION_ITEMS {
            return refused(format!("{items} items; a transaction holds 1 to {TRANSACTION_ITEMS}"));
        }
        let streams: HashSet<_> = self.guards.iter().map(|(advance, _)| &advance.stream).collect();
        let keys: HashSet<_> = self.counters.iter().map(|counter| &counter.key).collect();
        if streams.len() + keys.len() < items {
            return refused("two changes of one item".to_owned());
        }
        if let Some(key) = keys.iter().find(|key| key.is_empty() || key.len() > KEY_BYTES) {
            return refused(format!("a key of {} bytes; it may have 1 to {KEY_BYTES}", key.len()));
        }
        if let Some(name) = self.guards.iter().find_map(|(_, row)| row.touches_guard()) {
            return refused(format!("two changes of `{name}`, which belongs to the guard"));
        }
        let rows = self.guards.iter().map(|(_, row)| row.size());
        let largest = rows.clone().max().unwrap_or_default();
        if largest > ITEM_BYTES {
            return refused(format!("a row of {largest} bytes; an item holds {ITEM_BYTES}"));
        }
        let bytes: usize = rows.chain(self.counters.iter().map(Increment::size)).sum();
        if bytes > TRANSACTION_BYTES {
            return refused(format!("{bytes} bytes; a transaction holds {TRANSACTION_BYTES}"));
        }
        Ok(())
    }
}

/// The steps that apply an event, starting at part `done`. The split is a function of the event alone: whoever goes on
/// after a crash cuts at the same places.
pub(super) fn steps(
    stream: &StreamId,
    version: Version,
    event_id: &str,
    projected: Projected,
    done: u32,
) -> Vec<Step> {
    let mut counters = projected.counters;
    counters.sort_by(|a, b| a.key.cmp(&b.key));
    let mut parts: Vec<Vec<Increment>> = counters.chunks(TRANSACTION_ITEMS - 1).map(<[_]>::to_vec).collect();
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    let before = Version::new(version.number().saturating_sub(1));
    let last = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    (1..=last)
        .zip(parts)
        .filter(|(part, _)| *part > done)
        .map(|(part, counters)| {
            let from = Position { version: before, part: part - 1 };
            let (to, event_id, row) = if part == last {
                (Position { version, part: 0 }, Some(event_id.to_owned()), projected.row.clone())
            } else {
                (Position { version: before, part }, None, RowUpdate::default())
            };
            Step {
                advance: Advance { stream: stream.clone(), from, parked: None, to, event_id },
                row,
                counters,
            }
        })
        .collect()
}

/// Packs steps into groups that fit a transaction each. Each inner list of `aggregates` holds the steps of one aggregate, in order, and keeps that order.
///
/// Events that share counters are put together, so that a counter is written few times: a transaction starts with the first step left and takes on, as long as
/// there is room, the step that adds the fewest rows.
pub(super) fn pack(aggregates: Vec<Vec<Step>>) -> Vec<Vec<Step>> {
    let mut rows = Rows::default();
    let mut queues: Vec<_> = aggregates
        .into_iter()
        .map(|steps| {
            let weigh = |step: Step| (rows.of(&step), step.size(), step);
            let mut queue: Vec<(Bits, usize, Step)> = steps.into_iter().map(weigh).collect();
            queue.reverse();
            queue
        })
        .collect();
    let mut groups = Vec::new();
    while queues.iter().any(|queue| !queue.is_empty()) {
        let mut held = Bits::default();
        let (mut packed, mut items, mut bytes) = (Vec::new(), 0, 0);
        loop {
            let best = queues
                .iter_mut()
                .filter_map(|queue| {
                    let (bits, size, _) = queue.last()?;
                    let added = held.added_by(bits);
                    let fits = items + added <= TRANSACTION_ITEMS
                        && (packed.is_empty() || bytes + size <= PACKED_BYTES);
                    fits.then_some((added, queue))
                })
                // A new transaction takes the first step left; afterwards the cheapest, the first of equals.
                .min_by_key(|(added, _)| if packed.is_empty() { 0 } else { *added });
            let Some((added, (bits, size, step))) =
                best.and_then(|(added, queue)| Some((added, queue.pop()?)))
            else {
                break;
            };
            held.join(&bits);
            items += added;
            bytes += size;
            packed.push(step);
        }
        if packed.is_empty() {
            break;
        }
        groups.push(packed);
    }
    groups
}

/// Merges steps into one transaction.
///
/// # Errors
/// `amount_too_large` (permanent) when a counter's sum leaves the range of an `i64`. Fewer steps may still fit.
pub(super) fn merge(steps: &[Step]) -> Result<Transaction, Failure> {
    let mut guards: Vec<(Advance, RowUpdate)> = Vec::new();
    let mut guard_of: HashMap<&StreamId, usize> = HashMap::new();
    let mut counters: BTreeMap<&str, BTreeMap<&'static str, i64>> = BTreeMap::new();
    for step in steps {
        for increment in &step.counters {
            let sums = counters.entry(&increment.key).or_default();
            for (name, amount) in &increment.add {
                let sum = sums.entry(name).or_default();
                *sum = sum.checked_add(*amount).ok_or_else(|| {
                    Failure::permanent(
                        "amount_too_large",
                        format!("the sum of {name} of {} is out of range", increment.key),
                    )
                })?;
            }
        }
        let known = guard_of.get(&step.advance.stream).and_then(|index| guards.get_mut(*index));
        match known {
            Some((advance, row)) => {
                advance.to = step.advance.to;
                advance.event_id = step.advance.event_id.clone().or_else(|| advance.event_id.take());
                row.then(&step.row);
            }
            None => {
                guard_of.insert(&step.advance.stream, guards.len());
                guards.push((step.advance.clone(), step.row.clone()));
            }
        }
    }
    let counters = counters.into_iter().map(|(key, add)| Increment { key: key.to_owned(), add }).collect();
    Ok(Transaction { guards, counters })
}

/// Numbers rows, so that sets of them are bits.
#[derive(Default)]
struct Rows {
    numbers: HashMap<String, usize>,
}

impl Rows {
    fn of(&mut self, step: &Step) -> Bits {
        let guard = format!("guard {}", step.advance.stream);
        let counters = step.counters.iter().map(|increment| format!("counter {}", increment.key));
        Bits::of(std::iter::once(guard).chain(counters).map(|row| self.number(row)))
    }

    fn number(&mut self, row: String) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(row).or_insert(next)
    }
}

#[derive(Default)]
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    fn of(bits: impl IntoIterator<Item = usize>) -> Self {
        let mut words = Vec::new();
        for bit in bits {
            let word = bit / 64;
            words.resize(words.len().max(word + 1), 0);
            if let Some(word) = words.get_mut(word) {
                *word |= 1 << (bit % 64);
            }
        }
        Bits { words }
    }

    fn added_by(&self, other: &Bits) -> usize {
        let mine = self.words.iter().copied().chain(std::iter::repeat(0));
        other.words.iter().zip(mine).map(|(theirs, mine)| (theirs & !mine).count_ones() as usize).sum()
    }

    fn join(&mut self, other: &Bits) {
        self.words.resize(self.words.len().max(other.words.len()), 0);
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(aggregates: Vec<Vec<Step>>) -> Vec<Transaction> {
        pack(aggregates).iter().map(|steps| merge(steps).unwrap()).collect()
    }

    fn event(stream: &str, version: u64, keys: impl IntoIterator<Item = usize>) -> Vec<Step> {
        let counters = keys
            .into_iter()
            .map(|key| Increment { key: format!("product#{key:05}"), add: BTreeMap::from([("units", 1)]) })
            .collect();
        let row = RowUpdate::default().set("status", "placed");
        steps(
            &stream.parse().unwrap(),
            Version::new(version),
            &format!("e{version}"),
            Projected { row, counters },
            0,
        )
    }

    #[test]
    fn an_event_with_more_rows_than_a_transaction_holds_is_cut_into_parts_of_which_the_last_advances_the_version()
     {
        let steps = event("order#1", 1, 0..250);
        let positions: Vec<_> = steps.iter().map(|step| (step.advance.from, step.advance.to)).collect();
        let part = |part| Position { version: Version::NONE, part };
        let done = Position { version: Version::new(1), part: 0 };
        assert_eq!(positions, [(part(0), part(1)), (part(1), part(2)), (part(2), done)]);
        assert_eq!(steps.iter().map(|step| step.counters.len()).collect::<Vec<_>>(), [99, 99, 52]);
        assert_eq!(steps.iter().filter(|step| step.row != RowUpdate::default()).count(), 1);
    }

    #[test]
    fn after_a_crash_the_same_parts_are_left() {
        let all = event("order#1", 1, 0..250);
        let projected = Projected {
            row: RowUpdate::default().set("status", "placed"),
            counters: all.iter().flat_map(|step| step.counters.clone()).rev().collect(),
        };
        let rest = steps(&"order#1".parse().unwrap(), Version::new(1), "e1", projected, 1);
        assert_eq!(rest, all[1..]);
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

    /// A transaction with a row of each of these sizes in bytes, and counters of these keys, which have 26 bytes more.
    fn transaction(rows: &[usize], keys: &[&str]) -> Transaction {
        let row = |(n, bytes): (usize, &usize)| {
            let mut step = event(&format!("order#{n}"), 1, []).remove(0);
            step.row = RowUpdate::default().set("text", "x".repeat(bytes - 4));
            (step.advance, step.row)
        };
        let counter = |key: &&str| Increment { key: (*key).to_owned(), add: BTreeMap::from([("units", 1)]) };
        Transaction {
            guards: rows.iter().enumerate().map(row).collect(),
            counters: keys.iter().map(counter).collect(),
        }
    }

    #[test]
    fn limits_are_reached_before_they_are_passed() {
        let (fits, too_long) = ("x".repeat(2048), "x".repeat(2049));
        let keys = |number: usize| {
            let keys: Vec<_> = (0..number).map(|key| key.to_string()).collect();
            transaction(&[9], &keys.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let full = [409_600; 10];
        for (transaction, refused) in [
            (transaction(&[], &[]), Some("0 items")),
            (keys(99), None),
            (keys(100), Some("101 items")),
            (transaction(&[9], &["a", "a"]), Some("two changes of one item")),
            (transaction(&[9], &[""]), Some("a key of 0 bytes")),
            (transaction(&[9], &[&fits]), None),
            (transaction(&[9], &[&too_long]), Some("a key of 2049 bytes")),
            (transaction(&[409_600], &[]), None),
            (transaction(&[409_601], &[]), Some("a row of 409601 bytes")),
            (transaction(&[&full[..], &[98_304 - 27]].concat(), &["a"]), None),
            (transaction(&[&full[..], &[98_304 - 27]].concat(), &["ab"]), Some("4194305 bytes")),
        ] {
            let answer = transaction.storable().map_err(|failure| failure.reason().to_owned());
            match refused {
                None => assert_eq!(answer, Ok(())),
                Some(reason) => assert!(answer.unwrap_err().starts_with(reason), "{reason}"),
            }
        }
        let mut twice = transaction(&[9, 9], &["a"]);
        twice.guards[1].0 = twice.guards[0].0.clone();
        assert_eq!(twice.storable().unwrap_err().reason(), "two changes of one item");
    }

    #[test]
    fn events_of_one_aggregate_stay_in_order_and_share_a_guard_write() {
        let mut steps = event("order#1", 1, 0..3);
        steps.extend(event("order#1", 2, 1..4));
        let transactions = packed(vec![steps]);
        assert_eq!(transactions.len(), 1);
        let (advance, _) = &transactions[0].guards[0];
        assert_eq!((advance.from.version, advance.to.version), (Version::NONE, Version::new(2)));
        assert_eq!(advance.event_id.as_deref(), Some("e2"));
        assert_eq!(transactions[0].counters.len(), 4);
        assert_eq!(transactions[0].counters[1].add["units"], 2);
    }

    #[test]
    fn sums_out_of_range_are_refused_not_wrapped() {
        let huge = |order| {
            let mut steps = event(order, 1, [1]);
            steps[0].counters[0].add.insert("units", i64::MAX);
            steps.remove(0)
        };
        let failure = merge(&[huge("order#1"), huge("order#2")]).unwrap_err();
        assert_eq!(failure.code(), "amount_too_large");
        assert!(merge(&[huge("order#1")]).is_ok());
    }
}
