//! The function binaries: built with cargo, or found in a directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::process::Command;

/// The cargo profile of everything that runs locally. In this repository it is optimised, without
/// link-time optimisation. In a workspace that does not define it, it is the development profile.
const PROFILE: &str = "local";

/// Why the functions have no binaries.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Rust is missing.
    #[error("cargo was not found: install Rust (https://rustup.rs) and try again")]
    NoCargo,
    /// Cargo could not be run.
    #[error("cargo cannot be run: {0}")]
    Cargo(io::Error),
    /// The directory is not in a cargo workspace.
    #[error("cargo does not accept the workspace around {directory}:\n{message}")]
    Workspace {
        /// Directory in which cargo was run.
        directory: PathBuf,
        /// Message of cargo.
        message: String,
    },
    /// Declared functions without a package.
    #[error("the workspace has no package for the declared {}: each function needs a package of its name", listed(.0))]
    NoPackage(Vec<String>),
    /// Packages without a binary of their name.
    #[error("the package of {} has no binary of its name; add a src/main.rs", listed(.0))]
    NoBinary(Vec<String>),
    /// Functions that could not be built. Cargo's own messages went to standard error.
    #[error("{} could not be built; cargo's messages above say why", listed(.0))]
    Failed(Vec<String>),
    /// Binaries are missing in a directory that was given.
    #[error("{directory} has no binary for the declared {}", listed(.functions))]
    NotInDirectory {
        /// Directory in which the binaries were looked for.
        directory: PathBuf,
        /// Declared functions without a binary.
        functions: Vec<String>,
    },
}

impl BuildError {
    /// Returns the functions that have no binary. `None` if the error concerns all of them.
    pub(crate) fn functions(&self) -> Option<&[String]> {
        match self {
            Self::NoPackage(functions)
            | Self::NoBinary(functions)
            | Self::Failed(functions)
            | Self::NotInDirectory { functions, .. } => Some(functions),
            Self::NoCargo | Self::Cargo(_) | Self::Workspace { .. } => None,
        }
    }

    /// Returns what is wrong with each of these functions, and what to do. `None` if the error does
    /// not concern functions.
    pub(crate) fn why(&self) -> Option<String> {
        let command = "for another language, declare the function's command";
        Some(match self {
            Self::NoCargo => {
                format!(
                    "must be built with cargo, which was not found: install Rust (https://rustup.rs); {command}"
                )
            }
            Self::Cargo(_) => return None,
            Self::Workspace { directory, message } => format!(
                "must be built with cargo, which does not accept the workspace around {} ({}); {command}",
                directory.display(),
                message.split_whitespace().collect::<Vec<_>>().join(" "),
            ),
            Self::NoPackage(_) => {
                format!(
                    "has no package of its name in the workspace around the topology; {command}"
                )
            }
            Self::NoBinary(_) => {
                "has no binary of its name in its package; add a src/main.rs".to_owned()
            }
            Self::Failed(_) => "could not be built; cargo's messages above say why".to_owned(),
            Self::NotInDirectory { directory, .. } => {
                format!(
                    "has no binary in {}; build it there, or name another directory",
                    directory.display()
                )
            }
        })
    }
}

fn listed(functions: &[String]) -> String {
    match functions {
        [one] => format!("function {one}"),
        many => format!("functions {}", many.join(", ")),
    }
}

