//! Tables of the generations of projections, and the functions that use them.

use super::model::{Access, Function, Projection, Topology};

/// Variable with the name of the table of pointers.
pub const POINTERS_VARIABLE: &str = "TIDEGATE_POINTERS_TABLE";

/// Returns the table of a generation: the table itself for the first, and `order-view.g2` for the
/// second generation of `order-view`.
pub fn generation_table(table: &str, generation: u32) -> String {
    match generation {
        0 | 1 => table.to_owned(),
        later => format!("{table}.g{later}"),
    }
}

impl Projection {
    /// Returns the tables that have generations, as the projection declares them.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        let optional = [&self.counters, &self.entries].into_iter().flatten();
        std::iter::once(&self.rows).chain(optional).map(String::as_str)
    }

    /// Returns the tables of its generations after the first: the table, and its name in the
    /// generation.
    pub fn later_tables(&self) -> impl Iterator<Item = (&str, String)> {
        let later = self.generations.iter().filter(|number| **number > 1);
        later.flat_map(|number| self.tables().map(|of| (of, generation_table(of, *number))))
    }

    /// Returns whether a function may access a table of the projection.
    pub fn is_used_by(&self, function: &Function) -> bool {
        let mut used = function.uses.values().filter_map(|used| used.table.as_deref());
        used.any(|table| self.tables().any(|own| own == table))
    }

    /// Returns the variable of functions that holds the numbers of the generations.
    pub fn variable(name: &str) -> String {
        format!("TIDEGATE_GENERATIONS_{}", name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Returns the value of [`Projection::variable`].
    pub fn numbers(&self) -> String {
        let mut numbers = self.generations.clone();
        numbers.sort_unstable();
        let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
        numbers.join(",")
    }
}

impl Topology {
    /// Returns the projections whose tables a function uses, by name.
    pub fn projections_of(&self, function: &str) -> impl Iterator<Item = (&str, &Projection)> {
        let declared = self.functions.get(function);
        self.projections
            .iter()
            .filter(move |(_, projection)| declared.is_some_and(|own| projection.is_used_by(own)))
            .map(|(name, projection)| (name.as_str(), projection))
    }

    /// Returns the tables of later generations that a function uses, with its access: that of the
    /// table of the first generation.
    pub fn later_uses(&self, function: &str) -> Vec<(String, Access)> {
        let Some(declared) = self.functions.get(function) else { return Vec::new() };
        let mut uses = Vec::new();
        for (_, projection) in self.projections_of(function) {
            for (table, later) in projection.later_tables() {
                let used =
                    declared.uses.values().filter(|used| used.table.as_deref() == Some(table));
                uses.extend(used.map(|used| (later.clone(), used.access)));
            }
        }
        uses
    }

    /// Adds the tables of later generations to the tables.
    pub(super) fn add_generations(&mut self) {
        let mut later = Vec::new();
        for projection in self.projections.values() {
            for (table, name) in projection.later_tables() {
                later.extend(self.tables.get(table).map(|declared| (name, declared.clone())));
            }
        }
        self.tables.extend(later);
    }
}
