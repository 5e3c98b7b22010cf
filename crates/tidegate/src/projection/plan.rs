//! Steps of events, and the transactions that they are merged into.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::change::{Increment, Projected, RowUpdate};
use super::guard::{Advance, Position};
use super::read_model::ApplyError;
use crate::failure::Failure;
use crate::ids::{StreamId, Version, content_uuid};
use crate::refusal::UNSTORABLE;

/// Most items in one transaction of DynamoDB.
pub(super) const TRANSACTION_ITEMS: usize = 100;
/// Largest transaction of DynamoDB in bytes.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024;
/// Largest item of DynamoDB in bytes.
pub(super) const ITEM_BYTES: usize = 400 * 1024;
/// Longest partition key of DynamoDB in bytes.
const KEY_BYTES: usize = 2048;
/// Packed into one transaction at most. The rest is for what the rows hold already, which is not known here: a transaction that turns out too large is
/// taken apart.
pub(super) const PACKED_BYTES: usize = TRANSACTION_BYTES / 2;
/// Bits of a hash in the digest of a cut.
const HASH_BITS: u32 = 48;
/// Partition key of the list of parked aggregates in the table of counters. A counter must not have
/// this key.
pub const PARKED_LIST_KEY: &str = "#parked";

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
    pub(super) fn size(&self) -> usize {
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
    ///
    /// # Errors
    /// `unstorable` (permanent), with the places of the items to blame as in
    /// [`ApplyError::Refused`](super::ApplyError).
    pub(super) fn storable(&self) -> Result<(), ApplyError> {
        let items = self.guards.len() + self.counters.len();
        if items == 0 || items > TRANSACTION_ITEMS {
            return Err(refused(format!("{items} items; a transaction holds 1 to {TRANSACTION_ITEMS}"), []));
        }
        let streams: HashSet<_> = self.guards.iter().map(|(advance, _)| &advance.stream).collect();
        let keys: HashSet<_> = self.counters.iter().map(|counter| &counter.key).collect();
        if streams.len() + keys.len() < items {
            return Err(refused("two changes of one item".to_owned(), []));
        }
        let reasons = self.reasons();
        if let Some((_, reason)) = reasons.first() {
            return Err(refused(reason.clone(), reasons.iter().map(|(place, _)| *place)));
        }
        let bytes: usize = self.sizes().sum();
        if bytes > TRANSACTION_BYTES {
            return Err(refused(format!("{bytes} bytes; a transaction holds {TRANSACTION_BYTES}"), []));
        }
        Ok(())
    }

    /// The items that cannot be stored in any transaction, by their places.
    fn reasons(&self) -> Vec<(usize, String)> {
        let guards = self.guards.iter().map(|(_, row)| match row.touches_guard() {
            Some(name) => Some(format!("two changes of `{name}`, which belongs to the guard")),
            None if row.size() > ITEM_BYTES => {
                Some(format!("a row of {} bytes; an item holds {ITEM_BYTES}", row.size()))
            }
            None => None,
        });
        let counters = self.counters.iter().map(|counter| match counter.key.len() {
            0 => Some(format!("a key of 0 bytes; it may have 1 to {KEY_BYTES}")),
            length if length > KEY_BYTES => {
                Some(format!("a key of {length} bytes; it may have 1 to {KEY_BYTES}"))
            }
            _ if counter.key == PARKED_LIST_KEY => {
                Some(format!("the key `{PARKED_LIST_KEY}`, which belongs to the list of parked aggregates"))
            }
            _ => None,
        });
        guards.chain(counters).enumerate().filter_map(|(place, reason)| Some((place, reason?))).collect()
    }

    fn sizes(&self) -> impl Iterator<Item = usize> {
        self.guards.iter().map(|(_, row)| row.size()).chain(self.counters.iter().map(Increment::size))
    }
}

/// The refusal of a transaction that can never be stored.
pub(super) fn refused(reason: String, items: impl IntoIterator<Item = usize>) -> ApplyError {
    ApplyError::Refused {
        failure: Failure::permanent(UNSTORABLE, reason),
        items: items.into_iter().collect(),
    }
}

/// The steps that apply an event, from the part that the guard has reached. The split is a function
/// of the event alone, so it is the same after a crash. Returns `None` if the applied parts are not
/// those that would come first now.
pub(super) fn steps(
    stream: &StreamId,
    version: Version,
    event_id: &str,
    projected: Projected,
    done: Position,
) -> Option<Vec<Step>> {
    let mut counters = projected.counters;
    counters.sort_by(|a, b| a.key.cmp(&b.key));
    let mut parts: Vec<Vec<Increment>> = counters.chunks(TRANSACTION_ITEMS - 1).map(<[_]>::to_vec).collect();
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    let cut = (parts.len() > 1).then(|| cut(version, &parts));
    let before = Version::new(version.number().saturating_sub(1));
    let last = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    // A version of the toolkit without digests leaves the digest of an event that it finishes. The
    // first transaction requires it as it is, and replaces it.
    let known = done.cut.filter(|known| done.part > 0 && is_of(*known, version));
    if done.part >= last || known.is_some() && known != cut {
        return None;
    }
    let within = |part: u32| Position { version: before, part, cut: cut.filter(|_| part > 0) };
    let steps = (1..=last).zip(parts).filter(|(part, _)| *part > done.part).map(|(part, counters)| {
        // Parts that were applied without a digest are continued without one.
        let from =
            if part - 1 == done.part { Position { version: before, ..done } } else { within(part - 1) };
        let (to, event_id, row) = if part == last {
            (Position::after(version), Some(event_id.to_owned()), projected.row.clone())
        } else {
            (within(part), None, RowUpdate::default())
        };
        Step { advance: Advance { stream: stream.clone(), from, parked: None, to, event_id }, row, counters }
    });
    Some(steps.collect())
}

