//! Steps and transactions within DynamoDB's limits.

use std::collections::HashSet;

use super::apply_error::ApplyError;
use super::change::{Increment, RowUpdate};
use super::guard::Advance;
use crate::failure::Failure;
use crate::refusal::UNSTORABLE;

/// Largest number of items in a transaction of DynamoDB.
pub(super) const TRANSACTION_ITEMS: usize = 100;
/// Largest transaction of DynamoDB in bytes.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024;
/// Largest item of DynamoDB in bytes.
pub(super) const ITEM_BYTES: usize = 400 * 1024;
/// Longest partition key of DynamoDB in bytes.
const KEY_BYTES: usize = 2048;
/// Most bytes that are packed into one transaction. The rest is for the content that the rows
/// already have, which is not known here. A transaction that turns out too large is split.
pub(super) const PACKED_BYTES: usize = TRANSACTION_BYTES / 2;
/// Partition key of the list of parked aggregates in the table of counters. A counter must not have
/// this key.
pub const PARKED_LIST_KEY: &str = "#parked";

/// The smallest unit that is applied as a whole.
///
/// It is an event, or one part of an event that changes more rows than a transaction holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Move of the guard.
    pub advance: Advance,
    /// Changes of the aggregate's row; empty except in the last part of an event.
    pub row: RowUpdate,
    /// Changes of counters.
    pub counters: Vec<Increment>,
}

impl Step {
    pub(super) fn size(&self) -> usize {
        self.row.size() + self.counters.iter().map(Increment::size).sum::<usize>()
    }
}

/// Steps that are applied together.
///
/// They are merged: each guard and each counter is written once.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// Moves of the guards, with the changes of their rows.
    pub guards: Vec<(Advance, RowUpdate)>,
    /// Changes of the counters.
    pub counters: Vec<Increment>,
}

impl Transaction {
    /// Checks the transaction against those limits of DynamoDB that are known without asking it.
    /// Emulators do not enforce all of them.
    ///
    /// # Errors
    /// `unstorable` (permanent), with the places of the items to blame as in
    /// [`ApplyError::Refused`](super::ApplyError).
    pub(super) fn storable(&self) -> Result<(), ApplyError> {
        let items = self.guards.len() + self.counters.len();
        if items == 0 || items > TRANSACTION_ITEMS {
            return Err(refused(
                format!("{items} items; a transaction holds 1 to {TRANSACTION_ITEMS}"),
                [],
            ));
        }
        let streams: HashSet<_> = self.guards.iter().map(|(advance, _)| &advance.stream).collect();
        let keys: HashSet<_> = self.counters.iter().map(|counter| &counter.key).collect();
        if streams.len() + keys.len() < items {
            return Err(refused("the transaction changes one item twice".to_owned(), []));
        }
        let reasons = self.reasons();
        if let Some((_, reason)) = reasons.first() {
            return Err(refused(reason.clone(), reasons.iter().map(|(place, _)| *place)));
        }
        let bytes: usize = self.sizes().sum();
        if bytes > TRANSACTION_BYTES {
            return Err(refused(
                format!("{bytes} bytes; a transaction holds {TRANSACTION_BYTES}"),
                [],
            ));
        }
        Ok(())
    }

    /// Finds the items that no transaction can store. Returns their places and the reasons.
    fn reasons(&self) -> Vec<(usize, String)> {
        let guards = self.guards.iter().map(|(_, row)| match row.touches_guard() {
            Some(name) => {
                Some(format!("the projection changes `{name}`, which belongs to the guard"))
            }
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
            _ if counter.key == PARKED_LIST_KEY => Some(format!(
                "the key `{PARKED_LIST_KEY}`, which belongs to the list of parked aggregates"
            )),
            _ => None,
        });
        guards
            .chain(counters)
            .enumerate()
            .filter_map(|(place, reason)| Some((place, reason?)))
            .collect()
    }

    fn sizes(&self) -> impl Iterator<Item = usize> {
        self.guards
            .iter()
            .map(|(_, row)| row.size())
            .chain(self.counters.iter().map(Increment::size))
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::projection::plan::tests::event;

    /// Returns a transaction with a row of each of these sizes in bytes, and with counters of these
    /// keys. Each counter takes 26 bytes more than its key.
    fn transaction(rows: &[usize], keys: &[&str]) -> Transaction {
        let row = |(n, bytes): (usize, &usize)| {
            let mut step = event(&format!("order#{n}"), 1, []).remove(0);
            step.row = RowUpdate::default().set("text", "x".repeat(bytes - 4));
            (step.advance, step.row)
        };
        let counter =
            |key: &&str| Increment { key: (*key).to_owned(), add: BTreeMap::from([("units", 1)]) };
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
            (transaction(&[9], &["a", "a"]), Some("the transaction changes one item twice")),
            (transaction(&[9], &[""]), Some("a key of 0 bytes")),
            (transaction(&[9], &[&fits]), None),
            (transaction(&[9], &[&too_long]), Some("a key of 2049 bytes")),
            (transaction(&[409_600], &[]), None),
            (transaction(&[409_601], &[]), Some("a row of 409601 bytes")),
            (transaction(&[&full[..], &[98_304 - 27]].concat(), &["a"]), None),
            (transaction(&[&full[..], &[98_304 - 27]].concat(), &["ab"]), Some("4194305 bytes")),
        ] {
            let answer = transaction
                .storable()
                .map_err(|error| error.failure().unwrap().reason().to_owned());
            match refused {
                None => assert_eq!(answer, Ok(())),
                Some(reason) => assert!(answer.unwrap_err().starts_with(reason), "{reason}"),
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
    fn the_items_to_blame_are_named() {
        let mut transaction = transaction(&[9, 409_601, 9], &["a", "", PARKED_LIST_KEY]);
        transaction.guards[2].1 = RowUpdate::default().set("parked", 1);
        let Err(ApplyError::Refused { items, failure }) = transaction.storable() else { panic!() };
        assert_eq!(items, [1, 2, 4, 5]);
        assert!(failure.reason().starts_with("a row of 409601 bytes"), "{failure}");
    }
}
