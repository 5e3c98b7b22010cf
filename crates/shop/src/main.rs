//! `shop`: the command of the reference system.
//!
//! It feeds orders into the system, reads its read models and checks them.

mod amount;
mod arguments;
mod check;
mod dispatch;
mod generate;
mod import;
mod input;
mod order;
mod percentile;
mod read_model;
mod report;
mod sales;

use std::process::ExitCode;

fn main() -> ExitCode {
    terminal::program::start(dispatch::run)
}