/// A digest of which counter is in which part of the event at this version: the low 16 bits of the
/// version, and behind them 48 of a hash. It leaves out the amounts: a correction of an amount
/// between two parts does not count a row twice.
fn cut(version: Version, parts: &[Vec<Increment>]) -> u64 {
    let mut keys: Vec<&str> = Vec::new();
    for part in parts {
        // An empty key ends a part, because no counter has one.
        keys.extend(part.iter().map(|counter| counter.key.as_str()).chain([""]));
    }
    version.number() << HASH_BITS | content_uuid(&keys).as_u64_pair().0 >> (u64::BITS - HASH_BITS)
}

/// The digest is of the event at this version, and not left behind by one before it.
fn is_of(cut: u64, version: Version) -> bool {
    cut >> HASH_BITS == version.number() << HASH_BITS >> HASH_BITS
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn event(
        stream: &str,
        version: u64,
        keys: impl IntoIterator<Item = usize>,
    ) -> Vec<Step> {
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
            Position::default(),
        )
        .unwrap()
    }

    #[test]
    fn an_event_with_more_rows_than_a_transaction_holds_is_cut_into_parts_of_which_the_last_advances_the_version()
     {
        let steps = event("order#1", 1, 0..250);
        let positions: Vec<_> = steps.iter().map(|step| (step.advance.from, step.advance.to)).collect();
        let cut = steps[0].advance.to.cut;
        assert!(cut.is_some());
        let part = |part| Position { version: Version::NONE, part, cut };
        let (start, done) = (Position::default(), Position::after(Version::new(1)));
        assert_eq!(positions, [(start, part(1)), (part(1), part(2)), (part(2), done)]);
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
        let go_on =
            |projected, done| steps(&"order#1".parse().unwrap(), Version::new(1), "e1", projected, done);
        let done = all[0].advance.to;
        assert_eq!(go_on(projected.clone(), done).unwrap(), all[1..]);
        // Without a digest, as the part was applied.
        let undigested = Position { cut: None, ..done };
        let rest = go_on(projected.clone(), undigested).unwrap();
        assert_eq!((rest[0].advance.from, rest[0].advance.to), (undigested, all[1].advance.to));
        assert_eq!(rest[1], all[2]);
    }

    #[test]
    fn an_event_that_is_cut_at_other_places_is_not_gone_on_with() {
        let all = event("order#1", 1, 0..250);
        let done = all[0].advance.to;
        let go_on = |keys: Vec<usize>, add: i64| {
            let counters = keys.into_iter().map(|key| Increment {
                key: format!("product#{key:05}"),
                add: BTreeMap::from([("units", add)]),
            });
            let projected = Projected { row: RowUpdate::default(), counters: counters.collect() };
            steps(&"order#1".parse().unwrap(), Version::new(1), "e1", projected, done)
        };
        assert!(go_on((0..250).collect(), 1).is_some());
        assert!(go_on((0..250).collect(), 2).is_some(), "no row is counted twice");
        assert_eq!(go_on((1..251).collect(), 1), None, "as many as before");
        assert_eq!(go_on((0..50).collect(), 1), None, "fewer than were applied");
        assert_eq!(go_on((0..251).collect(), 1), None, "one more at the end");
    }

    #[test]
    fn a_digest_that_an_earlier_event_left_says_nothing_of_this_one() {
        let of = |version, part, cut| Position { version: Version::new(version), part, cut };
        let left = event("order#1", 1, 0..250)[0].advance.to.cut;
        let all = event("order#1", 2, 0..250);
        let counters: Vec<_> = all.iter().flat_map(|step| step.counters.clone()).collect();
        let go_on = |counters: &[Increment], done| {
            let projected = Projected { row: RowUpdate::default(), counters: counters.to_vec() };
            steps(&"order#1".parse().unwrap(), Version::new(2), "e2", projected, done)
        };
        // Between events, and with a part that was applied without a digest.
        for (counters, done, to) in [
            (&counters[..], of(1, 0, left), all[0].advance.to),
            (&counters[..], of(1, 1, left), all[1].advance.to),
            (&counters[..1], of(1, 0, left), Position::after(Version::new(2))),
        ] {
            let first = go_on(counters, done).unwrap().remove(0).advance;
            assert_eq!((first.from, first.to), (done, to), "the row is as it was read");
        }
        assert_eq!(go_on(&counters[1..], all[0].advance.to), None, "its own digest counts");
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
            let answer = transaction.storable().map_err(|error| error.failure().unwrap().reason().to_owned());
            match refused {
                None => assert_eq!(answer, Ok(())),
                Some(reason) => assert!(answer.unwrap_err().starts_with(reason), "{reason}"),
            }
        }
        let mut twice = transaction(&[9, 9], &["a"]);
        twice.guards[1].0 = twice.guards[0].0.clone();
        assert_eq!(twice.storable(), Err(refused("two changes of one item".to_owned(), [])));
    }

    #[test]
    fn the_items_to_blame_are_named() {
        let mut transaction = transaction(&[9, 409_601, 9], &["a", "", PARKED_LIST_KEY]);
        transaction.guards[2].1 = RowUpdate::default().set("parked", 1);
        let Err(ApplyError::Refused { items, failure }) = transaction.storable() else { panic!() };
        assert_eq!(items, [1, 2, 4, 5]);
        assert!(failure.reason().starts_with("a row of 409601 bytes"), "{failure}");
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
