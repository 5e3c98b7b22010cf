//! What is known of the items that functions wrote.
//!
//! An update is billed by its whole item, but its request has only what it changes. The same is
//! true for the indexes of the table.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use parking_lot::Mutex;
use serde_json::{Map, Value};
use topology::Topology;

use super::change::Change;
use super::index::Index;
use super::item::item_bytes;
use super::recent::Recent;

/// Names of the key attributes of tables, and their indexes.
#[derive(Clone, Debug, Default)]
pub struct TableKeys {
    keys: BTreeMap<String, Vec<String>>,
    indexes: BTreeMap<String, Indexes>,
}

/// The indexes of a table.
#[derive(Clone, Debug)]
struct Indexes {
    all: Vec<Index>,
    /// Attributes of their keys, each once.
    key: Vec<String>,
}

impl Indexes {
    fn new(all: Vec<Index>) -> Self {
        let mut key: Vec<String> = all.iter().flat_map(Index::key).cloned().collect();
        key.sort_unstable();
        key.dedup();
        Self { all, key }
    }
}

impl TableKeys {
    /// Creates the keys of no table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the keys of a topology's tables.
    pub fn from_topology(topology: &Topology) -> Self {
        let keys = topology.table_keys();
        let with_indexes = topology.tables.iter().filter(|(_, table)| !table.indexes.is_empty());
        let indexes = with_indexes.map(|(name, table)| {
            let own = keys.get(name).map_or(&[][..], Vec::as_slice);
            let all = table.indexes.values().map(|index| Index::new(index, own));
            (name.clone(), Indexes::new(all.collect()))
        });
        let indexes = indexes.collect();
        Self { keys, indexes }
    }

    /// Creates the keys of one table with this key and these indexes.
    #[cfg(test)]
    pub(super) fn from_table(name: &str, key: &str, indexes: Vec<Index>) -> Self {
        let key = vec![key.to_owned()];
        let indexes = Indexes::new(indexes);
        Self { keys: [(name.to_owned(), key)].into(), indexes: [(name.to_owned(), indexes)].into() }
    }
}

/// Items up to this size, in bytes, are billed as one unit and are not remembered.
const SMALLEST_UNIT: usize = 1024;

/// What is known of items.
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
    /// Size of each item.
    sizes: Recent<usize>,
    /// Hashes of the values that each item has in the attributes of [`Indexes::key`].
    places: Recent<Vec<Option<u64>>>,
}

impl Items {
    pub(crate) fn new(tables: TableKeys) -> Self {
        Self { tables, known: Mutex::default() }
    }

    /// Returns the write units that a change of an item costs in the indexes of its table, and
    /// remembers where the item is in them. `units` are those of the item.
    ///
    /// An item that nothing wrote yet counts as new. If it is deleted, it counts as one that was in
    /// every index.
    pub(super) fn in_indexes(&self, action: &Value, change: &Change, units: f64) -> f64 {
        let Some((table, item)) = self.identity(action) else { return 0.0 };
        let Some(Indexes { all, key }) = self.tables.indexes.get(table) else { return 0.0 };
        let is_deletion = change.replaces && change.attributes.is_empty();
        self.with(|known| {
            let before = known.places.get(item).cloned();
            let unknown = if is_deletion { Some(0) } else { None };
            let before = before.unwrap_or_else(|| vec![unknown; key.len()]);
            let after: Vec<Option<u64>> = key
                .iter()
                .zip(&before)
                .map(|(name, before)| {
                    let written = change.attributes.get(name);
                    let untouched = before.filter(|_| !change.replaces);
                    written.map_or(untouched, |written| written.now.after(*before))
                })
                .collect();
            let of = |values: &[Option<u64>], name: &str| {
                key.iter().position(|own| own == name).and_then(|place| *values.get(place)?)
            };
            let costs = all.iter().map(|index| {
                let writes =
                    index.writes(change, |name| of(&before, name), |name| of(&after, name));
                writes * index.units(change, units)
            });
            let costs = costs.sum();
            if is_deletion {
                known.places.remove(item)
            } else {
                known.places.remember(item, after)
            }
            costs
        })
    }

    /// Returns the known size, before a write, of the item that an action puts or changes; 0 if it
    /// is unknown.
    pub(super) fn before(&self, action: &Value) -> usize {
        let Some((table, item)) = self.identity(action) else { return 0 };
        self.with(|known| {
            if action.get("Item").is_none() && !known.changed.contains(table) {
                known.changed.insert(table.to_owned());
            }
            known.sizes.get(item).copied().unwrap_or(0)
        })
    }

