//! Cuts an event into parts.

use super::change::Increment;
use super::entry::{EntryUpdate, merged};
use super::limits::TRANSACTION_ITEMS;
use super::transaction::{PACKED_BYTES, PACKED_DELTA};
use crate::ids::{StreamId, Version, content_uuid};

/// Bits of the hash in the digest of a cut.
const HASH_BITS: u32 = 48;
/// Largest number of counters in a part of an event. An older version of the toolkit, which had no
/// deltas, could apply one part in a transaction.
const PART_COUNTERS: usize = 99;
/// Largest number of entries in a part: what a transaction holds beside the guard, the delta and
/// the head of the slice.
const PART_ENTRIES: usize = TRANSACTION_ITEMS - 3;

/// Counters and entries of an event. A part that was just cut has either.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) counters: Vec<Increment>,
    pub(super) entries: Vec<EntryUpdate>,
}

/// Cuts an event into parts: first its counters, by their keys, then its entries, by theirs. Each
/// entry is changed in one part.
///
/// Every event has at least one part.
pub(super) fn parts(
    stream: &StreamId,
    mut counters: Vec<Increment>,
    entries: &[EntryUpdate],
) -> Vec<Part> {
    counters.sort_by(|a, b| a.key.cmp(&b.key));
    let counters = counters.chunks(PART_COUNTERS);
    let mut parts: Vec<Part> =
        counters.map(|part| Part { counters: part.to_vec(), entries: Vec::new() }).collect();
    let mut bytes = 0;
    for (_, update) in merged(entries.iter().map(|update| (stream, update))) {
        bytes += update.size();
        match parts.last_mut() {
            Some(part)
                if !part.entries.is_empty()
                    && part.entries.len() < PART_ENTRIES
                    && bytes <= PACKED_BYTES =>
            {
                part.entries.push(update);
            }
            _ => {
                bytes = update.size();
                parts.push(Part { counters: Vec::new(), entries: vec![update] });
            }
        }
    }
    if parts.is_empty() {
        parts.push(Part::default());
    }
    parts
}

/// Joins parts that follow each other while they fit one delta and one transaction. Returns the
/// number of the last part of each group, and the group's counters and entries.
pub(super) fn joined(parts: Vec<(u32, Part)>) -> Vec<(u32, Part)> {
    let mut groups: Vec<(u32, Part)> = Vec::new();
    let (mut delta, mut rows) = (0, 0);
    for (number, part) in parts {
        let counters: usize = part.counters.iter().map(Increment::size).sum();
        let entries: usize = part.entries.iter().map(EntryUpdate::size).sum();
        match groups.last_mut() {
            Some((last, group))
                if delta + counters <= PACKED_DELTA
                    && rows + entries <= PACKED_BYTES
                    && group.entries.len() + part.entries.len() <= PART_ENTRIES =>
            {
                *last = number;
                group.counters.extend(part.counters);
                group.entries.extend(part.entries);
                (delta, rows) = (delta + counters, rows + entries);
            }
            _ => {
                groups.push((number, part));
                (delta, rows) = (counters, entries);
            }
        }
    }
    groups
}

/// Computes a digest of what is in which part of the event at this version.
///
/// Its upper 16 bits are the low bits of the version, its lower 48 bits are of a hash. Amounts and
/// attributes are not included: if a correction changes one between two parts, no row counts twice.
pub(super) fn cut(version: Version, parts: &[Part]) -> u64 {
    let mut keys: Vec<&str> = Vec::new();
    for part in parts {
        if !part.entries.is_empty() {
            // Entries begin with an empty key, so that counters of the same keys differ from them.
            keys.push("");
        }
        let entries = part.entries.iter().map(|update| &update.key);
        keys.extend(part.counters.iter().map(|counter| counter.key.as_str()));
        keys.extend(entries.flat_map(|key| [key.list.as_str(), key.entry.as_str()]));
        // An empty key marks the end of a part, because nothing that is stored has an empty key.
        keys.push("");
    }
    version.number() << HASH_BITS | content_uuid(&keys).as_u64_pair().0 >> (u64::BITS - HASH_BITS)
}

