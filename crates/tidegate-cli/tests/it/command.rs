//! Runs the compiled command.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

/// Runs the command without a local system and without an account.
pub(crate) async fn tidegate(
    arguments: &[&str],
    directory: &Path,
    variables: &[(&str, &str)],
) -> Output {
    command(arguments, directory, variables).output().await.unwrap()
}

/// Returns the same command, not started yet.
pub(crate) fn command(arguments: &[&str], directory: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).current_dir(directory).env_clear().envs(variables.iter().copied());
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{} {}", stdout(output), stderr(output)))
}

/// Asserts one line on standard error, nothing on standard output, and the exit code.
///
/// Returns the line.
pub(crate) fn said(output: &Output, code: i32) -> String {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty(), "{}", stdout(output));
    text
}
