//! `shop check`: compares the read models with a fold over the input.
//!
//! The fold shares no code with the functions. With the importer it shares how a line is split into
//! columns and how its date is read.

mod compare;
mod fold;

use std::process::ExitCode;

use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::output;
use terminal::problem::Problem;

use crate::arguments;
use crate::documents::Documents;
use crate::input::Lines;
use crate::read_model::{read_orders, read_sales};

use self::fold::Expected;

pub(crate) use self::compare::Comparison;

/// Compares every read model with the input.
///
/// # Errors
/// The file or a table cannot be read. A difference is not an error: the exit code is 1.
pub(crate) async fn check(options: &arguments::Check) -> Result<ExitCode, Problem> {
    let documents = Documents::from_lines(&mut Lines::open(&options.file)?, options.limit)?;
    let connection = Connection::open(&options.endpoint, Intent::Read).await?;
    let comparison = compare(options, &documents, &connection).await?;
    if options.json {
        output::json(&comparison)?;
    } else {
        output::line(&comparison.text())?;
    }
    Ok(if comparison.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compares the read models of orders and sales with the input.
///
/// # Errors
/// A table cannot be read.
pub(crate) async fn compare(
    options: &arguments::Check,
    documents: &Documents,
    connection: &Connection,
) -> Result<Comparison, Problem> {
    let sales = read_sales(connection, &options.sales.table(&options.endpoint)).await?;
    let orders = read_orders(connection, &options.view.table(&options.endpoint)).await?;
    Ok(Comparison::new(&Expected::from_documents(documents), &sales, &orders))
}
