//! Checks which functions use the same table.

use std::collections::BTreeMap;

use super::Check;
use crate::model::Access;

impl Check<'_> {
    /// Checks that a table belongs to one function, unless it is an event store.
    ///
    /// An event store has a stream, and every function reads it or appends to it. A function must
    /// not depend on items that another function changes in place.
    pub(super) fn sharing(&mut self) {
        let topology = self.topology;
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, function) in &topology.functions {
            for (variable, used) in &function.uses {
                let Some(table) = used.table.as_deref() else { continue };
                let Some(declared) = topology.tables.get(table) else { continue };
                let shared = topology.functions.iter().find(|(other, function)| {
                    *other != name
                        && function.uses.values().any(|used| used.table.as_deref() == Some(table))
                });
                let Some((other, _)) = shared else { continue };
                if declared.stream_view.is_some() {
                    if matches!(used.access, Access::Write | Access::ReadWrite) {
                        self.house_rule(
                            &["functions", name, "uses", variable, "access"],
                            format!(
                                "lets {name} change items of {table}, which {other} uses too; on \
                                 a shared table only read and append are allowed"
                            ),
                        );
                    }
                    continue;
                }
                let owner = *owners.entry(table).or_insert(name);
                if owner != name {
                    self.house_rule(
                        &["functions", name, "uses", variable, "table"],
                        format!(
                            "is {table}, which {owner} uses; only an event store, a table with a stream_view, is shared between \
                             functions"
                        ),
                    );
                }
            }
        }
    }
}
