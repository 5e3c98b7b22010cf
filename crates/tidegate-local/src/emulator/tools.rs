//! The directory in which `scripts/setup` installs the emulators.

use std::path::{Path, PathBuf};

/// Returns the directory with the tools: `TIDEGATE_TOOLS`, or the nearest `.tools` from the current
/// directory upwards.
pub(super) fn directory() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("TIDEGATE_TOOLS").filter(|given| !given.is_empty()) {
        return Some(PathBuf::from(given));
    }
    let current = std::env::current_dir().ok()?;
    above(&current)
}

fn above(start: &Path) -> Option<PathBuf> {
    start.ancestors().map(|directory| directory.join(".tools")).find(|tools| tools.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_tools_directory_above_is_found() {
        let root = tempfile::tempdir().expect("a directory");
        let deep = root.path().join("crates/x");
        std::fs::create_dir_all(&deep).expect("created");
        assert_eq!(above(&deep), None);
        std::fs::create_dir(root.path().join(".tools")).expect("created");
        assert_eq!(above(&deep), Some(root.path().join(".tools")));
    }
}
