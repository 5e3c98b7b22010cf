//! Steps and transactions within DynamoDB's limits.

use std::collections::HashSet;

use super::apply_error::ApplyError;
use super::change::Increment;
use super::delta::{COUNTED, Delta, is_counter};
use super::entry::{EntryKey, EntryUpdate};
use super::guard::Advance;
use super::limits::{ITEM_BYTES, KEY_BYTES, TRANSACTION_BYTES, TRANSACTION_ITEMS};
use super::row_update::RowUpdate;
use super::value::LEVELS;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::refusal::UNSTORABLE;

/// Largest number of aggregates and entries in a transaction. The other items are the delta and the
/// head of the slice.
pub(super) const TRANSACTION_ROWS: usize = TRANSACTION_ITEMS - 2;
/// Most bytes of the text of a delta. The rest of its item is for its keys and its number.
const DELTA_BYTES: usize = ITEM_BYTES - 1024;
/// Most bytes that are packed into one transaction. The rest is for the content that the rows
/// already have, which is not known here. A transaction that turns out too large is split.
pub(super) const PACKED_BYTES: usize = TRANSACTION_BYTES / 2;
/// Most bytes that are packed into one delta, except for a single part of an event.
pub(super) const PACKED_DELTA: usize = 320 * 1024;
/// Attributes of a counter that belong to its key or to the projector.
const COUNTER_ATTRIBUTES: [&str; 3] = ["key", "slice", COUNTED];

/// The smallest unit that is applied as a whole.
///
/// It is an event, or some parts of an event whose counters are too large for one delta or whose
/// entries are too many for one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Move of the guard.
    pub advance: Advance,
    /// Changes of the aggregate's row; empty except in the last step of an event.
    pub row: RowUpdate,
    /// Changes of counters.
    pub counters: Vec<Increment>,
    /// Changes of entries, at most one for each.
    pub entries: Vec<EntryUpdate>,
}

impl Step {
    /// Returns whether the step changes nothing but the aggregate's row.
    pub(super) fn is_only_row(&self) -> bool {
        self.counters.iter().all(|counter| counter.add.is_empty()) && self.entries.is_empty()
    }
}

#[cfg(test)]
impl Step {
    /// Returns the most bytes that the step takes in a delta.
    pub(super) fn size(&self) -> usize {
        self.counters.iter().map(Increment::size).sum()
    }
}

/// Steps that are applied together: the guards move, and the sums of their events are stored as one
/// delta of a slice.
///
/// Steps are merged: each guard, each counter and each entry is changed once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// Moves of the guards, with the changes of their rows.
    pub guards: Vec<(Advance, RowUpdate)>,
    /// Changes of entries, each with the aggregate to which the entry belongs. It is one of those
    /// whose guards move.
    pub entries: Vec<(StreamId, EntryUpdate)>,
    /// What the events add to the counters. `None` if they change no counter.
    pub delta: Option<Delta>,
    /// All deltas of the slice up to this number are confirmed in every counter.
    pub applied: u64,
}

impl Transaction {
    /// Returns the move of the guard and its row, if the transaction changes nothing else.
    pub(super) fn only_row(&self) -> Option<&(Advance, RowUpdate)> {
        match self.guards.as_slice() {
            [row] if self.entries.is_empty() && self.delta.is_none() => Some(row),
            _ => None,
        }
    }

