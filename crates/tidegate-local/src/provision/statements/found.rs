//! What was found about an emulator, kept in the state directory.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::mode::Statements;

/// Number of the forms that are tried. Raise it if they change: what was found before no longer
/// counts.
const FORMS: u32 = 1;

/// What was found about an emulator.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Found {
    /// Name and version of the emulator.
    emulator: String,
    forms: u32,
    statements: Statements,
}

impl Found {
    fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("statements.json")
    }

    /// Returns what was found about this emulator. `None` if it was another one, or another
    /// version.
    pub(super) fn read(state_dir: &Path, emulator: &str) -> Option<Statements> {
        let text = fs::read(Self::path(state_dir)).ok()?;
        let found: Self = serde_json::from_slice(&text).ok()?;
        (found.emulator == emulator && found.forms == FORMS).then_some(found.statements)
    }

    /// Keeps what was found. Without the file the emulator is asked again.
    pub(super) fn write(state_dir: &Path, emulator: String, statements: &Statements) {
        let path = Self::path(state_dir);
        let found = Self { emulator, forms: FORMS, statements: statements.clone() };
        let text = serde_json::to_vec(&found).map_err(std::io::Error::other);
        if let Err(error) = text.and_then(|text| fs::write(&path, text)) {
            tracing::warn!(path = %path.display(), %error, "cannot keep what was found about the emulator");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_counts_for_the_same_emulator_and_the_same_forms() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Found::read(state.path(), "m 1"), None);
        let single = Statements::Single { why: "no UPDATE".to_owned() };
        for statements in [Statements::Batched, single] {
            Found::write(state.path(), "m 1".to_owned(), &statements);
            assert_eq!(Found::read(state.path(), "m 1"), Some(statements));
            assert_eq!(Found::read(state.path(), "m 2"), None, "it was updated");
        }
        let path = Found::path(state.path());
        let older = fs::read_to_string(&path).unwrap().replace("\"forms\":1", "\"forms\":0");
        fs::write(&path, older).unwrap();
        assert_eq!(Found::read(state.path(), "m 1"), None, "fewer forms were tried");
        fs::write(&path, "{").unwrap();
        assert_eq!(Found::read(state.path(), "m 1"), None, "a file that was cut off");
    }
}
