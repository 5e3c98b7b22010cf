//! The sizes of items that functions wrote.
//!
//! An update is billed by its whole item, but its request has only what it changes.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use parking_lot::Mutex;
use serde_json::{Map, Value};
use topology::Topology;

use super::item::item_bytes;

/// Names of the key attributes of tables, and how many indexes each table has.
#[derive(Clone, Debug, Default)]
pub struct TableKeys {
    keys: BTreeMap<String, Vec<String>>,
    indexes: BTreeMap<String, u32>,
}

impl TableKeys {
    /// Creates the keys of no table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the keys of a topology's tables.
    pub fn from_topology(topology: &Topology) -> Self {
        let indexes = topology.tables.iter().map(|(name, table)| {
            (name.clone(), u32::try_from(table.indexes.len()).unwrap_or(u32::MAX))
        });
        Self { keys: topology.table_keys(), indexes: indexes.collect() }
    }

    /// Creates the keys of one table with this key and so many indexes.
    #[cfg(test)]
    pub(super) fn from_table(name: &str, key: &str, indexes: u32) -> Self {
        Self {
            keys: [(name.to_owned(), vec![key.to_owned()])].into(),
            indexes: [(name.to_owned(), indexes)].into(),
        }
    }
}

/// Items up to this size, in bytes, are billed as one unit and are not remembered.
const SMALLEST_UNIT: usize = 1024;
/// Largest number of items whose sizes are remembered. They take a few megabytes.
const REMEMBERED: usize = 100_000;

/// The known sizes of items.
#[derive(Debug, Default)]
pub(crate) struct Items {
    tables: TableKeys,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Tables whose items are changed after they were put. Sizes of items in other tables are never
    /// needed.
    changed: HashSet<String>,
    /// Size of each item, with its number in `order`.
    sizes: HashMap<u64, (usize, u64)>,
    /// Number and item, in the order in which the items became known. It may still contain items
    /// that are gone.
    order: VecDeque<(u64, u64)>,
    last: u64,
    forgotten: u64,
}

impl Known {
    fn remember(&mut self, item: u64, bytes: usize) {
        if let Some((known, _)) = self.sizes.get_mut(&item) {
            *known = bytes;
            return;
        }
        self.last += 1;
        self.sizes.insert(item, (bytes, self.last));
        self.order.push_back((self.last, item));
        let is_known = |sizes: &HashMap<u64, (usize, u64)>, (number, item): &(u64, u64)| {
            sizes.get(item).is_some_and(|(_, own)| own == number)
        };
        while self.sizes.len() > REMEMBERED {
            let Some(oldest) = self.order.pop_front() else { return };
            if is_known(&self.sizes, &oldest) {
                self.sizes.remove(&oldest.1);
                self.forgotten += 1;
            }
        }
        if self.order.len() > 2 * REMEMBERED {
            let sizes = &self.sizes;
            self.order.retain(|entry| is_known(sizes, entry));
        }
    }
}

impl Items {
    pub(crate) fn new(tables: TableKeys) -> Self {
        Self { tables, known: Mutex::default() }
    }

    /// Returns how many indexes a table has: a write of an item is written to each of them.
    pub(super) fn indexes(&self, table: Option<&str>) -> f64 {
        table.and_then(|table| self.tables.indexes.get(table)).copied().map_or(0.0, f64::from)
    }

    /// Returns the known size, before a write, of the item that an action puts or changes; 0 if it
    /// is unknown.
    pub(super) fn before(&self, action: &Value) -> usize {
        let Some((table, item)) = self.identity(action) else { return 0 };
        self.with(|known| {
            if action.get("Item").is_none() && !known.changed.contains(table) {
                known.changed.insert(table.to_owned());
            }
            known.sizes.get(&item).map_or(0, |(bytes, _)| *bytes)
        })
    }

    /// Remembers what an action wrote. Without a size the item is gone.
    pub(super) fn wrote(&self, action: &Value, bytes: Option<usize>) {
        let Some((table, item)) = self.identity(action) else { return };
        self.with(|known| match bytes {
            Some(bytes) if bytes > SMALLEST_UNIT && known.changed.contains(table) => {
                known.remember(item, bytes);
            }
            _ => drop(known.sizes.remove(&item)),
        });
    }

    /// Returns the key attributes among the attributes of an item of this table. If the key is not
    /// known, it may be any of them.
    pub(super) fn key(
        &self,
        table: &str,
        mut attributes: Map<String, Value>,
    ) -> Map<String, Value> {
        if let Some(names) = self.tables.keys.get(table) {
            attributes.retain(|name, _| names.contains(name));
        }
        attributes
    }

    /// Returns how many known items had to make room for others.
    pub(crate) fn forgotten(&self) -> u64 {
        self.with(|known| known.forgotten)
    }

    /// Returns the table, and a hash of table and key.
    fn identity<'a>(&self, action: &'a Value) -> Option<(&'a str, u64)> {
        let table = action.get("TableName")?.as_str()?;
        let holder = action.get("Key").or_else(|| action.get("Item"))?;
        let mut hasher = DefaultHasher::new();
        table.hash(&mut hasher);
        for name in self.tables.keys.get(table)? {
            holder.get(name)?.to_string().hash(&mut hasher);
        }
        Some((table, hasher.finish()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock())
    }
}

/// Returns the size of an item in DynamoDB's JSON. `None` if it is not an object.
pub(super) fn size_of(item: &Value) -> Option<usize> {
    item.as_object().map(item_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_sizes_make_room_and_how_many_is_said() {
        let mut known = Known::default();
        for item in 0..REMEMBERED as u64 + 5 {
            known.remember(item, 2000);
        }
        assert_eq!((known.sizes.len(), known.forgotten), (REMEMBERED, 5));
        assert!(!known.sizes.contains_key(&4) && known.sizes.contains_key(&5));
    }

    #[test]
    fn items_that_are_put_and_deleted_again_and_again_take_no_more_room() {
        let mut known = Known::default();
        known.remember(0, 2000);
        for item in 0..3 * REMEMBERED as u64 {
            let item = 1 + item % 7;
            known.remember(item, 2000);
            known.sizes.remove(&item);
        }
        assert!(known.order.len() <= 2 * REMEMBERED, "{}", known.order.len());
        assert_eq!((known.sizes.len(), known.forgotten), (1, 0));
    }
}
