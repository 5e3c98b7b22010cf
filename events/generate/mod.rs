//! The files that are generated from the types.
//!
//! These are schemas, documents of the schema registry, samples and Lambda events. One program
//! writes them, and a test compares them.

mod compatibility;
mod lambda;
mod registry;
mod samples;
mod schemas;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use compatibility::breaking_changes;
pub use lambda::commit;
pub use samples::Samples;

/// The command that writes the files.
pub const COMMAND: &str = "cargo run -p events --example schemas";

/// Folders of the files, in `events/`.
pub const FOLDERS: [&str; 4] = ["schemas", "registry", "payloads", "lambda"];

/// Returns all files by their path in `events/`.
pub fn files() -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let samples = Samples::new()?;
    let mut files = schemas::files()?;
    files.extend(registry::files()?);
    files.extend(samples.files()?);
    files.extend(lambda::files(&samples)?);
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
