//! `shop shipment`: what people and carriers say about the shipment of an order.

mod answer;
pub(crate) mod options;
mod sending;

use std::process::ExitCode;

use events::{HandOver, RecordTracking};
use jiff::Timestamp;
use terminal::output;
use terminal::problem::Problem;

use self::sending::sent;

/// Says that a person gave a shipment to the carrier.
///
/// # Errors
/// The queue or the event store cannot be reached, shipping does not answer in time, or refuses.
pub(crate) async fn hand_over(options: &options::HandOver) -> Result<ExitCode, Problem> {
    let command = HandOver { order_id: options.of.order.clone() };
    output::line(&sent(&options.of, &command).await?)?;
    Ok(ExitCode::SUCCESS)
}

/// Records what the carrier reports.
///
/// # Errors
/// The same as of [`hand_over`].
pub(crate) async fn track(options: &options::Track) -> Result<ExitCode, Problem> {
    let order_id = options.of.order.clone();
    let at = options.at.unwrap_or_else(Timestamp::now);
    let command = RecordTracking { order_id, status: options.status.into(), at };
    output::line(&sent(&options.of, &command).await?)?;
    Ok(ExitCode::SUCCESS)
}
