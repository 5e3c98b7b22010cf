//! Errors of a fault plan or a fault journal.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why faults cannot be injected.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The plan cannot be read.
    #[error("the fault plan {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The plan has mistakes.
    #[error("the fault plan {path} has mistakes:\n{}", lines(path, mistakes))]
    Plan {
        /// The file.
        path: PathBuf,
        /// All mistakes, ordered by line.
        mistakes: Vec<Mistake>,
    },
    /// The journal cannot be read or written.
    #[error("the fault journal {path} cannot be used: {source}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A line is not an entry of a fault journal.
    #[error("{path}:{line}: not an entry of a fault journal: {why}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why the line is not an entry.
        why: String,
    },
}

/// A mistake in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

fn lines(path: &std::path::Path, mistakes: &[Mistake]) -> String {
    let lines: Vec<String> =
        mistakes.iter().map(|mistake| format!("  {}:{mistake}", path.display())).collect();
    lines.join("\n")
}
