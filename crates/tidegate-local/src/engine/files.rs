//! Files of the state directory.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StartError;
use crate::archive::Archives;
use crate::checkpoint::{Checkpoints, FileCheckpoints};
use crate::credentials::VARIABLES;
use crate::emulator::Backend;
use crate::provision::Provisioned;
use crate::proxy::Ports;
use engine_client::engine_file::EngineFile;
use engine_client::local::REGION;
use topology::Topology;

fn failed(path: &Path) -> impl FnOnce(io::Error) -> StartError {
    let path = path.to_owned();
    move |source| StartError::State { path, source }
}

/// Creates the state directory and returns its absolute path.
pub(super) fn prepare(state_dir: &Path) -> Result<PathBuf, StartError> {
    let logs = state_dir.join("logs");
    fs::create_dir_all(&logs).map_err(failed(&logs))?;
    state_dir.canonicalize().map_err(failed(state_dir))
}

/// Exclusive lock of the state directory, from the beginning of an engine's start to its end.
///
/// The kernel releases it when the process ends, for whatever reason.
#[derive(Debug)]
pub(super) struct StateLock(File);

impl StateLock {
    /// Takes the lock. The error says which engine has it.
    pub(super) fn take(state_dir: &Path) -> Result<Self, StartError> {
        let path = state_dir.join("engine.lock");
        let file = File::options().create(true).append(true).open(&path).map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(match EngineFile::read(state_dir) {
                Ok(running) => {
                    StartError::Running { pid: running.pid, state_dir: state_dir.to_owned() }
                }
                Err(_) => StartError::Locked(state_dir.to_owned()),
            }),
            Err(TryLockError::Error(error)) => Err(failed(&path)(error)),
        }
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // Closing alone is not enough: a child that is just being started has the file too, until
        // its exec.
        let _ = self.0.unlock();
    }
}

/// Opens the mappings' checkpoints.
///
/// An emulator that was started here is empty, so positions of an earlier emulator mean nothing in
/// it and are deleted.
pub(super) fn checkpoints(
    state_dir: &Path,
    backend: &Backend,
) -> Result<Arc<dyn Checkpoints>, StartError> {
    let directory = state_dir.join("checkpoints");
    if !matches!(backend, Backend::External(_)) {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&directory)(error));
            }
            _ => {}
        }
    }
    let checkpoints = FileCheckpoints::open(&directory).map_err(failed(&directory))?;
    Ok(Arc::new(checkpoints))
}

/// Opens the archives of the buses, and the replays.
///
/// They stay when the emulator begins anew: an archive outlives what it was made from.
pub(super) fn archives(state_dir: &Path, topology: &Topology) -> Result<Archives, StartError> {
    let directory = state_dir.join("archive");
    Archives::open(&directory, topology).map_err(failed(&directory))
}

/// Writes the variables of each function to a file, so that another program can run it: `cargo
/// lambda watch`, or a debugger.
///
/// The calls of such a function go through the proxy, as those of the engine's own processes do.
pub(super) fn write_environments(
    state_dir: &Path,
    topology: &Topology,
    provisioned: &Provisioned,
    ports: &Ports,
    time_scale: f64,
) -> Result<(), StartError> {
    let directory = state_dir.join("functions");
    fs::create_dir_all(&directory).map_err(failed(&directory))?;
    for name in topology.functions.keys() {
        let mut variables = provisioned.scaled_environment(topology, name, time_scale);
        let endpoint = ports.endpoint(name).unwrap_or_default();
        // A program adds the file to its own environment, which may contain the operator's session
        // token. SDKs treat an empty token as none.
        let common = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_SESSION_TOKEN", ""),
        ];
        let common = common.into_iter().chain(VARIABLES);
        variables.extend(common.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let lines: String =
            variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let path = directory.join(format!("{name}.env"));
        fs::write(&path, lines).map_err(failed(&path))?;
    }
    Ok(())
}
