use std::fmt;

/// Why a command could not do its work: one line for the person at the terminal.
#[derive(Debug)]
pub(crate) enum Problem {
    /// What is wrong, where, and what to do.
    Said(String),
    /// Nobody reads the output any more: a quiet end.
    OutputClosed,
}

impl Problem {
    /// A problem in these words. Line ends become blanks.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Problem::Said(text.into().split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Said(text) => f.write_str(text),
            Problem::OutputClosed => f.write_str("the output was closed"),
        }
    }
}
