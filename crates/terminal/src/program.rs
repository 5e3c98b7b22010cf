//! Runs a program, from its command line to its exit code.

use std::process::ExitCode;

use clap::Parser;

use crate::problem::Problem;
use crate::{misuse, output};

/// Parses the command line, runs the command, and reports a problem in one line that begins with
/// the program's name.
///
/// The exit code is the command's own, 1 after a problem, and 2 after misuse.
pub fn start<A: Parser>(run: impl FnOnce(A) -> Result<ExitCode, Problem>) -> ExitCode {
    let command = A::command();
    let program = command.get_name();
    match A::try_parse() {
        Ok(arguments) => run(arguments).unwrap_or_else(|problem| output::fail(program, &problem)),
        Err(error) => misuse::answer(program, &error),
    }
}
