//! How LocalStack is started: in a container, or as a process of this machine.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::error::EmulatorError;

/// The last community release; later images ask for a token.
const IMAGE: &str = include_str!("../../../../tools/localstack-image");

/// Whether a Docker daemon answers.
pub(super) async fn docker_answers() -> bool {
    let mut command = tokio::process::Command::new("docker");
    command.args(["version", "--format", "{{.Server.Version}}"]).stdin(Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(Duration::from_secs(10), command.output()).await;
    answer.is_ok_and(|output| output.is_ok_and(|output| output.status.success()))
}

/// The command that runs the container in the foreground, with its port on this machine's loopback only.
pub(super) fn docker_command(container: &str, port: u16) -> Command {
    let mut command = Command::new("docker");
    command.args(["run", "--rm", "--name", container, "--publish"]);
    command.arg(format!("127.0.0.1:{port}:4566"));
    command.args([
        "--env",
        "DISABLE_EVENTS=1",
        "--env",
        "DYNAMODB_IN_MEMORY=1",
        "--env",
        "SKIP_SSL_CERT_DOWNLOAD=1",
    ]);
    command.arg(IMAGE.trim());
    command
}

/// The container's name: one per state directory, so that the next start finds what a crash has left.
pub(super) fn container_name(state: &Path) -> String {
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, state.as_os_str().as_encoded_bytes());
    format!("tidegate-localstack-{}", id.simple())
}

/// Removes the container, if it is there.
pub(super) async fn remove_container(container: &str) {
    let mut command = tokio::process::Command::new("docker");
    command
        .args(["rm", "--force", container])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // A container that is not there is as good as removed.
    let _ = command.status().await;
}

/// The command that runs LocalStack as a process, with all its state below the state directory.
pub(super) fn host_command(tools: Option<&Path>, state: &Path, port: u16) -> Result<Command, EmulatorError> {
    let missing = |missing: String| EmulatorError::NotInstalled {
        name: "LocalStack",
        missing,
        command: "scripts/setup localstack (or start a Docker daemon)",
    };
    let tools = tools.ok_or_else(|| missing(".tools/localstack".to_owned()))?.join("localstack");
    let python = tools.join("venv/bin/python");
    let jar = tools.join("lib/dynamodb-local/2/DynamoDBLocal.jar");
    for file in [&python, &jar] {
        if !file.is_file() {
            return Err(missing(file.display().to_string()));
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
    for name in ["SERVICES", "EAGER_SERVICE_LOADING", "PERSISTENCE", "EDGE_PORT", "LOCALSTACK_API_KEY"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// What LocalStack installs is shared between state directories; what it stores is not, and begins empty.
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
    fn the_container_listens_on_loopback_only_and_is_removed_with_its_end() {
        let command = docker_command("name", 4567);
        let words: Vec<&str> = command.get_args().filter_map(OsStr::to_str).collect();
        assert_eq!(command.get_program(), "docker");
        assert_eq!(words[..6], ["run", "--rm", "--name", "name", "--publish", "127.0.0.1:4567:4566"]);
        assert_eq!(words.last(), Some(&"localstack/localstack:4.14.0"));
    }

    #[test]
    fn a_state_directory_always_gives_the_same_container_name() {
        let name = container_name(Path::new("a/.tidegate"));
        assert_eq!(name, container_name(Path::new("a/.tidegate")));
        assert_ne!(name, container_name(Path::new("b/.tidegate")));
        assert!(name.starts_with("tidegate-localstack-"));
    }

    #[test]
    fn without_an_installation_the_error_names_the_set_up() {
        let tools = tempfile::tempdir().expect("a directory");
        let error = host_command(Some(tools.path()), tools.path(), 1).expect_err("nothing is installed");
        assert!(error.to_string().contains("run scripts/setup localstack"), "{error}");
    }

    #[test]
    fn state_begins_empty_and_installed_parts_are_kept() {
        let tools = tempfile::tempdir().expect("a directory");
        let state = tempfile::tempdir().expect("a directory");
        for file in ["localstack/venv/bin/python", "localstack/lib/dynamodb-local/2/DynamoDBLocal.jar"] {
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
