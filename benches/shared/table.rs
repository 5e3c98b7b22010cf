//! Markdown tables.

use std::fmt::Write;

/// A table in Markdown. The first column is text, the others are numbers.
#[derive(Clone, Debug)]
pub struct Table {
    text: String,
}

impl Table {
    /// Creates a table without rows.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        let rule: String = columns
            .iter()
            .enumerate()
            .map(|(n, _)| if n == 0 { "---|" } else { "---:|" })
            .collect();
        Self { text: format!("| {} |\n|{rule}\n", columns.join(" | ")) }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[String]) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    /// Returns the whole table.
    #[must_use]
    pub fn text(self) -> String {
        self.text
    }
}
