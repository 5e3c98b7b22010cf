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
}

/// Returns the state directory of the system that was started in this directory, or in the nearest
/// one above it.
pub fn state_dir(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .map(|directory| directory.join(STATE))
        .find(|state| state.join(ENGINE_FILE).is_file())
}

/// Returns the endpoint of the system with this state directory. `None` if no system runs.
///
/// # Errors
/// The engine's file cannot be read.
pub fn endpoint(state: &Path) -> Result<Option<Endpoint>, Problem> {
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
    Ok(Some(Endpoint { url: engine.endpoint, named_by }))
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
        assert_eq!(endpoint(root.path()).unwrap(), None);
        fs::create_dir(root.path().join(".tidegate")).unwrap();
        let file = root.path().join(".tidegate/engine.json");
        fs::write(&file, r#"{"pid": 1, "endpoint": "http://127.0.0.1:9"}"#).unwrap();
        assert_eq!(state_dir(&below), Some(root.path().join(".tidegate")));
        let found =
            Endpoint { url: "http://127.0.0.1:9".to_owned(), named_by: file.display().to_string() };
        assert_eq!(endpoint(&root.path().join(".tidegate")).unwrap(), Some(found));
        fs::write(&file, "{}").unwrap();
        assert!(
            endpoint(&root.path().join(".tidegate"))
                .unwrap_err()
                .to_string()
                .contains("tidegate local up")
        );
    }
}
