//! The topology: what is declared in `topology.auto.tfvars`.

mod check;
mod document;
mod error;
mod lookup;
pub mod model;
mod typed;
mod variables;

use std::path::Path;

pub use error::{Mistake, Position, TopologyError};
pub use lookup::{DestinationKind, LARGE_LETTERS, LETTERS, Resource, SourceKind};
pub use model::*;
pub use variables::{defaults, values};

use document::Document;

/// Reads and checks a topology file.
///
/// Errors: the file cannot be read, or has mistakes. Mistakes of one kind are reported together: first whatever is not a literal HCL value,
/// then unknown fields and wrong types, then everything that contradicts a rule of AWS or of this system.
pub fn load(path: &Path) -> Result<Topology, TopologyError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| TopologyError::Unreadable { file: path.to_owned(), source })?;
    parse(&text).map_err(|mistakes| TopologyError::Mistaken { file: path.to_owned(), mistakes })
}

/// Reads and checks the text of a topology file.
///
/// # Errors
/// The mistakes that [`load`] reports, in the order of the text.
pub fn parse(text: &str) -> Result<Topology, Vec<Mistake>> {
    let read = || {
        let document = Document::parse(text)?;
        let topology = typed::read(&document)?;
        let mistakes = check::check(&topology, &document);
        if mistakes.is_empty() { Ok(topology) } else { Err(mistakes) }
    };
    read().map_err(|mut mistakes| {
        mistakes.sort();
        mistakes
    })
}
