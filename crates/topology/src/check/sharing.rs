//! Checks which functions use the same table.

use std::collections::BTreeMap;

use super::Check;
use crate::model::Access;

impl Check<'_> {
    /// Checks that one function at most changes the items of a table, and none those of an event
    /// store.
    ///
    /// An event store has a stream, and every function reads it or appends to it. Any other table
    /// belongs to the function that changes it; others may read it, as an API reads a read model.
    pub(super) fn sharing(&mut self) {
        let topology = self.topology;
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, function) in &topology.functions {
            for (variable, used) in &function.uses {
                let Some(table) = used.table.as_deref() else { continue };
                let Some(declared) = topology.tables.get(table) else { continue };
                if declared.stream_view.is_some() {
                    let shared = topology.functions.iter().find(|(other, function)| {
                        let mut uses = function.uses.values();
                        *other != name && uses.any(|used| used.table.as_deref() == Some(table))
                    });
                    if let Some((other, _)) = shared
                        && matches!(used.access, Access::Write | Access::ReadWrite)
                    {
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
                if used.access == Access::Read {
                    continue;
                }
                let owner = *owners.entry(table).or_insert(name);
                if owner != name {
                    self.house_rule(
                        &["functions", name, "uses", variable, "table"],
                        format!(
                            "is {table}, which {owner} changes too; one function changes a table, \
                             and others may only read it"
                        ),
                    );
                }
            }
        }
    }
}
