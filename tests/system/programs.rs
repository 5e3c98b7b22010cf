//! Runs the compiled programs, as a user does.

use std::path::PathBuf;
use std::process::Output;

use tokio::process::Command;

/// Directory of the binaries of this build, which is that of the test's own binary.
pub(crate) fn directory() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    own.ancestors().nth(2).expect("a build directory").to_owned()
}

/// Returns a program of this repository.
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

/// Output of a program, for messages.
pub(crate) fn shown(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
