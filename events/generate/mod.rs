//! The files that are generated from the types.
//!
//! These are schemas, documents of the schema registry, samples and Lambda events. One program
//! writes them, and a test compares them.

pub mod catalog;
mod contents;
mod described;
mod lambda;
mod list;
mod registry;
mod samples;
mod schemas;
mod services;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use compatibility::{Change, What};
use serde_json::Value;

pub use described::Described;
pub use lambda::commit;
pub use list::all;

/// The command that writes the files.
pub const COMMAND: &str = "cargo run -p events --example schemas";

/// Folders of the files, in `events/`.
pub const FOLDERS: [&str; 4] = ["schemas", "registry", "payloads", "lambda"];

/// Returns all files by their path in `events/`.
pub fn files() -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let types = list::all()?;
    let mut files = schemas::files(&types);
    files.extend(registry::files(&types)?);
    files.extend(samples::files(&types)?);
    files.extend(lambda::files(&types)?);
    Ok(files)
}

/// Returns the existing files, by their path in `events/`. `None` if a file is not JSON.
pub fn committed() -> Result<BTreeMap<String, Option<Value>>, Box<dyn Error>> {
    let mut found = BTreeMap::new();
    for folder in FOLDERS {
        let directory = root().join(folder);
        if !directory.exists() {
            continue;
        }
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.insert(
                format!("{folder}/{name}"),
                serde_json::from_slice(&std::fs::read(&path)?).ok(),
            );
        }
    }
    Ok(found)
}

/// Returns what in a change of a published schema breaks readers or writers of the same version.
///
/// A version may only gain fields, and only optional ones: a field that readers know stays. The
/// result has one line per change, with its place.
pub fn breaking_changes(published: &Value, now: &Value) -> Vec<String> {
    let changes = compatibility::changes(published, now).into_iter();
    let allowed = |of: &Change| of.what == What::FieldAdded && !of.breaks.any();
    changes.filter(|change| !allowed(change)).map(|change| change.to_string()).collect()
}

/// Returns the schemas of older versions of existing types. Readers of old events need them.
pub fn is_older_version(path: &str, files: &BTreeMap<String, Value>) -> bool {
    let parse = |path: &str| -> Option<(String, u32)> {
        let (kind, version) =
            path.strip_prefix("schemas/")?.strip_suffix(".json")?.split_once(".v")?;
        Some((kind.to_owned(), version.parse().ok()?))
    };
    let Some((kind, version)) = parse(path) else { return false };
    files.keys().filter_map(|path| parse(path)).any(|(of, newest)| of == kind && newest > version)
}

/// Returns the crate's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
