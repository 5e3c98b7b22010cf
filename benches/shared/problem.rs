//! Errors that stop a benchmark.

use std::fmt;

/// An error, as a sentence for the person who runs the benchmark.
pub struct Problem(String);

impl Problem {
    /// Creates a problem with this sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// A `main` that fails prints the `Debug` text.
impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