    /// Remembers what an action wrote. Without a size the item is gone.
    pub(super) fn wrote(&self, action: &Value, bytes: Option<usize>) {
        let Some((table, item)) = self.identity(action) else { return };
        self.with(|known| match bytes {
            Some(bytes) if bytes > SMALLEST_UNIT && known.changed.contains(table) => {
                known.sizes.remember(item, bytes);
            }
            _ => known.sizes.remove(item),
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
        self.with(|known| known.sizes.forgotten() + known.places.forgotten())
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
    use serde_json::json;
    use topology::{Index as Declared, IndexProjection, Key, KeyType};

    use super::*;

    /// A table with the key `id`, and an index by `state` and `due` with this projection.
    fn items(projection: IndexProjection, attributes: &[&str]) -> Items {
        let key = |name: &str| Key { name: name.to_owned(), kind: KeyType::S };
        let attributes = attributes.iter().map(|name| (*name).to_owned()).collect();
        let (partition_key, sort_key) = (key("state"), Some(key("due")));
        let declared = Declared { partition_key, sort_key, projection, attributes };
        let index = Index::new(&declared, &["id".to_owned()]);
        Items::new(TableKeys::from_table("t", "id", vec![index]))
    }

    fn put(item: &str, attributes: Value) -> Value {
        let mut whole = json!({"id": {"S": item}});
        let own = attributes.as_object().unwrap().iter();
        whole
            .as_object_mut()
            .unwrap()
            .extend(own.map(|(name, value)| (name.clone(), json!({"S": value}))));
        json!({"TableName": "t", "Item": whole})
    }

    fn update(item: &str, expression: &str, values: Value) -> Value {
        let values = values.as_object().unwrap().iter();
        let values: Map<String, Value> =
            values.map(|(name, value)| (name.clone(), json!({"S": value}))).collect();
        json!({
            "TableName": "t", "Key": {"id": {"S": item}}, "UpdateExpression": expression,
            "ExpressionAttributeValues": values,
        })
    }

    fn delete(item: &str) -> Value {
        json!({"TableName": "t", "Key": {"id": {"S": item}}})
    }

    /// Makes these changes one after the other, of an item of five units. Returns what each of them
    /// costs in the index.
    fn costs(items: &Items, actions: &[Value]) -> Vec<f64> {
        let cost = |action| items.in_indexes(action, &Change::of(action), 5.0);
        actions.iter().map(cost).collect()
    }

    #[test]
    fn an_index_costs_what_changes_in_it() {
        let keys_only = items(IndexProjection::KeysOnly, &[]);
        let found = costs(
            &keys_only,
            &[
                put("a", json!({"state": "new", "note": "x"})),
                update("a", "SET due = :d", json!({":d": "1"})),
                update("a", "SET note = :n, due = :d", json!({":n": "y", ":d": "1"})),
                update("a", "SET due = :d, state = :s", json!({":d": "2", ":s": "new"})),
                update("a", "SET due = if_not_exists(due, :d)", json!({":d": "3"})),
                update("a", "REMOVE due", json!({})),
                update("a", "REMOVE due SET note = :n", json!({":n": "z"})),
                put("a", json!({"state": "new", "due": "4"})),
                put("a", json!({"state": "new", "due": "4", "note": "x"})),
                put("a", json!({"state": "old"})),
                delete("a"),
            ],
        );
        let entered_moved_and_left = [0.0, 1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
        assert_eq!(found, entered_moved_and_left);
    }

    #[test]
    fn an_index_with_attributes_is_written_if_one_of_them_is() {
        let due = json!({"state": "new", "due": "1"});
        let note = update("a", "SET note = :n", json!({":n": "y"}));
        let total = update("a", "SET total = :n", json!({":n": "y"}));
        for (projection, attributes, expected) in [
            (IndexProjection::All, &[][..], [5.0, 5.0, 5.0]),
            (IndexProjection::Include, &["total"][..], [1.0, 0.0, 1.0]),
            (IndexProjection::KeysOnly, &[][..], [1.0, 0.0, 0.0]),
        ] {
            let items = items(projection, attributes);
            let found = costs(&items, &[put("a", due.clone()), note.clone(), total.clone()]);
            assert_eq!(found, expected, "{projection:?}");
        }
        let large = json!({"state": "new", "due": "1", "total": "x".repeat(1500)});
        let included = items(IndexProjection::Include, &["total"]);
        assert_eq!(costs(&included, &[put("a", large)]), [2.0]);
    }

    #[test]
    fn what_nothing_wrote_is_new_and_in_every_index_if_it_is_deleted() {
        let items = items(IndexProjection::KeysOnly, &[]);
        let found = costs(
            &items,
            &[
                update("a", "SET due = :d", json!({":d": "1"})),
                delete("b"),
                json!({"TableName": "u", "Key": {"id": {"S": "a"}}}),
                json!({"TableName": "t", "Item": {"other": {"S": "a"}}}),
            ],
        );
        assert_eq!(found, [0.0, 1.0, 0.0, 0.0]);
    }
}