/// Builds the functions of the workspace around `directory`.
///
/// Returns each function's binary.
///
/// Cargo's messages go to standard error.
///
/// # Errors
/// Cargo is missing, a function has no package or no binary, or the build fails.
pub(crate) async fn build(
    directory: &Path,
    functions: &[String],
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let Metadata { packages, workspace_root } = metadata(directory).await?;
    let missing: Vec<String> = functions
        .iter()
        .filter(|function| packages.iter().all(|package| package.name != **function))
        .cloned()
        .collect();
    if !missing.is_empty() {
        return Err(BuildError::NoPackage(missing));
    }
    let mut command = cargo(directory);
    // Builds the whole workspace. Cargo unifies features over the selected packages, so a smaller
    // selection would compile every dependency again.
    command.args([
        "build",
        "--profile",
        PROFILE,
        "--workspace",
        "--bins",
        // Reports every function that cannot be built, not only the first.
        "--keep-going",
        "--message-format=json-render-diagnostics",
    ]);
    let manifest = std::fs::read_to_string(workspace_root.join("Cargo.toml")).unwrap_or_default();
    if !manifest.contains(&format!("[profile.{PROFILE}]")) {
        // A foreign workspace does not have this profile.
        command.args(["--config", &format!("profile.{PROFILE}.inherits=\"dev\"")]);
    }
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(not_run)?
        .wait_with_output()
        .await;
    let output = output.map_err(not_run)?;
    let built = executables(&output.stdout);
    let missing = if output.status.success() { BuildError::NoBinary } else { BuildError::Failed };
    // Other packages of the workspace may fail to build; the functions can still run.
    collect(functions, |function| built.get(function).cloned()).map_err(missing)
}

/// Finds the functions' binaries in a directory, by name.
///
/// # Errors
/// A binary is missing.
pub(crate) fn find(
    directory: &Path,
    functions: &[String],
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    collect(functions, |function| Some(directory.join(function)).filter(|file| file.is_file()))
        .map_err(|functions| BuildError::NotInDirectory { directory: directory.clone(), functions })
}

fn collect(
    functions: &[String],
    find: impl Fn(&str) -> Option<PathBuf>,
) -> Result<BTreeMap<String, PathBuf>, Vec<String>> {
    let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
    for function in functions {
        match find(function) {
            Some(file) => _ = found.insert(function.clone(), file),
            None => missing.push(function.clone()),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(missing) }
}

fn cargo(directory: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(directory).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn not_run(error: io::Error) -> BuildError {
    if error.kind() == io::ErrorKind::NotFound {
        BuildError::NoCargo
    } else {
        BuildError::Cargo(error)
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

async fn metadata(directory: &Path) -> Result<Metadata, BuildError> {
    let mut command = cargo(directory);
    let output = command
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .await
        .map_err(not_run)?;
    let workspace =
        |message: String| BuildError::Workspace { directory: directory.to_owned(), message };
    if !output.status.success() {
        return Err(workspace(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| workspace(error.to_string()))
}

/// One of the messages that cargo prints while it builds.
#[derive(Deserialize)]
struct CargoMessage {
    executable: Option<PathBuf>,
    target: Option<CargoTarget>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
}

/// Returns the binaries in cargo's messages, which have one JSON object per line.
fn executables(messages: &[u8]) -> BTreeMap<String, PathBuf> {
    let parsed = messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<CargoMessage>(line).ok());
    let binaries = parsed.filter_map(|message| {
        let (file, target) = (message.executable?, message.target?);
        target.kind.iter().any(|kind| kind == "bin").then_some((target.name, file))
    });
    binaries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"shared","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"orders","kind":["bin"]},"executable":"/t/local/orders"}
{"reason":"compiler-artifact","target":{"name":"probe","kind":["example"]},"executable":"/t/local/examples/probe"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            executables(messages),
            BTreeMap::from([("orders".to_owned(), PathBuf::from("/t/local/orders"))])
        );
    }

    #[test]
    fn binaries_missing_in_a_directory_are_all_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("here"), "").unwrap();
        let wanted = ["here".to_owned(), "a".to_owned(), "b".to_owned()];
        let error = find(dir.path(), &wanted).unwrap_err().to_string();
        assert!(error.ends_with("has no binary for the declared functions a, b"), "{error}");
    }

    #[tokio::test]
    async fn a_declared_function_without_a_package_is_named() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let error = build(here, &["no-such-function".to_owned()]).await.unwrap_err().to_string();
        assert!(error.contains("function no-such-function"), "{error}");
    }

    #[test]
    fn a_missing_cargo_is_explained_by_the_name_of_rust() {
        let error = not_run(io::Error::from(io::ErrorKind::NotFound)).to_string();
        assert!(error.contains("install Rust"), "{error}");
    }
}
