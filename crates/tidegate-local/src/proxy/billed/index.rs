//! Writes of a global secondary index, by DynamoDB's rules.
//!
//! An item is in an index if it has all attributes of the index's key. A write of the item costs
//! the index
//!
//! - nothing if the item is not in it, neither before nor after;
//! - one write if the item enters or leaves it, or if an attribute changes that the index has;
//! - two writes, one that deletes and one that puts, if the item's key in the index changes.

use std::collections::BTreeSet;

use super::change::Change;
use super::units::{WRITE, units};

/// A global secondary index, as far as writes of it are billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Attributes of its key.
    key: Vec<String>,
    /// Attributes of the table's key.
    table_key: Vec<String>,
    /// Attributes that it has besides the keys. `None`: all.
    attributes: Option<BTreeSet<String>>,
}

impl Index {
    /// Creates an index of a table with this key.
    pub(super) fn new(declared: &topology::Index, table_key: &[String]) -> Self {
        let sort_key = declared.sort_key.iter();
        let key: Vec<String> = std::iter::once(&declared.partition_key)
            .chain(sort_key)
            .map(|key| key.name.clone())
            .collect();
        let attributes = match declared.projection {
            topology::IndexProjection::All => None,
            topology::IndexProjection::KeysOnly | topology::IndexProjection::Include => {
                Some(declared.attributes.iter().cloned().collect())
            }
        };
        Self { key, table_key: table_key.to_vec(), attributes }
    }

    /// Returns the attributes of its key.
    pub(super) fn key(&self) -> &[String] {
        &self.key
    }

    /// Returns how many writes a change of an item costs. `before` and `after` have the hashes of
    /// the values of its key's attributes.
    pub(super) fn writes(
        &self,
        change: &Change,
        before: impl Fn(&str) -> Option<u64>,
        after: impl Fn(&str) -> Option<u64>,
    ) -> f64 {
        let place = |of: &dyn Fn(&str) -> Option<u64>| {
            self.key.iter().map(|name| of(name)).collect::<Option<Vec<u64>>>()
        };
        match (place(&before), place(&after)) {
            (None, None) => 0.0,
            (None, Some(_)) | (Some(_), None) => 1.0,
            (Some(before), Some(after)) if before != after => 2.0,
            (Some(_), Some(_)) => f64::from(u8::from(self.changes(change))),
        }
    }

    /// Returns whether a change writes an attribute that the index has besides the keys.
    fn changes(&self, change: &Change) -> bool {
        let Some(attributes) = &self.attributes else { return true };
        change.attributes.keys().any(|name| attributes.contains(name))
    }

    /// Returns the write units of an item's entry, as far as the change shows it: at most those of
    /// the item.
    pub(super) fn units(&self, change: &Change, of_item: f64) -> f64 {
        let Some(attributes) = &self.attributes else { return of_item };
        let has = |name: &String| {
            attributes.contains(name) || self.key.contains(name) || self.table_key.contains(name)
        };
        let had = change.attributes.iter().filter(|(name, _)| has(name));
        units(had.map(|(_, written)| written.bytes).sum(), WRITE).min(of_item)
    }
}
