//! The container in which LocalStack runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// The last community release. Later images require a token.
const IMAGE: &str = include_str!("../../../../tools/localstack-image");

/// A container that runs or is about to run.
///
/// It does not end with the client that started it. Dropping this value removes it.
#[derive(Debug)]
pub(super) struct Container {
    docker: PathBuf,
    name: String,
    removed: AtomicBool,
}

impl Container {
    /// Returns the container of a state directory. Its name is always the same, so that the next
    /// start finds what a crash has left.
    pub(super) fn from_state(state: &Path) -> Self {
        Self::new(PathBuf::from("docker"), name(state))
    }

    fn new(docker: PathBuf, name: String) -> Self {
        Self { docker, name, removed: AtomicBool::new(false) }
    }

    /// Returns the command that runs the container in the foreground. Its port is open on this
    /// machine's loopback only.
    pub(super) fn run_command(&self, port: u16) -> Command {
        let mut command = Command::new(&self.docker);
        command.args(["run", "--rm", "--name", &self.name, "--publish"]);
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

    /// Removes a container that an earlier start has left.
    pub(super) async fn clear(&self) {
        // A container that does not exist counts as removed.
        let _ = tokio::process::Command::from(self.remove_command()).status().await;
    }

    /// Removes the container. Dropping this value then does nothing.
    pub(super) async fn remove(&self) {
        self.clear().await;
        self.removed.store(true, Ordering::Relaxed);
    }

    fn remove_command(&self) -> Command {
        let mut command = Command::new(&self.docker);
        command
            .args(["rm", "--force", &self.name])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if !self.removed.load(Ordering::Relaxed) {
            let _ = self.remove_command().status();
        }
    }
}

fn name(state: &Path) -> String {
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, state.as_os_str().as_encoded_bytes());
    format!("tidegate-localstack-{}", id.simple())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    /// A program in place of Docker that records its arguments.
    fn docker(directory: &Path) -> PathBuf {
        let program = directory.join("docker");
        std::fs::write(&program, "#!/bin/sh\necho \"$@\" >> \"$0.calls\"\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        program
    }

    #[test]
    fn it_listens_on_loopback_only_and_is_removed_with_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let container = Container::new(docker(directory.path()), "name".to_owned());
        let command = container.run_command(4567);
        let words: Vec<&str> = command.get_args().filter_map(OsStr::to_str).collect();
        assert_eq!(
            words[..6],
            ["run", "--rm", "--name", "name", "--publish", "127.0.0.1:4567:4566"]
        );
        assert_eq!(words.last(), Some(&IMAGE.trim()));
        assert!(IMAGE.contains("@sha256:"), "the tag alone may be moved");
    }

    #[tokio::test]
    async fn dropping_it_removes_the_container_unless_that_was_done() {
        let directory = tempfile::tempdir().unwrap();
        let docker = docker(directory.path());
        let calls = || std::fs::read_to_string(directory.path().join("docker.calls")).unwrap();
        drop(Container::new(docker.clone(), "dropped".to_owned()));
        assert_eq!(calls(), "rm --force dropped\n");
        let container = Container::new(docker, "removed".to_owned());
        container.remove().await;
        drop(container);
        assert_eq!(calls(), "rm --force dropped\nrm --force removed\n");
    }

    #[test]
    fn a_state_directory_always_gives_the_same_name() {
        let of = |state: &str| name(Path::new(state));
        assert_eq!(of("a/.tidegate"), of("a/.tidegate"));
        assert_ne!(of("a/.tidegate"), of("b/.tidegate"));
        assert!(of("a/.tidegate").starts_with("tidegate-localstack-"));
    }
}
