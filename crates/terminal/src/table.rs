//! Tables for people.

use std::fmt::Display;

use comfy_table::{Cell, CellAlignment, LineStyle, Table, presets};

use crate::escape::escaped;

/// Creates a table with one line under its header: narrow enough for 80 columns.
pub fn table(header: impl IntoIterator<Item = impl ToString>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING.header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header(header.into_iter().map(Cell::new).collect::<Vec<_>>());
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

/// Creates the cell of a text, which may come from outside: it stays one line, and its controls are
/// escaped.
pub fn cell(text: impl Display) -> Cell {
    Cell::new(escaped(&text.to_string()))
}

/// Creates the cell of a number.
pub fn right(number: impl ToString) -> Cell {
    Cell::new(number).set_alignment(CellAlignment::Right)
}
