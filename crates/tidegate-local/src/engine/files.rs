//! The state directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StartError;
use crate::checkpoint::{Checkpoints, FileCheckpoints};
use crate::emulator::Backend;

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
