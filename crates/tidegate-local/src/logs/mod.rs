//! Reads back what functions have printed: one file per function, merged by time.

mod line;
mod reader;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use line::{Kind, Line};
pub use reader::Reader;

/// Returns the directory of an engine's logs.
pub fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("logs")
}

/// Returns the functions of the system that runs, or last ran, with a state directory, ordered by
/// name.
///
/// The names are those of the files in which the engine writes each function's variables.
///
/// # Errors
/// No system was started there, or the directory cannot be read.
pub fn functions(state_dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(state_dir.join("functions"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "env") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort_unstable();
    Ok(names)
}
