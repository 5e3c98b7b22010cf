//! `shop report`: reports what the local system did, from its status and its read model.

mod figures;
mod status;
mod text;

use std::io::Read;
use std::process::ExitCode;

use terminal::account::Intent;
use terminal::connection::Connection;
use terminal::output;
use terminal::problem::Problem;

use crate::arguments;
use crate::read_model::read_orders;

use self::figures::Figures;
use self::status::Status;

/// Prints the report.
///
/// # Errors
/// When the status or the table cannot be read.
pub(crate) async fn report(options: &arguments::Report) -> Result<ExitCode, Problem> {
    let status = read_status(&options.status)?;
    let connection = Connection::open(&options.endpoint, Intent::Read).await?;
    let orders = read_orders(&connection, &options.view.table(&options.endpoint)).await?;
    let figures = Figures::from_status(&status, &orders);
    if options.json {
        output::json(&figures)?;
    } else {
        output::line(&text::text(&figures))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read_status(file: &std::path::Path) -> Result<Status, Problem> {
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text =
        text.map_err(|error| Problem::new(format!("{} cannot be read: {error}", file.display())))?;
    serde_json::from_str(&text).map_err(|error| {
        Problem::new(format!(
            "{} is not a status of the local system ({error}); make one with `tidegate local \
             status --json`",
            file.display()
        ))
    })
}
