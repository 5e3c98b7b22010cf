//! Starts LocalStack, as a process of this machine or in a container.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::error::EmulatorError;

/// Returns whether a Docker daemon answers.
pub(super) async fn docker_answers() -> bool {
    let mut command = tokio::process::Command::new("docker");
    command
        .args(["version", "--format", "{{.Server.Version}}"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let answer = tokio::time::timeout(Duration::from_secs(10), command.output()).await;
    answer.is_ok_and(|output| output.is_ok_and(|output| output.status.success()))
}

/// Returns the command that runs LocalStack as a process. It keeps all its files below the state
/// directory.
pub(super) fn host_command(
    tools: Option<&Path>,
    state: &Path,
    port: u16,
) -> Result<Command, EmulatorError> {
    let missing = |file: &Path| EmulatorError::NotInstalled {
        name: "LocalStack",
        missing: format!("no Docker daemon answers, and {} does not exist", file.display()),
        remedy: "start Docker, or run `scripts/setup localstack` in Tidegate's repository"
            .to_owned(),
    };
    let tools = tools.ok_or_else(|| missing(Path::new(".tools/localstack")))?.join("localstack");
    let python = tools.join("venv/bin/python");
    let jar = tools.join("lib/dynamodb-local/2/DynamoDBLocal.jar");
    for file in [&python, &jar] {
        if !file.is_file() {
            return Err(missing(file));
        }
    }
    let root = state.join("localstack");
    link_libraries(&root, &tools.join("lib"))
        .map_err(|source| EmulatorError::State { path: root.clone(), source })?;
    let mut command = Command::new(python);
    command.args(["-m", "localstack.runtime.main"]);
    for (name, value) in [
        // "Not in Docker": everything it writes stays below FILESYSTEM_ROOT.
        ("OVERRIDE_IN_DOCKER", OsStr::new("0")),
        ("FILESYSTEM_ROOT", root.as_os_str()),
        ("GATEWAY_LISTEN", OsStr::new(&format!("127.0.0.1:{port}"))),
        ("SKIP_SSL_CERT_DOWNLOAD", OsStr::new("1")),
        ("DISABLE_EVENTS", OsStr::new("1")),
        ("DYNAMODB_IN_MEMORY", OsStr::new("1")),
    ] {
        command.env(name, value);
    }
    for name in
        ["SERVICES", "EAGER_SERVICE_LOADING", "PERSISTENCE", "EDGE_PORT", "LOCALSTACK_API_KEY"]
    {
        command.env_remove(name);
    }
    Ok(command)
}

/// Prepares an empty root with a link to the libraries. State directories share what LocalStack
/// installs, but not what it stores.
fn link_libraries(root: &Path, libraries: &Path) -> io::Result<()> {
    match fs::remove_dir_all(root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let data = root.join("var/lib/localstack");
    fs::create_dir_all(&data)?;
    let link: PathBuf = data.join("lib");
    std::os::unix::fs::symlink(fs::canonicalize(libraries)?, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_installation_the_error_names_the_set_up() {
        let tools = tempfile::tempdir().expect("a directory");
        let error =
            host_command(Some(tools.path()), tools.path(), 1).expect_err("nothing is installed");
        assert!(error.to_string().contains("run `scripts/setup localstack` in"), "{error}");
    }

    #[test]
    fn state_begins_empty_and_installed_parts_are_kept() {
        let tools = tempfile::tempdir().expect("a directory");
        let state = tempfile::tempdir().expect("a directory");
        for file in
            ["localstack/venv/bin/python", "localstack/lib/dynamodb-local/2/DynamoDBLocal.jar"]
        {
            let file = tools.path().join(file);
            fs::create_dir_all(file.parent().expect("a parent")).expect("created");
            fs::write(file, "x").expect("written");
        }
        let old = state.path().join("localstack/var/lib/localstack/old");
        fs::create_dir_all(&old).expect("created");
        host_command(Some(tools.path()), state.path(), 1).expect("installed");
        host_command(Some(tools.path()), state.path(), 1).expect("again");
        assert!(!old.exists());
        let jar = "localstack/var/lib/localstack/lib/dynamodb-local/2/DynamoDBLocal.jar";
        assert!(state.path().join(jar).is_file());
    }
}
