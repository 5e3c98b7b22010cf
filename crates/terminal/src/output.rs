//! What a command says: results on standard output, problems on standard error.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::problem::Problem;

/// Writes a text and a line end to standard output.
///
/// # Errors
/// [`Problem::OutputClosed`] when the reader has gone.
pub fn line(text: &str) -> Result<(), Problem> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(|error| closed_or("standard output", &error))
}

/// Writes a value as JSON and a line end to standard output.
///
/// # Errors
/// As [`line()`].
pub fn json(value: &impl Serialize) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Problem::new(format!("the result cannot be written as JSON: {error}")))?;
    line(&text)
}

/// Writes a line to standard error. A closed standard error is no reason to stop.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says a program's problem and gives the exit code that goes with it.
pub fn fail(program: &str, problem: &Problem) -> ExitCode {
    match problem {
        Problem::Said(text) => {
            note(&format!("{program}: {text}"));
            ExitCode::FAILURE
        }
        Problem::Misuse(text) => {
            note(&format!("{program}: {text}"));
            ExitCode::from(2)
        }
        Problem::OutputClosed => ExitCode::SUCCESS,
    }
}

fn closed_or(what: &str, error: &io::Error) -> Problem {
    if error.kind() == ErrorKind::BrokenPipe {
        Problem::OutputClosed
    } else {
        Problem::new(format!("{what} cannot be written: {error}"))
    }
}
