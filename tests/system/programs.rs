//! Runs the compiled programs, as a user does.

use std::path::PathBuf;
use std::process::Output;

use tokio::process::Command;

/// Where the binaries of this build are: beside the test's own.
pub(crate) fn directory() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    own.ancestors().nth(2).expect("a build directory").to_owned()
}

/// A program of this repository.
pub(crate) fn program(name: &str) -> Command {
    let path = directory().join(name);
    assert!(path.exists(), "{} is missing: run `make test`, which builds it first", path.display());
    let mut command = Command::new(path);
    command.env_remove("AWS_ENDPOINT_URL").env_remove("BACKEND").kill_on_drop(true);
    command
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("a parent").to_owned()
}

/// What a program printed, for people.
pub(crate) fn shown(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