/// Returns whether the digest is of the event at this version, and not left over from an earlier
/// event.
pub(super) fn is_of(cut: u64, version: Version) -> bool {
    cut >> HASH_BITS == version.number() << HASH_BITS >> HASH_BITS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::entry::EntryKey;
    use super::super::row_update::RowUpdate;
    use super::*;

    fn counters(count: usize) -> Vec<Increment> {
        let key = |key| format!("product#{key:05}");
        let counter = |n| Increment { key: key(n), add: BTreeMap::from([("units", 1)]) };
        (0..count).map(counter).collect()
    }

    fn entries(count: usize, bytes: usize) -> Vec<EntryUpdate> {
        let row = || RowUpdate::default().set("t", "x".repeat(bytes));
        let entry = |n: usize| EntryKey::new("list", format!("{n:05}")).write(row());
        (0..count).rev().map(entry).collect()
    }

    fn cut_into(counters: Vec<Increment>, entries: &[EntryUpdate]) -> Vec<Part> {
        parts(&"order#1".parse().unwrap(), counters, entries)
    }

    fn sizes(parts: &[Part]) -> Vec<(usize, usize)> {
        parts.iter().map(|part| (part.counters.len(), part.entries.len())).collect()
    }

    #[test]
    fn counters_come_first_and_each_part_fits_a_transaction() {
        for (counted, written, bytes, expected) in [
            (0, 0, 0, vec![(0, 0)]),
            (1, 1, 1, vec![(1, 0), (0, 1)]),
            (100, 98, 1, vec![(99, 0), (1, 0), (0, 97), (0, 1)]),
            (0, 5, PACKED_BYTES / 2 - 100, vec![(0, 2), (0, 2), (0, 1)]),
            (0, 2, PACKED_BYTES, vec![(0, 1), (0, 1)]),
        ] {
            assert_eq!(sizes(&cut_into(counters(counted), &entries(written, bytes))), expected);
        }
    }

    #[test]
    fn the_cut_is_the_same_in_whatever_order_a_projection_returns_entries() {
        let (one, mut other) = (entries(200, 1), entries(200, 1));
        other.reverse();
        assert_eq!(cut_into(Vec::new(), &one), cut_into(Vec::new(), &other));
        // A second change of an entry stays in its part.
        other.insert(0, one[0].key.clone().delete());
        other.push(one[0].key.clone().delete());
        assert_eq!(sizes(&cut_into(Vec::new(), &other)), [(0, 97), (0, 97), (0, 6)]);
    }

    #[test]
    fn parts_are_joined_while_they_fit_one_transaction() {
        let groups = |counted, written| {
            let parts = cut_into(counters(counted), &entries(written, 1));
            let all = joined((1..).zip(parts).collect());
            all.into_iter().map(|(last, part)| (last, sizes(&[part])[0])).collect::<Vec<_>>()
        };
        assert_eq!(groups(250, 20), [(4, (250, 20))]);
        assert_eq!(groups(1, 97), [(2, (1, 97))]);
        assert_eq!(groups(1, 98), [(2, (1, 97)), (3, (0, 1))]);
    }

    #[test]
    fn the_digest_tells_entries_from_counters_and_the_places_of_both() {
        let version = Version::new(7);
        let digest = |counters, entries: &[EntryUpdate]| cut(version, &cut_into(counters, entries));
        let key = |key: &str| Increment { key: key.to_owned(), add: BTreeMap::new() };
        let entry = |entry| EntryKey::new("a", entry).delete();
        let all = [
            digest(vec![key("a"), key("b")], &[]),
            digest(Vec::new(), &[entry("b")]),
            digest(vec![key("a")], &[entry("b")]),
            digest(vec![key("a")], &[entry("b"), entry("c")]),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        let again = EntryKey::new("a", "b").write(RowUpdate::default().set("t", 1));
        assert_eq!(digest(Vec::new(), &[again]), all[1], "attributes may be corrected");
        assert!(all.iter().all(|cut| is_of(*cut, version) && !is_of(*cut, version.next())));
    }
}
