//! Checks global secondary indexes of tables.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::names::INDEX;
use crate::model::{Index, IndexProjection, Key, KeyType, Table};

/// Most global secondary indexes of a table, by default (AWS docs: quotas in DynamoDB).
const INDEXES: usize = 20;
/// Most attributes that the indexes of a table include, together (AWS docs: quotas in DynamoDB). An
/// attribute of two indexes counts twice.
const INCLUDED: usize = 100;

impl Check<'_> {
    pub(super) fn indexes(&mut self, name: &str, table: &Table) {
        let path = ["tables", name, "indexes"];
        if table.indexes.len() > INDEXES {
            let what = format!("are {}; a table has at most {INDEXES}", table.indexes.len());
            self.mistake(&path, what);
        }
        let included: usize = table.indexes.values().map(|index| index.attributes.len()).sum();
        if included > INCLUDED {
            let what = format!(
                "include {included} attributes; the indexes of a table include at most {INCLUDED} \
                 together, so use projection = \"ALL\""
            );
            self.mistake(&path, what);
        }
        let mut types: BTreeMap<&str, KeyType> = BTreeMap::new();
        for key in [Some(&table.partition_key), table.sort_key.as_ref()].into_iter().flatten() {
            types.insert(&key.name, key.kind);
        }
        for (of, index) in &table.indexes {
            self.name(&["tables", name, "indexes", of], of, &INDEX);
            let keys = [
                ("partition_key", Some(&index.partition_key)),
                ("sort_key", index.sort_key.as_ref()),
            ];
            for (field, key) in keys {
                let Some(key) = key else { continue };
                self.index_key(name, of, field, key, &types);
                types.entry(&key.name).or_insert(key.kind);
            }
            if index.sort_key.as_ref().is_some_and(|sort| sort.name == index.partition_key.name) {
                let what = format!(
                    "is {}, the partition key; choose another attribute",
                    index.partition_key.name
                );
                self.mistake(&["tables", name, "indexes", of, "sort_key", "name"], what);
            }
            self.index_attributes(name, of, table, index);
        }
    }

    fn index_key(
        &mut self,
        table: &str,
        index: &str,
        field: &str,
        key: &Key,
        types: &BTreeMap<&str, KeyType>,
    ) {
        let path = ["tables", table, "indexes", index, field];
        if key.name.is_empty() || key.name.len() > 255 {
            let what = "is not a valid name of a key attribute; use 1 to 255 bytes";
            self.mistake(&["tables", table, "indexes", index, field, "name"], what);
        }
        // An attribute has one type for the whole table.
        if let Some(kind) = types.get(key.name.as_str()).filter(|kind| **kind != key.kind) {
            let what = format!(
                "makes {} a key of the type {:?}, and elsewhere in the table it has the type \
                 {kind:?}; an attribute has one type",
                key.name, key.kind
            );
            self.mistake(&path, what);
        }
    }

    fn index_attributes(&mut self, name: &str, of: &str, table: &Table, index: &Index) {
        let path = ["tables", name, "indexes", of, "attributes"];
        if index.projection != IndexProjection::Include {
            if !index.attributes.is_empty() {
                let what = "are set, and only projection = \"INCLUDE\" has attributes";
                self.mistake(&path, what);
            }
            return;
        }
        if index.attributes.is_empty() {
            let what = "has projection = \"INCLUDE\" and no attributes; name them, or use \
                        \"KEYS_ONLY\"";
            return self.mistake(&["tables", name, "indexes", of], what);
        }
        let keys = [
            Some(&table.partition_key),
            table.sort_key.as_ref(),
            Some(&index.partition_key),
            index.sort_key.as_ref(),
        ];
        let keys: BTreeSet<&str> =
            keys.into_iter().flatten().map(|key| key.name.as_str()).collect();
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for attribute in &index.attributes {
            if attribute.is_empty() || attribute.len() > 255 {
                let what = "have an entry that is not a name of an attribute; use 1 to 255 bytes";
                self.mistake(&path, what);
            } else if keys.contains(attribute.as_str()) {
                let what = format!("have {attribute}, a key, which the index has anyway");
                self.mistake(&path, what);
            } else if !named.insert(attribute) {
                self.mistake(&path, format!("have {attribute} twice"));
            }
        }
    }
}
