//! `shop`: the command of the reference system.
//!
//! It feeds orders into the system, reads its read models and checks them.

mod amount;
mod arguments;
mod check;
mod comparison;
mod dispatch;
mod documents;
mod event_store;
mod generate;
mod import;
mod input;
mod ledger;
mod load;
mod order;
mod percentile;
mod read_model;
mod report;
mod sales;
mod shipment;
mod summary;
mod whole;

use std::process::ExitCode;

fn main() -> ExitCode {
    terminal::program::start(dispatch::run)
}
