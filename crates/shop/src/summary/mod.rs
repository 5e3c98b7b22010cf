//! `shop summary`: what became of the orders, how long they took, and what they cost.

mod cost;
mod functions;
pub(crate) mod options;
mod orders;
mod outcome;
mod text;

use std::path::Path;
use std::process::ExitCode;

use serde::de::DeserializeOwned;
use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::output;
use terminal::problem::Problem;

use self::cost::Cost;
use self::options::SummaryOptions;
use self::orders::Orders;
use self::outcome::Summary;
use crate::event_store::fold;

/// Prints the summary.
///
/// # Errors
/// The event store or a file cannot be read.
pub(crate) async fn summary(options: &SummaryOptions) -> Result<ExitCode, Problem> {
    let cost = options.cost.as_deref().map(|file| read(file, "tidegate cost --json"));
    let cost: Option<cost::Report> = cost.transpose()?;
    let status = options.status.as_deref().map(|file| read(file, "tidegate local status --json"));
    let status: Option<functions::Status> = status.transpose()?;
    let connection = Connection::open(&options.endpoint, Intent::Read).await?;
    let folded = fold(&connection, &options.store, &options.endpoint, orders::take).await?;
    let summary = Summary {
        orders: Orders::of(folded).map_err(|failure| Problem::new(failure.reason().to_owned()))?,
        cost: cost.map(Cost::of).transpose()?,
        functions: status.map(functions::of).unwrap_or_default(),
    };
    if options.json {
        output::json(&summary)?;
    } else {
        output::line(&text::text(&summary))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a file that another command wrote.
fn read<T: DeserializeOwned>(file: &Path, command: &str) -> Result<T, Problem> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Problem::new(format!("{shown} cannot be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| {
        Problem::new(format!("{shown} is not the output of `{command}` ({error}); write it anew"))
    })
}
