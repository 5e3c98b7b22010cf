//! What keeps a command from its work.

use std::fmt;

use crate::escape::escaped;

/// Why a command could not do its work: one line for the person at the terminal.
#[derive(Debug)]
pub enum Problem {
    /// What is wrong, where, and what to do.
    Said(String),
    /// The command was given something that makes no sense; exit code 2.
    Misuse(String),
    /// Nobody reads the output any more: a quiet end.
    OutputClosed,
}

impl Problem {
    /// A problem in these words, some of which may come from outside. Line ends become blanks, other
    /// controls their escapes.
    pub fn new(text: impl Into<String>) -> Self {
        Problem::Said(one_line(&text.into()))
    }

    /// A problem of several lines, such as one for each mistake of a file.
    pub fn lines(text: impl Into<String>) -> Self {
        Problem::Said(text.into())
    }

    /// A misuse in these words.
    pub fn misuse(text: impl Into<String>) -> Self {
        Problem::Misuse(one_line(&text.into()))
    }
}

fn one_line(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Said(text) | Problem::Misuse(text) => f.write_str(text),
            Problem::OutputClosed => f.write_str("the output was closed"),
        }
    }
}
