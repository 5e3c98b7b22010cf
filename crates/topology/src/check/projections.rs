//! Checks projections: their tables, their function and the numbers of their generations.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::names::PROJECTION;
use crate::model::{Access, Function, KeyType, Projection, Table};

/// Most generations at a time. The projection writes each event to all of them.
const MOST: usize = 4;
const NUMBERS: std::ops::RangeInclusive<i64> = 1..=9_999;

/// Keys of the tables that the toolkit reads and writes.
const STORE: (&str, Option<(&str, KeyType)>) = ("stream", Some(("version", KeyType::N)));
const POINTERS: (&str, Option<(&str, KeyType)>) = ("projection", None);

impl Check<'_> {
    pub(super) fn projections(&mut self) {
        let topology = self.topology;
        let mut variables: BTreeMap<String, &str> = BTreeMap::new();
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        let first = topology.projections.iter().next();
        for (name, projection) in &topology.projections {
            let path = ["projections", name.as_str()];
            self.name(&path, name, &PROJECTION);
            let other = *variables.entry(Projection::variable(name)).or_insert(name);
            if other != name {
                let variable = Projection::variable(name);
                let what = format!(
                    "has the variable {variable} of functions, and so has {other}; rename one"
                );
                self.mistake(&path, what);
            }
            self.projection_tables(name, projection, &mut owners);
            self.generations(name, projection);
            self.feeder(name, projection);
            // A function has one variable for the table of pointers.
            if let Some((other, of)) = first.filter(|(_, of)| of.pointers != projection.pointers) {
                let what = format!(
                    "is {}, and {other} has {}; one table holds the pointers of all projections",
                    projection.pointers, of.pointers
                );
                self.mistake(&["projections", name, "pointers"], what);
            }
        }
    }

    /// Checks that the tables are declared, have the keys that the toolkit needs, and belong to
    /// this projection alone.
    fn projection_tables<'t>(
        &mut self,
        name: &'t str,
        projection: &'t Projection,
        owners: &mut BTreeMap<&'t str, &'t str>,
    ) {
        let topology = self.topology;
        let at = |field| ["projections", name, field];
        let own = [
            ("rows", Some(&projection.rows)),
            ("counters", projection.counters.as_ref()),
            ("entries", projection.entries.as_ref()),
        ];
        for (field, table) in own {
            let Some(table) = table else { continue };
            self.declared(&at(field), "tables", table, &topology.tables);
            for (other, of) in [("store", &projection.store), ("pointers", &projection.pointers)] {
                if of == table {
                    let what = format!("is {table}, and so is {other}; they are separate tables");
                    self.mistake(&at(field), what);
                }
            }
            match owners.insert(table, name) {
                Some(owner) if owner == name => {
                    let what = format!("is {table}, which the projection names twice");
                    self.mistake(&at(field), what);
                }
                Some(owner) => {
                    let what =
                        format!("is {table}, a table of {owner}; each has tables of its own");
                    self.mistake(&at(field), what);
                }
                None => {}
            }
        }
        for (field, table, keys) in
            [("store", &projection.store, STORE), ("pointers", &projection.pointers, POINTERS)]
        {
            self.declared(&at(field), "tables", table, &topology.tables);
            if topology.tables.get(table).is_some_and(|table| !has_keys(table, keys)) {
                let (partition, sort) = keys;
                let sort = sort.map_or_else(
                    || "without a sort key".to_owned(),
                    |(sort, kind)| format!("and the sort key {sort} of the type {kind:?}"),
                );
                let what = format!(
                    "is {table}, which needs the partition key {partition} of the type S {sort}"
                );
                self.mistake(&at(field), what);
            }
        }
        if projection.store == projection.pointers {
            let what =
                format!("is {}, and so is store; they are separate tables", projection.store);
            self.mistake(&at("pointers"), what);
        }
    }

    fn generations(&mut self, name: &str, projection: &Projection) {
        let topology = self.topology;
        let path = ["projections", name, "generations"];
        let numbers = &projection.generations;
        if numbers.is_empty() {
            self.mistake(&path, "is empty; use [1], and [1, 2] to rebuild");
        } else if numbers.len() > MOST {
            let what = format!(
                "has {} numbers; the function writes to each generation, so at most {MOST} are \
                 allowed: leave out one to which you will not go back",
                numbers.len()
            );
            self.mistake(&path, what);
        }
        let mut seen = BTreeSet::new();
        for (place, number) in numbers.iter().enumerate() {
            let place = place.to_string();
            let at = ["projections", name, "generations", place.as_str()];
            self.range(&at, *number, NUMBERS);
            if !seen.insert(number) {
                self.mistake(&at, format!("is {number}, which is declared twice"));
            }
        }
        for (table, later) in projection.later_tables() {
            if topology.tables.contains_key(&later) {
                let what = format!(
                    "is the name of a generation of {table}, which projections.{name} declares; \
                     remove it here"
                );
                self.mistake(&["tables", &later], what);
            }
        }
    }

    /// Checks that the function can feed the projection.
    fn feeder(&mut self, name: &str, projection: &Projection) {
        let topology = self.topology;
        let path = ["projections", name, "function"];
        let function = &projection.function;
        self.declared(&path, "functions", function, &topology.functions);
        let Some(declared) = topology.functions.get(function) else { return };
        if !is_used(declared, &projection.store, |access| access != Access::Write) {
            let what = format!(
                "is {function}, which does not read {}, the store; declare it in \
                 functions.{function}.uses",
                projection.store
            );
            self.mistake(&path, what);
        }
        for table in projection.tables().filter(|table| topology.tables.contains_key(*table)) {
            if !is_used(declared, table, |access| access == Access::ReadWrite) {
                let what = format!(
                    "is {function}, which does not use {table} with the access read-write; \
                     declare it in functions.{function}.uses"
                );
                self.mistake(&path, what);
            }
        }
    }
}

fn has_keys(table: &Table, (partition, sort): (&str, Option<(&str, KeyType)>)) -> bool {
    let own = &table.partition_key;
    let found = table.sort_key.as_ref().map(|key| (key.name.as_str(), key.kind));
    (own.name.as_str(), own.kind) == (partition, KeyType::S) && found == sort
}

fn is_used(function: &Function, table: &str, is_enough: impl Fn(Access) -> bool) -> bool {
    let mut uses = function.uses.values().filter(|used| used.table.as_deref() == Some(table));
    uses.any(|used| is_enough(used.access))
}
