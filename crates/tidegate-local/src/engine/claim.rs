//! Claims the state directory and the port, before anything is built or started.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use tokio::net::TcpListener;

use super::files::{self, StateLock};
use super::options::Options;
use super::start_error::StartError;
use engine_client::engine_file::EngineFile;

/// The state directory and the port of the control API.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) listener: TcpListener,
    pub(super) state_dir: PathBuf,
    /// Released last.
    pub(super) lock: StateLock,
}

impl Claim {
    /// Claims both.
    ///
    /// # Errors
    /// Another engine runs in the directory, or the port cannot be used.
    pub(super) async fn take(options: &Options) -> Result<Self, StartError> {
        let state_dir = files::prepare(&options.state_dir)?;
        let lock = StateLock::take(&state_dir)?;
        if let Ok(running) = EngineFile::read(&state_dir) {
            return Err(StartError::Running { pid: running.pid, state_dir });
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await;
        let listener =
            listener.map_err(|source| StartError::Port { port: options.port, source })?;
        Ok(Self { listener, state_dir, lock })
    }
}
