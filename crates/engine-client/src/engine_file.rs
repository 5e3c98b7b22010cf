//! The engine file, `engine.json` in the state directory: where the running engine is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::process;

/// Content of the engine file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFile {
    /// Process id of the engine.
    pub pid: i32,
    /// Start time of that process, as [`process::start_time`] returns it.
    ///
    /// Another process may have the same id by now. Without a start time, the id alone decides.
    #[serde(default)]
    pub process_started: Option<u64>,
    /// URL of the engine's control API.
    pub control: String,
    /// URL at which programs reach AWS and Lambda: the engine passes their calls to the emulator,
    /// and wakes the pollers of what they write to.
    pub endpoint: String,
    /// URL of the emulator itself. Empty in the file of an older engine.
    #[serde(default)]
    pub emulator_url: String,
    /// When the engine became ready.
    pub started_at: jiff::Timestamp,
    /// Absolute path of the topology file.
    pub topology: PathBuf,
    /// Name of the emulator.
    pub backend: String,
    /// Program of the emulator that the engine started; `None` if it already ran.
    #[serde(default)]
    pub emulator_program: Option<PathBuf>,
    /// Where HTTP APIs and function URLs answer.
    #[serde(default)]
    pub gateways: Vec<GatewayAddress>,
}

/// Address of an HTTP API or of a function URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayAddress {
    /// `api` or `function-url`.
    pub kind: String,
    /// Declared name of the API, or of the function with the URL.
    pub name: String,
    /// The URL.
    pub url: String,
}

/// Why no running engine was found.
#[derive(Debug, thiserror::Error)]
pub enum EngineFileError {
    /// No engine was started, or it was stopped.
    #[error("no local system is running in {0}: start one with `tidegate local up`")]
    NotRunning(PathBuf),
    /// The engine's process ended without removing its file.
    #[error(
        "the local system of {file} is gone (process {pid} has ended without cleaning up): start it again with `tidegate local up`"
    )]
    Stale {
        /// The file that it left.
        file: PathBuf,
        /// The process that wrote it.
        pid: i32,
    },
    /// The file cannot be read.
    #[error("{file} cannot be read: {why}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
}

impl EngineFile {
    /// Returns the path of the engine file.
    pub fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("engine.json")
    }

    /// Reads the file of a running engine.
    ///
    /// # Errors
    /// There is no file, it cannot be read, or the engine that wrote it no longer runs.
    pub fn read(state_dir: &Path) -> Result<Self, EngineFileError> {
        let file = Self::path(state_dir);
        let text = fs::read(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => EngineFileError::NotRunning(state_dir.to_owned()),
            _ => EngineFileError::Unreadable { file: file.clone(), why: error.to_string() },
        })?;
        let found: Self = serde_json::from_slice(&text).map_err(|error| {
            EngineFileError::Unreadable { file: file.clone(), why: error.to_string() }
        })?;
        if found.is_running() {
            Ok(found)
        } else {
            Err(EngineFileError::Stale { file, pid: found.pid })
        }
    }

    /// Returns the URL of the engine's console.
    pub fn console(&self) -> String {
        format!("{}/console", self.control)
    }

    /// Returns whether the process that wrote the file still runs.
    pub fn is_running(&self) -> bool {
        self.process_started.map_or_else(
            || process::is_running(self.pid),
            |started| process::is_same(self.pid, started),
        )
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn write(&self, state_dir: &Path) -> io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(state_dir)?;
        serde_json::to_writer_pretty(&mut temporary, self)?;
        temporary.persist(Self::path(state_dir)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes the file, if it exists.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(state_dir: &Path) -> io::Result<()> {
        match fs::remove_file(Self::path(state_dir)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(pid: i32) -> EngineFile {
        EngineFile {
            pid,
            process_started: process::start_time(pid),
            control: "http://127.0.0.1:1".to_owned(),
            endpoint: "http://127.0.0.1:2".to_owned(),
            emulator_url: "http://127.0.0.1:3".to_owned(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            topology: "/t".into(),
            backend: "ministack".to_owned(),
            emulator_program: None,
            gateways: Vec::new(),
        }
    }

    #[test]
    fn the_file_of_a_running_engine_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let own = file(i32::try_from(std::process::id()).unwrap());
        own.write(dir.path()).unwrap();
        assert_eq!(EngineFile::read(dir.path()).unwrap(), own);
        EngineFile::remove(dir.path()).unwrap();
        EngineFile::remove(dir.path()).unwrap();
        assert!(matches!(EngineFile::read(dir.path()), Err(EngineFileError::NotRunning(_))));
    }

    #[test]
    fn another_process_with_the_number_of_an_engine_is_not_that_engine() {
        let dir = tempfile::tempdir().unwrap();
        let own = file(i32::try_from(std::process::id()).unwrap());
        let earlier = own.process_started.map(|started| started - 1);
        EngineFile { process_started: earlier, ..own }.write(dir.path()).unwrap();
        assert!(matches!(EngineFile::read(dir.path()), Err(EngineFileError::Stale { .. })));
    }

    #[test]
    fn the_file_of_an_engine_that_is_gone_is_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        file(i32::try_from(ended.id()).unwrap()).write(dir.path()).unwrap();
        let error = EngineFile::read(dir.path()).unwrap_err();
        assert!(matches!(error, EngineFileError::Stale { .. }), "{error}");
        assert!(error.to_string().contains("tidegate local up"), "{error}");
    }
}
