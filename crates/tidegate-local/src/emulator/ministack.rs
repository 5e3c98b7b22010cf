//! Finds and starts MiniStack.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::EmulatorError;
use super::installation::Installation;

const PROGRAM: &str = "ministack";

/// Places where MiniStack is searched for, in this order.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Installation of `scripts/setup`.
    pub(super) tools: Option<PathBuf>,
    /// Installation of `tidegate local install`. The user asked for it, and Tidegate is tested with
    /// its version, so it comes before any other in `PATH`.
    pub(super) cache: Option<Installation>,
    /// The directories of `PATH`.
    pub(super) path: Vec<PathBuf>,
}

impl Places {
    pub(super) fn from_environment(tools: Option<PathBuf>) -> Self {
        let path = env::var_os("PATH").map(|path| env::split_paths(&path).collect());
        Self { tools, path: path.unwrap_or_default(), cache: Installation::from_environment() }
    }

    fn find(&self) -> Option<PathBuf> {
        let tools = self.tools.iter().map(|tools| tools.join("venv/bin").join(PROGRAM));
        let installed = self.cache.iter().filter_map(Installation::program);
        let path = self.path.iter().map(|directory| directory.join(PROGRAM));
        tools.chain(installed).chain(path).find(|program| is_program(program))
    }

    fn missing(&self) -> EmulatorError {
        let tools = self.tools.iter().map(|tools| tools.join("venv/bin").display().to_string());
        let cache = self.cache.iter().map(|cache| cache.directory().display().to_string());
        let places: Vec<String> = tools.chain(cache).chain(["PATH".to_owned()]).collect();
        let remedy = format!(
            "run `tidegate local install`, which installs MiniStack {} with Python's pip, or set \
             AWS_ENDPOINT_URL to an AWS-compatible endpoint that runs already",
            Installation::version()
        );
        EmulatorError::NotInstalled {
            name: "MiniStack",
            missing: format!("`{PROGRAM}` is not in {}", places.join(", nor in ")),
            remedy,
        }
    }

    /// Returns the command that runs MiniStack in the foreground on a port.
    pub(super) fn command(&self, port: u16) -> Result<Command, EmulatorError> {
        let mut command = Command::new(self.find().ok_or_else(|| self.missing())?);
        // Without BIND_HOST it listens on all interfaces; at INFO it writes a line per request.
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        command.env("LOG_LEVEL", "WARNING");
        for name in [
            "AUTH",
            "EDGE_PORT",
            "SERVICES",
            "LOCALSTACK_PERSISTENCE",
            "PERSIST_STATE",
            "S3_PERSIST",
        ] {
            command.env_remove(name);
        }
        Ok(command)
    }
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn program(directory: &Path, mode: u32) -> PathBuf {
        fs::create_dir_all(directory).unwrap();
        let program = directory.join(PROGRAM);
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        program
    }

    #[test]
    fn the_repositorys_tools_go_before_what_was_installed_and_that_before_path() {
        let root = tempfile::tempdir().unwrap();
        let (tools, bin) = (root.path().join("tools"), root.path().join("bin"));
        let path = vec![root.path().join("nowhere"), root.path().join("text"), bin.clone()];
        program(&root.path().join("text"), 0o644);
        let in_path = program(&bin, 0o755);
        let mut places = Places { tools: Some(tools.clone()), path, cache: None };
        assert_eq!(places.find(), Some(in_path.clone()));
        // The user's installation counts once it is complete.
        let home = |name: &str| (name == "HOME").then(|| root.path().to_owned());
        places.cache = Installation::below(home);
        assert_eq!(places.find(), Some(in_path));
        let installed = program(&places.cache.as_ref().unwrap().directory().join("bin"), 0o755);
        places.cache.as_ref().unwrap().complete().unwrap();
        assert_eq!(places.find(), Some(installed));
        let of_tools = program(&tools.join("venv/bin"), 0o755);
        assert_eq!(places.find(), Some(of_tools));
        places = Places::default();
        assert_eq!(places.find(), None);
    }

    #[test]
    fn without_an_installation_one_message_says_where_was_looked_and_what_to_do() {
        let cache = tempfile::tempdir().unwrap();
        let variables = |name: &str| (name == "HOME").then(|| cache.path().to_owned());
        let places = Places {
            tools: Some("/t".into()),
            cache: Installation::below(variables),
            ..Places::default()
        };
        let said = places.command(1).unwrap_err().to_string();
        let version = Installation::version();
        let directory = format!("{}/.cache/tidegate/ministack-{version}", cache.path().display());
        assert_eq!(
            said,
            format!(
                "MiniStack is not installed: `ministack` is not in /t/venv/bin, nor in {directory}, nor in PATH; \
                 run `tidegate local install`, which installs MiniStack {version} with Python's pip, or set \
                 AWS_ENDPOINT_URL to an AWS-compatible endpoint that runs already"
            )
        );
        let nowhere = Places::default().command(1).unwrap_err().to_string();
        assert!(nowhere.contains("`ministack` is not in PATH; run"), "{nowhere}");
    }
}
