//! The sizes of items that functions wrote: an update is billed by its whole item, and says only what it changes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::item::item_bytes;

/// Names of the key attributes by table.
pub type TableKeys = BTreeMap<String, Vec<String>>;

/// Items up to this size are billed the same however large they are, and are not remembered.
const SMALLEST_UNIT: usize = 1024;

/// What is known of items.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Items {
    keys: TableKeys,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Tables whose items are changed after they were put. The items of the others are never asked for.
    changed: HashSet<String>,
    sizes: HashMap<u64, usize>,
}

impl Items {
    pub(in crate::proxy) fn new(keys: TableKeys) -> Self {
        Self { keys, known: Mutex::default() }
    }

    /// The size before a write, as far as it is known, of the item that an action puts or changes.
    pub(super) fn before(&self, action: &Value) -> usize {
        let Some((table, item)) = self.identity(action) else { return 0 };
        self.with(|known| {
            if action.get("Item").is_none() && !known.changed.contains(table) {
                known.changed.insert(table.to_owned());
            }
            known.sizes.get(&item).copied().unwrap_or(0)
        })
    }

    /// Remembers what an action wrote. Without a size the item is gone.
    pub(super) fn wrote(&self, action: &Value, bytes: Option<usize>) {
        let Some((table, item)) = self.identity(action) else { return };
        self.with(|known| match bytes {
            Some(bytes) if bytes > SMALLEST_UNIT && known.changed.contains(table) => {
                known.sizes.insert(item, bytes);
            }
            _ => drop(known.sizes.remove(&item)),
        });
    }

    /// The table, and a hash of table and key.
    fn identity<'a>(&self, action: &'a Value) -> Option<(&'a str, u64)> {
        let table = action.get("TableName")?.as_str()?;
        let holder = action.get("Key").or_else(|| action.get("Item"))?;
        let mut hasher = DefaultHasher::new();
        table.hash(&mut hasher);
        for name in self.keys.get(table)? {
            holder.get(name)?.to_string().hash(&mut hasher);
        }
        Some((table, hasher.finish()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The size of an item in DynamoDB's JSON; none if it is no object.
pub(super) fn size_of(item: &Value) -> Option<usize> {
    item.as_object().map(item_bytes)
}
