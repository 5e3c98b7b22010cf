//! `shop`: the command of the reference system. It feeds orders into the system, looks into its read models and checks them.

mod amount;
mod check;
mod cli;
mod connection;
mod generate;
mod import;
mod input;
mod misuse;
mod order;
mod output;
mod percentile;
mod problem;
mod read_model;
mod report;
mod sales;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misuse::answer(&error),
    };
    match cli::run(arguments) {
        Ok(code) => code,
        Err(problem) => output::fail(&problem),
    }
}
