//! Finds the local system: its file and its endpoint.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::endpoint::{Endpoint, HOW_TO_START};
use crate::problem::Problem;

/// The default state directory.
pub const STATE: &str = ".tidegate";

/// The variable that names the state directory.
pub const STATE_VARIABLE: &str = "TIDEGATE_STATE";

/// The file in the state directory that a running engine keeps.
const ENGINE_FILE: &str = "engine.json";

/// The part of the engine's file that is read here.
#[derive(Deserialize)]
struct Engine {
    endpoint: String,
    #[serde(default)]
    emulator_url: String,
}

/// The addresses of a local system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalSystem {
    /// Its endpoint for AWS calls.
    pub endpoint: Endpoint,
    /// URL of its emulator; empty in the file of an older engine.
    pub emulator_url: String,
}

impl LocalSystem {
    /// Returns whether an endpoint is this system's: its own, or that of its emulator.
    pub fn is_at(&self, named: &Endpoint) -> bool {
        named.is_at(&self.endpoint.url) || named.is_at(&self.emulator_url)
    }
}

/// Returns the state directory of the system that was started in this directory, or in the nearest
/// one above it.
pub fn state_dir(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .map(|directory| directory.join(STATE))
        .find(|state| state.join(ENGINE_FILE).is_file())
}

/// Returns the system with this state directory. `None` if no system runs.
///
/// # Errors
/// The engine's file cannot be read.
pub fn local_system(state: &Path) -> Result<Option<LocalSystem>, Problem> {
    let file = state.join(ENGINE_FILE);
    if !file.is_file() {
        return Ok(None);
    }
    let named_by = file.display().to_string();
    let unusable = |error: String| {
        Problem::new(format!("{named_by} cannot be used ({error}); {HOW_TO_START}"))
    };
    let text = fs::read_to_string(&file).map_err(|error| unusable(error.to_string()))?;
    let engine: Engine =
        serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    let endpoint = Endpoint { url: engine.endpoint, named_by };
    Ok(Some(LocalSystem { endpoint, emulator_url: engine.emulator_url }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_system_is_found_from_a_directory_below_it() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        assert_eq!(state_dir(&below), None);
        assert_eq!(local_system(root.path()).unwrap(), None);
        fs::create_dir(root.path().join(".tidegate")).unwrap();
        let file = root.path().join(".tidegate/engine.json");
        let text =
            r#"{"pid": 1, "endpoint": "http://127.0.0.1:9", "emulator_url": "http://127.0.0.1:8"}"#;
        fs::write(&file, text).unwrap();
        assert_eq!(state_dir(&below), Some(root.path().join(".tidegate")));
        let found = local_system(&root.path().join(".tidegate")).unwrap().unwrap();
        let named_by = file.display().to_string();
        let at = |url: &str| Endpoint { url: url.to_owned(), named_by: named_by.clone() };
        assert_eq!(found.endpoint, at("http://127.0.0.1:9"));
        let urls = ["http://127.0.0.1:9/", "http://127.0.0.1:8", "http://127.0.0.1:7"];
        assert_eq!(urls.map(|url| found.is_at(&at(url))), [true, true, false]);
        fs::write(&file, "{}").unwrap();
        assert!(
            local_system(&root.path().join(".tidegate"))
                .unwrap_err()
                .to_string()
                .contains("tidegate local up")
        );
    }
}