    /// Checks the transaction against those limits of DynamoDB that are known without asking it.
    /// Emulators do not enforce all of them.
    ///
    /// # Errors
    /// `unstorable` (permanent), with the places of the items to blame as in
    /// [`ApplyError::Refused`](super::ApplyError).
    pub(super) fn storable(&self) -> Result<(), ApplyError> {
        let delta = if self.delta.is_some() { 2 } else { 0 };
        let items = self.guards.len() + self.entries.len() + delta;
        if self.guards.is_empty() || items > TRANSACTION_ITEMS {
            return Err(refused(
                format!("{items} items; a transaction holds 1 to {TRANSACTION_ITEMS}"),
                [],
            ));
        }
        let streams: HashSet<_> = self.guards.iter().map(|(advance, _)| &advance.stream).collect();
        let entries: HashSet<&EntryKey> =
            self.entries.iter().map(|(_, update)| &update.key).collect();
        if streams.len() < self.guards.len() || entries.len() < self.entries.len() {
            return Err(refused("the transaction changes one item twice".to_owned(), []));
        }
        // Only the guard proves that the change was not made before.
        if self.entries.iter().any(|(owner, _)| !streams.contains(owner)) {
            return Err(refused(
                "an entry of an aggregate whose guard does not move".to_owned(),
                [],
            ));
        }
        let reasons = self.reasons();
        if let Some((_, reason)) = reasons.first() {
            return Err(refused(reason.clone(), reasons.iter().map(|(place, _)| *place)));
        }
        let delta = self.delta.as_ref().map_or(0, |delta| delta.encoded().len());
        if delta > DELTA_BYTES {
            return Err(refused(format!("a delta of {delta} bytes; it holds {DELTA_BYTES}"), []));
        }
        let entries = self.entries.iter().map(|(_, update)| update.size()).sum::<usize>();
        let rows = self.guards.iter().map(|(_, row)| row.size()).sum::<usize>();
        let bytes = delta + entries + rows;
        if bytes > TRANSACTION_BYTES {
            return Err(refused(
                format!("{bytes} bytes; a transaction holds {TRANSACTION_BYTES}"),
                [],
            ));
        }
        Ok(())
    }

    /// Finds the items that cannot be stored. Returns their places and the reasons.
    fn reasons(&self) -> Vec<(usize, String)> {
        let guards =
            self.guards.iter().map(|(_, row)| match (row.touches_guard(), row.too_deep()) {
                (Some(name), _) => {
                    Some(format!("the projection changes `{name}`, which belongs to the guard"))
                }
                (None, Some(name)) => Some(format!(
                    "the attribute `{name}` has more than {LEVELS} levels of lists and maps"
                )),
                (None, None) if row.size() > ITEM_BYTES => {
                    Some(format!("a row of {} bytes; an item holds {ITEM_BYTES}", row.size()))
                }
                (None, None) => None,
            });
        let counters = self.delta.iter().flat_map(|delta| &delta.counters).map(|(key, add)| {
            let own = COUNTER_ATTRIBUTES.iter().find(|name| add.contains_key(**name));
            match (key.len(), own) {
                (0, _) => Some(format!("a key of 0 bytes; it may have 1 to {KEY_BYTES}")),
                (length, _) if length > KEY_BYTES => {
                    Some(format!("a key of {length} bytes; it may have 1 to {KEY_BYTES}"))
                }
                _ if !is_counter(key) => {
                    Some(format!("the key `{key}`, which belongs to the projector"))
                }
                (_, Some(name)) => Some(format!(
                    "the projection adds to `{name}` of a counter, which belongs to the projector"
                )),
                (_, None) => None,
            }
        });
        let entries = self.entries.iter().map(|(_, update)| update.unstorable());
        guards
            .chain(entries)
            .chain(counters)
            .enumerate()
            .filter_map(|(place, reason)| Some((place, reason?)))
            .collect()
    }
}

