//! How a path is shown to a person.

use std::env;
use std::path::Path;

/// Returns a path for people: relative to this directory if it is below it.
pub(super) fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    let below = path.strip_prefix(&here).ok().filter(|below| !below.as_os_str().is_empty());
    below.unwrap_or(path).display().to_string()
}
