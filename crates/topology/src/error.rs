//! Errors in a topology file.

use std::fmt;
use std::path::PathBuf;

/// Position in a file. Line and column count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl Position {
    /// Returns the position of a byte offset in a text.
    pub(super) fn from_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

/// Severity of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// AWS or the engine refuses it.
    Error,
    /// It runs, but may lose events, their order or the reason of a failure; or it breaks a rule of
    /// the topology's profile.
    Warning,
}

/// One mistake in a topology file.
///
/// Displays as line, column and message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Position in the file.
    pub position: Position,
    /// Severity.
    pub severity: Severity,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl Mistake {
    /// Creates a mistake of severity error.
    pub(super) fn error(position: Position, message: impl Into<String>) -> Self {
        Self { position, severity: Severity::Error, message: message.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        let severity = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{line}:{column}: {severity}{}", self.message)
    }
}

/// Error of loading a topology.
///
/// Displays as one line per mistake. Each line begins with file, line and column.
#[derive(Debug)]
pub enum TopologyError {
    /// The file could not be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file has at least one error.
    Mistaken {
        /// The file.
        file: PathBuf,
        /// All mistakes, warnings included, in the order of the file.
        mistakes: Vec<Mistake>,
    },
}

impl TopologyError {
    /// Returns the mistakes in the file, or an empty slice if the file could not be read.
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Mistaken { mistakes, .. } => mistakes,
        }
    }
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, source } => {
                write!(
                    f,
                    "{}: cannot read the topology: {source}; name its file with --topology FILE",
                    file.display()
                )
            }
            Self::Mistaken { file, mistakes } => {
                for (n, mistake) in mistakes.iter().enumerate() {
                    let end = if n + 1 < mistakes.len() { "\n" } else { "" };
                    write!(f, "{}:{mistake}{end}", file.display())?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for TopologyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Mistaken { .. } => None,
        }
    }
}