/// Creates the refusal of a transaction that can never be stored.
pub(super) fn refused(reason: String, items: impl IntoIterator<Item = usize>) -> ApplyError {
    ApplyError::Refused {
        failure: Failure::permanent(UNSTORABLE, reason),
        items: items.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::projection::delta::PARKED_LIST_KEY;
    use crate::projection::plan::tests::event;

    /// Returns a transaction with a row of each of these sizes in bytes, and with counters of these
    /// keys.
    fn transaction(rows: &[usize], keys: &[&str]) -> Transaction {
        let row = |(n, bytes): (usize, &usize)| {
            let mut step = event(&format!("order#{n}"), 1, []).remove(0);
            step.row = RowUpdate::default().set("text", "x".repeat(bytes - 4));
            (step.advance, step.row)
        };
        let counter = |key: &&str| ((*key).to_owned(), [(Cow::Borrowed("units"), 1)].into());
        let delta = Delta { slice: 1, number: 1, counters: keys.iter().map(counter).collect() };
        Transaction {
            guards: rows.iter().enumerate().map(row).collect(),
            delta: (!keys.is_empty()).then_some(delta),
            ..Transaction::default()
        }
    }

    #[test]
    fn limits_are_reached_before_they_are_passed() {
        let (fits, too_long) = ("x".repeat(2048), "x".repeat(2049));
        let full = [409_600; 10];
        // The text of a delta with one counter has 19 bytes more than its key.
        let delta = r#"[[["units"],{"a":[1]}]]"#.len();
        let left = 98_304 - delta;
        for (transaction, refused) in [
            (transaction(&[], &[]), Some("0 items")),
            (transaction(&[], &["a"]), Some("2 items")),
            (transaction(&[9; 98], &["a"]), None),
            (transaction(&[9; 99], &["a"]), Some("101 items")),
            (transaction(&[9; 100], &[]), None),
            (transaction(&[9; 101], &[]), Some("101 items")),
            (transaction(&[9], &[""]), Some("a key of 0 bytes")),
            (transaction(&[9], &[&fits]), None),
            (transaction(&[9], &[&too_long]), Some("a key of 2049 bytes")),
            (transaction(&[409_600], &[]), None),
            (transaction(&[409_601], &[]), Some("a row of 409601 bytes")),
            (transaction(&[&full[..], &[left]].concat(), &["a"]), None),
            (transaction(&[&full[..], &[left]].concat(), &["ab"]), Some("4194305 bytes")),
        ] {
            let answer = transaction
                .storable()
                .map_err(|error| error.failure().unwrap().reason().to_owned());
            match refused {
                None => assert_eq!(answer, Ok(())),
                Some(reason) => {
                    let answer = answer.unwrap_err();
                    assert!(answer.starts_with(reason), "{reason}: {answer}");
                }
            }
        }
        let mut twice = transaction(&[9, 9], &["a"]);
        twice.guards[1].0 = twice.guards[0].0.clone();
        assert_eq!(
            twice.storable(),
            Err(refused("the transaction changes one item twice".to_owned(), []))
        );
    }

    #[test]
    fn a_delta_fits_an_item() {
        let with = |last: usize| {
            // 200 counters of 2,036 bytes each, and the last.
            let mut keys: Vec<_> = (0..200).map(|key| format!("{key:02030}")).collect();
            keys.push(format!("x{}", "y".repeat(last - 1)));
            transaction(&[9], &keys.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let bytes = with(1).delta.unwrap().encoded().len();
        let fits = 1 + DELTA_BYTES - bytes;
        assert_eq!(with(fits).storable(), Ok(()));
        let reason = with(fits + 1).storable().unwrap_err();
        assert!(reason.failure().unwrap().reason().starts_with("a delta of 408577 bytes"));
    }

    #[test]
    fn the_items_to_blame_are_named() {
        let keys = ["", PARKED_LIST_KEY, "#aside", "#deltas", "#deltas/3", "a", "b"];
        let mut transaction = transaction(&[9, 409_601, 9], &keys);
        transaction.guards[2].1 = RowUpdate::default().set("parked", 1);
        let last = transaction.delta.as_mut().unwrap().counters.get_mut("b").unwrap();
        last.insert(Cow::Borrowed(COUNTED), 1);
        let Err(ApplyError::Refused { items, failure }) = transaction.storable() else { panic!() };
        assert_eq!(items, [1, 2, 3, 4, 5, 6, 7, 9]);
        assert!(failure.reason().starts_with("a row of 409601 bytes"), "{failure}");
    }
}
