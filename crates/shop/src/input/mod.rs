//! The online-retail file: a CSV, plain or gzip, one line per line of an invoice.

pub(crate) mod date;
mod lines;
mod row;

pub(crate) use lines::Lines;
pub(crate) use row::{COLUMNS, Row};
