//! A running system, and its end.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::files::StateLock;
use crate::clients::Clients;
use crate::control::ControlApi;
use crate::environment::Functions;
use crate::parts::Parts;
use crate::status::{Look, Status};
use engine_client::engine_file::EngineFile;
use topology::Topology;

/// Time that a shutdown waits for invocations in flight.
const GRACE: Duration = Duration::from_secs(5);

/// A running system.
///
/// [`Engine::shutdown`] ends it in good order. Dropping it ends it at once.
#[derive(Debug)]
pub struct Engine {
    pub(super) parts: Arc<Parts>,
    pub(super) control: ControlApi,
    pub(super) shutdown: Arc<Notify>,
    pub(super) file: EngineFile,
    pub(super) state_dir: PathBuf,
    /// Released last.
    pub(super) _lock: StateLock,
}

impl Engine {
    /// Returns the engine file, which says where the engine is.
    pub fn file(&self) -> &EngineFile {
        &self.file
    }

    /// Returns the URL of the control API.
    pub fn control_url(&self) -> String {
        self.control.url()
    }

    /// Returns what the engine runs: the declared system, or the part that was asked for.
    pub fn topology(&self) -> &Topology {
        &self.parts.topology
    }

    /// Returns the functions.
    pub fn functions(&self) -> &Arc<dyn Functions> {
        &self.parts.functions
    }

    /// Returns the clients of the emulator.
    pub fn clients(&self) -> &Clients {
        &self.parts.clients
    }

    /// Returns the status of the whole system.
    pub async fn status(&self) -> Status {
        Status::ask(&self.parts, Look::Again).await
    }

    /// Waits for `POST /shutdown`, SIGTERM or SIGINT.
    ///
    /// # Errors
    /// The signals cannot be listened to.
    pub async fn wait_for_shutdown(&self) -> io::Result<()> {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            () = self.shutdown.notified() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }

    /// Ends the system.
    ///
    /// Nothing new begins, and invocations in flight have five seconds to end. Then processes are
    /// killed, and the emulator is stopped if it was started here.
    pub async fn shutdown(self) {
        self.parts.archives.stop();
        let pollers = std::mem::take(&mut *self.parts.pollers.lock());
        let began = Instant::now();
        // New requests find a closed port. Those in flight are answered within the grace.
        drop(pollers.gateways);
        self.parts.functions.close_lines();
        let mut stops: Vec<BoxFuture<'static, ()>> = Vec::new();
        stops.extend(pollers.mappings.into_iter().map(|mapping| mapping.stop().boxed()));
        stops.extend(pollers.schedules.into_iter().map(|schedules| schedules.stop().boxed()));
        stops.extend(pollers.buses.into_iter().map(|bus| bus.stop().boxed()));
        stops.extend(pollers.topics.into_iter().map(|topic| topic.stop().boxed()));
        stops.extend(pollers.asynchronous.into_iter().map(|queue| queue.stop().boxed()));
        if tokio::time::timeout(GRACE, join_all(stops)).await.is_err() {
            tracing::warn!("deliveries were interrupted and are repeated at the next start");
        }
        self.parts.functions.stop(GRACE.saturating_sub(began.elapsed())).await;
        self.parts.emulator.stop().await;
        if let Err(error) = EngineFile::remove(&self.state_dir) {
            tracing::warn!(%error, "cannot remove the engine file");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Without this, a program that continues would look like a running engine.
        if EngineFile::read(&self.state_dir).is_ok_and(|file| file == self.file) {
            let _ = EngineFile::remove(&self.state_dir);
        }
    }
}
