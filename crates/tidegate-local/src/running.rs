//! Handle of a task that delivers in the background.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running mapping, bus or asynchronous queue, with its status.
///
/// Dropping it ends the task at once. Records in flight are delivered again later.
pub struct Running<S> {
    status: Arc<dyn Fn() -> S + Send + Sync>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl<S> Running<S> {
    pub(crate) fn new(
        status: impl Fn() -> S + Send + Sync + 'static,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    ) -> Self {
        Self { status: Arc::new(status), stop, task: Some(task) }
    }

    /// Returns the current status.
    #[must_use]
    pub fn status(&self) -> S {
        (self.status)()
    }

    /// Stops: begins nothing new and waits until nothing is in flight.
    ///
    /// To end earlier, drop the future.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = &mut self.task {
            // An error means that the task panicked or was aborted: it has ended in any case.
            let _ = task.await;
        }
    }
}

impl<S> Drop for Running<S> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Running<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Waits until a stop is requested or the owner of the sender is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the owner is gone, which counts as a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}
