//! Output of a command: results on standard output, problems on standard error.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::escape::{escaped_json, escaped_lines};
use crate::problem::Problem;

/// Writes a text and a line end to standard output.
///
/// It escapes all terminal controls in the text except line feeds and tabs. To put text from
/// outside into a line, use [`escaped`](crate::escape::escaped), which escapes those too.
///
/// # Errors
/// [`Problem::OutputClosed`] if the reader has closed the output.
pub fn line(text: &str) -> Result<(), Problem> {
    write_line(&escaped_lines(text))
}

fn write_line(text: &str) -> Result<(), Problem> {
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
    let text = serde_json::to_string_pretty(value).map_err(unwritable)?;
    write_line(&escaped_json(&text))
}

/// Writes a value as JSON in one line to standard output.
///
/// # Errors
/// As [`line()`].
pub fn json_line(value: &impl Serialize) -> Result<(), Problem> {
    let text = serde_json::to_string(value).map_err(unwritable)?;
    write_line(&escaped_json(&text))
}

/// Writes a line to standard error, as [`line()`] does. It ignores a closed standard error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escaped_lines(text));
}

/// Prints a program's problem and returns its exit code.
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

fn unwritable(error: serde_json::Error) -> Problem {
    Problem::new(format!("the result cannot be written as JSON: {error}"))
}

fn closed_or(what: &str, error: &io::Error) -> Problem {
    if error.kind() == ErrorKind::BrokenPipe {
        Problem::OutputClosed
    } else {
        Problem::new(format!("{what} cannot be written: {error}"))
    }
}
