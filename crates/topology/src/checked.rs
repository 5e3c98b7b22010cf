//! Reads and checks a topology file.

use std::path::Path;

use super::document::Document;
use super::error::{Mistake, Position, Severity, TopologyError};
use super::model::Topology;
use super::{check as rules, typed};

/// A topology file that was read and checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The declared system.
    pub topology: Topology,
    /// Mistakes that do not stop the system, in the order of the file.
    pub warnings: Vec<Mistake>,
    document: Document,
}

impl Checked {
    /// Returns the position of the key at a path, such as `["functions", "mailer", "command"]`, or
    /// of its nearest existing parent.
    pub fn position(&self, path: &[&str]) -> Position {
        self.document.position(path)
    }

    /// Creates an error at a path, for a problem that lies outside the file.
    pub fn error(&self, path: &[&str], message: impl Into<String>) -> Mistake {
        Mistake::error(self.position(path), message)
    }
}

/// Reads and checks a topology file.
///
/// # Errors
/// The file cannot be read, or has mistakes that are errors. Mistakes of one kind are reported
/// together: first whatever is not a literal HCL value, then unknown fields and wrong types, then
/// everything that contradicts a rule of AWS or of this system, warnings included.
pub fn check(path: &Path) -> Result<Checked, TopologyError> {
    let bytes = std::fs::read(path)
        .map_err(|source| TopologyError::Unreadable { file: path.to_owned(), source })?;
    let checked = match std::str::from_utf8(&bytes) {
        Ok(text) => check_text(text),
        Err(error) => {
            let readable =
                String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let position = Position::from_offset(&readable, readable.len());
            Err(vec![Mistake::error(
                position,
                "the text is not UTF-8; a topology is an HCL file in UTF-8",
            )])
        }
    };
    checked.map_err(|mistakes| TopologyError::Mistaken { file: path.to_owned(), mistakes })
}

/// Reads and checks the text of a topology file.
///
/// # Errors
/// The mistakes that [`check()`] reports, in the order of the text.
pub fn check_text(text: &str) -> Result<Checked, Vec<Mistake>> {
    let read = || {
        let document = Document::parse(text)?;
        let mut topology = typed::read(&document)?;
        let mistakes = rules::check(&topology, &document);
        topology.add_generations();
        Ok((document, topology, mistakes))
    };
    let sorted = |mut mistakes: Vec<Mistake>| {
        mistakes.sort();
        mistakes
    };
    let (document, topology, mistakes) = read().map_err(sorted)?;
    let mistakes = sorted(mistakes);
    if mistakes.iter().any(|mistake| mistake.severity == Severity::Error) {
        return Err(mistakes);
    }
    Ok(Checked { topology, warnings: mistakes, document })
}

/// Reads and checks a topology file, and drops its warnings.
///
/// [`check()`] returns them.
///
/// # Errors
/// Those of [`check()`].
pub fn load(path: &Path) -> Result<Topology, TopologyError> {
    Ok(check(path)?.topology)
}

/// Reads and checks the text of a topology file, and drops its warnings.
///
/// [`check_text`] returns them.
///
/// # Errors
/// Those of [`check_text`].
pub fn parse(text: &str) -> Result<Topology, Vec<Mistake>> {
    Ok(check_text(text)?.topology)
}
