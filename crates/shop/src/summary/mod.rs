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
    let summary = Summary {
        orders: match &options.orders {
            Some(file) => read(file, "shop summary --json")?,
            None => count(options).await?,
        },
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

/// Counts the orders of the event store.
async fn count(options: &SummaryOptions) -> Result<Orders, Problem> {
    let connection = Connection::open(&options.endpoint, Intent::Read).await?;
    let folded = fold(&connection, &options.store, &options.endpoint, orders::take).await?;
    Orders::of(folded).map_err(|failure| Problem::new(failure.reason().to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orders_of_an_earlier_summary_are_read_as_they_were_written() {
        let summary = Summary {
            orders: Orders {
                orders: [("completed", 7), ("stuck", 1)].into(),
                finished: 7,
                example: Some("536365".to_owned()),
                confirmed: 8,
                confirmed_after_p50_ms: Some(30),
                confirmed_after_p99_ms: Some(700),
            },
            cost: Some(Cost::default()),
            functions: Vec::new(),
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_vec(&summary).unwrap()).unwrap();
        let orders: Orders = read(file.path(), "shop summary --json").unwrap();
        assert_eq!(orders, summary.orders);
    }

    #[test]
    fn a_file_that_is_not_a_summary_is_refused_with_the_command_that_writes_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in [
            "",
            "{}",
            "[1]",
            r#"{"functions": {}}"#,
            r#"{"orders": {"lost\u001b": 1}, "finished": 1, "confirmed": 0}"#,
            r#"{"orders": {"completed": -1}, "finished": 1, "confirmed": 0}"#,
            r#"{"orders": {"completed": 1}, "finished": "1", "confirmed": 0}"#,
            r#"{"orders": {"completed": 1}, "finished": 1, "example": 2, "confirmed": 0}"#,
        ] {
            std::fs::write(file.path(), text).unwrap();
            let refused = read::<Orders>(file.path(), "shop summary --json");
            let problem = refused.unwrap_err().to_string();
            assert!(problem.contains("is not the output of `shop summary --json`"), "{problem}");
            assert!(!problem.contains('\x1b'), "{problem}");
        }
    }
}
