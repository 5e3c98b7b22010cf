//! A running mapping, as its owner holds it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::status::MappingStatus;

/// A running mapping. Dropping it ends the mapping at once; what was in flight is delivered again later.
pub struct Mapping {
    status: Arc<dyn Fn() -> MappingStatus + Send + Sync>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Mapping {
    pub(super) fn new(
        status: impl Fn() -> MappingStatus + Send + Sync + 'static,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    ) -> Self {
        Self { status: Arc::new(status), stop, task: Some(task) }
    }

    /// How the mapping stands.
    #[must_use]
    pub fn status(&self) -> MappingStatus {
        (self.status)()
    }

    /// Begins nothing new, and waits for what is in flight. Whoever cannot wait that long drops the future.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = &mut self.task {
            // An error is a panic or an abort of the task: it has ended in any case.
            let _ = task.await;
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapping").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Waits until a stop was asked for, or its owner is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the owner is gone, which is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}
