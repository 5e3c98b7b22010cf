//! Problems that stop a command.

use std::fmt;

use crate::escape::escaped;

/// Why a command failed: one line for the person at the terminal.
#[derive(Debug)]
pub enum Problem {
    /// What is wrong, where, and what to do.
    Said(String),
    /// The command line is wrong; exit code 2.
    Misuse(String),
    /// The reader has closed the output: the command ends silently.
    OutputClosed,
}

impl Problem {
    /// Creates a problem with this text, parts of which may come from outside. Line ends become
    /// blanks, and other controls are escaped.
    pub fn new(text: impl Into<String>) -> Self {
        Self::Said(one_line(&text.into()))
    }

    /// Creates a problem of several lines, such as one for each mistake in a file.
    pub fn lines(text: impl Into<String>) -> Self {
        Self::Said(text.into())
    }

    /// Creates a misuse with this text.
    pub fn misuse(text: impl Into<String>) -> Self {
        Self::Misuse(one_line(&text.into()))
    }
}

fn one_line(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(text) | Self::Misuse(text) => f.write_str(text),
            Self::OutputClosed => f.write_str("the output was closed"),
        }
    }
}
