//! What is wrong with a topology file.

use std::fmt;
use std::path::PathBuf;

/// Where in a file something stands, both counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl Position {
    /// The position of a byte offset in a text.
    pub(super) fn from_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

/// How much a mistake matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// AWS or the engine does not take it.
    Error,
    /// It runs, and may lose events, their order, or the reason of a failure; or a rule of the
    /// topology's profile is broken.
    Warning,
}

/// One mistake in a topology file. It displays as its line and column, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where.
    pub position: Position,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Mistake {
    /// An error.
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

/// Why a topology could not be loaded. It displays as one line per mistake, each beginning with file, line and column.
#[derive(Debug)]
pub enum TopologyError {
    /// The file could not be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has mistakes, at least one of them an error: all of them, in the order of the file.
    Mistaken {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        mistakes: Vec<Mistake>,
    },
}

impl TopologyError {
    /// The mistakes in the file; none if it could not be read.
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
