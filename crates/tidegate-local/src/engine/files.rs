//! The state directory.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StartError;
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

/// Creates the state directory; returns its absolute path.
pub(super) fn prepare(state_dir: &Path) -> Result<PathBuf, StartError> {
    let logs = state_dir.join("logs");
    fs::create_dir_all(&logs).map_err(failed(&logs))?;
    state_dir.canonicalize().map_err(failed(state_dir))
}

/// The state directory as one engine's own, from the beginning of its start to its end. The kernel gives it back when the process ends,
/// however it ends.
#[derive(Debug)]
pub(super) struct StateLock(File);

impl StateLock {
    /// Takes the directory, or says who has it.
    pub(super) fn take(state_dir: &Path) -> Result<Self, StartError> {
        let path = state_dir.join("engine.lock");
        let file = File::options().create(true).append(true).open(&path).map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(match EngineFile::read(state_dir) {
                Ok(running) => StartError::Running { pid: running.pid, state_dir: state_dir.to_owned() },
                Err(_) => StartError::Locked(state_dir.to_owned()),
            }),
            Err(TryLockError::Error(error)) => Err(failed(&path)(error)),
        }
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // Closing alone would leave it to a child that is just being started: until its exec it has the file too.
        let _ = self.0.unlock();
    }
}

/// The mappings' checkpoints. An emulator that was started here began empty, so what is left of the one before is no position in it.
pub(super) fn checkpoints(state_dir: &Path, backend: &Backend) -> Result<Arc<dyn Checkpoints>, StartError> {
    let directory = state_dir.join("checkpoints");
    if !matches!(backend, Backend::External(_)) {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&directory)(error)),
            _ => {}
        }
    }
    let checkpoints = FileCheckpoints::open(&directory).map_err(failed(&directory))?;
    Ok(Arc::new(checkpoints))
}

/// Writes down the variables of each function, so that it can be run by something else: `cargo
/// lambda watch`, a debugger. Its calls go through the proxy as those of the engine's own processes
/// do.
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
        // What reads the file adds to an environment, which may have a token of the operator's;
        // SDKs take an empty one for none.
        let common =
            [("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_REGION", REGION), ("AWS_SESSION_TOKEN", "")];
        let common = common.into_iter().chain(VARIABLES);
        variables.extend(common.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let lines: String = variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let path = directory.join(format!("{name}.env"));
        fs::write(&path, lines).map_err(failed(&path))?;
    }
    Ok(())
}
