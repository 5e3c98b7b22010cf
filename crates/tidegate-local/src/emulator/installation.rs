//! MiniStack in Tidegate's own cache: its place, and its installation with pip.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The packages to install, each with its version and the hashes of its files.
const REQUIREMENTS: &str = include_str!("../../../../tools/requirements.txt");
/// Marker file, written last, with these requirements. If it is missing or differs, the
/// installation was interrupted or belongs to another version of Tidegate.
const COMPLETE: &str = "installed.txt";
/// Exits with 3 if Python is too old, and with 4 if it cannot create virtual environments.
const CHECK: &str = "import sys
if sys.version_info < (3, 10): sys.exit(3)
try: import ensurepip, venv
except ImportError: sys.exit(4)";

/// An installation of MiniStack in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    directory: PathBuf,
}

/// Why MiniStack could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// No variable says where the cache is.
    #[error("no cache directory: set XDG_CACHE_HOME or HOME")]
    NoCache,
    /// A file or directory cannot be written.
    #[error("cannot write {path}: {source}")]
    Unwritable {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Python is missing or unsuitable.
    #[error(
        "{0}; install Python 3.10 or newer with its venv module (on Debian the package python3-venv)"
    )]
    Python(String),
    /// A step failed. Its own output says why.
    #[error("{step} failed ({why}); see its output above")]
    Step {
        /// The step.
        step: String,
        /// How the step ended.
        why: String,
    },
}

impl Installation {
    /// Returns the installation below `XDG_CACHE_HOME`, otherwise below `~/.cache`.
    ///
    /// Returns `None` if neither `XDG_CACHE_HOME` nor `HOME` is set.
    pub fn from_environment() -> Option<Self> {
        Self::below(|name| env::var_os(name).map(PathBuf::from))
    }

    pub(super) fn below(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        // A relative path in XDG_CACHE_HOME must be ignored (XDG Base Directory Specification).
        let cache = variable("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let home = || Some(variable("HOME").filter(|path| path.is_absolute())?.join(".cache"));
        let cache = cache.or_else(home)?.join("tidegate");
        Some(Self { directory: cache.join(format!("ministack-{}", Self::version())) })
    }

    /// Returns the version that is installed.
    pub fn version() -> &'static str {
        let pin = REQUIREMENTS.lines().find_map(|line| line.strip_prefix("ministack=="));
        pin.and_then(|pin| pin.split_whitespace().next()).unwrap_or("of an unknown version")
    }

    /// Returns the directory of the installation.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the program if the installation is complete.
    pub fn program(&self) -> Option<PathBuf> {
        let installed = fs::read_to_string(self.directory.join(COMPLETE)).ok()?;
        Some(self.directory.join("bin/ministack")).filter(|_| installed == REQUIREMENTS)
    }

    /// Installs MiniStack and returns its program.
    ///
    /// Blocks the calling thread.
    ///
    /// Creates a virtual environment and installs the pinned packages with pip, which uses PyPI or
    /// the index in pip's own configuration. Output of these programs goes to standard error.
    /// Returns at once if MiniStack is already installed.
    ///
    /// # Errors
    /// The directory cannot be written, or a step fails.
    pub fn install(&self) -> Result<PathBuf, InstallError> {
        let unwritable = |path: &Path| {
            let path = path.to_owned();
            move |source| InstallError::Unwritable { path, source }
        };
        fs::create_dir_all(&self.directory).map_err(unwritable(&self.directory))?;
        // Two installations at a time would overwrite each other's files.
        let lock = self.directory.with_extension("lock");
        let held = File::create(&lock).map_err(unwritable(&lock))?;
        held.lock().map_err(unwritable(&lock))?;
        if let Some(program) = self.program() {
            return Ok(program);
        }
        check_python()?;
        let step = format!("python3 -m venv {}", self.directory.display());
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&self.directory), &step)?;
        let requirements = self.directory.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS).map_err(unwritable(&requirements))?;
        let mut pip = Command::new(self.directory.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
        pip.args(["--require-hashes", "--requirement"]).arg(&requirements);
        run(&mut pip, "pip install")?;
        self.complete().map_err(unwritable(&self.directory.join(COMPLETE)))?;
        Ok(self.directory.join("bin/ministack"))
    }

    /// Writes the marker of a complete installation.
    pub(super) fn complete(&self) -> io::Result<()> {
        fs::write(self.directory.join(COMPLETE), REQUIREMENTS)
    }
}

fn check_python() -> Result<(), InstallError> {
    let checked = Command::new("python3").args(["-c", CHECK]).stdin(Stdio::null()).status();
    let why = match checked.map(|status| status.code()) {
        Ok(Some(0)) => return Ok(()),
        Ok(Some(3)) => "python3 is older than 3.10".to_owned(),
        Ok(Some(4)) => "python3 has no venv module".to_owned(),
        Ok(_) => "python3 cannot run a program".to_owned(),
        Err(error) => format!("python3 cannot be started: {error}"),
    };
    Err(InstallError::Python(why))
}

fn run(command: &mut Command, step: &str) -> Result<(), InstallError> {
    let failed = |why: String| InstallError::Step { step: step.to_owned(), why };
    let status = command.stdin(Stdio::null()).stdout(io::stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(status.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(variables: &[(&str, &str)]) -> Option<String> {
        let find = |name: &str| {
            variables.iter().find(|(set, _)| *set == name).map(|(_, value)| PathBuf::from(value))
        };
        Some(Installation::below(find)?.directory.display().to_string())
    }

    #[test]
    fn the_cache_is_where_the_environment_says() {
        let version = Installation::version();
        assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
        let (cache, home) = (("XDG_CACHE_HOME", "/c"), ("HOME", "/h"));
        assert_eq!(place(&[cache, home]), Some(format!("/c/tidegate/ministack-{version}")));
        for own in ["", "relative"] {
            let own = place(&[("XDG_CACHE_HOME", own), home]);
            assert_eq!(own, Some(format!("/h/.cache/tidegate/ministack-{version}")));
        }
        assert_eq!(place(&[]), None);
    }

    #[test]
    fn an_installation_that_was_cut_off_or_has_other_packages_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let installation = Installation { directory: directory.path().to_owned() };
        fs::create_dir(directory.path().join("bin")).unwrap();
        fs::write(directory.path().join("bin/ministack"), "").unwrap();
        assert_eq!(installation.program(), None);
        let complete = directory.path().join(COMPLETE);
        fs::write(&complete, "ministack==0.1\n").unwrap();
        assert_eq!(installation.program(), None);
        fs::write(&complete, REQUIREMENTS).unwrap();
        assert_eq!(installation.program(), Some(directory.path().join("bin/ministack")));
    }
}
